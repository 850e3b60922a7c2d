"""TW334 partial-load."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.loads import WeightLoad, WeightLoads

SHOWN = 3


class PartialLoad(Check):
    """A checkpoint was loaded only in part, or not at all, and ``strict=False`` kept quiet about it.

    What it finds:
        Entries of the model that no load gave a value; above all those that the checkpoint does hold under a name that
        differs by a prefix (``module.`` of DataParallel, ``model.``, ``backbone.``).

    Why it hurts:
        Part of what was meant to be pretrained is random. Training works, and is only worse.

    How it is measured:
        ``load_state_dict`` is recorded while the model is made: what was missing, what was unexpected, and which of
        these have the same shape and a name that differs by a prefix only. Several loads into one module are joined.
        Renamed entries, or a load that gave nothing, are an error; other missing entries, as of a new head, are advice.

    How to fix:
        Rename the entries of the checkpoint, and load with ``strict=True``, or look at what the call returns.

    References:
        torch.nn.Module.load_state_dict returns ``missing_keys`` and ``unexpected_keys``.
    """

    code = "TW334"
    name = "partial-load"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.digits_cnn, initial_faults.partial_load),
        Case(training_benches.alloys_mlp, initial_faults.partial_load),
    )

    def run(self, found: WeightLoads) -> Iterator[Finding]:
        for load in found.loads:
            if load.missing:
                yield self._finding(load)

    def _finding(self, load: WeightLoad) -> Finding:
        nothing = len(load.missing) >= load.n_expected and bool(load.unexpected)
        wrong = nothing or bool(load.renamed)
        return self.finding(
            happened=f"{len(load.missing)} of the {load.n_expected} entries of {load.module} were in no checkpoint "
            f"that was loaded ({_some(load.missing)}), and {len(load.unexpected)} of the checkpoint were left over"
            f"{f' ({_some(load.unexpected)})' if load.unexpected else ''}.",
            expected="Every entry loaded, but for layers that are new on purpose.",
            todo=f"Rename the entries: '{load.renamed[0][1]}' is '{load.renamed[0][0]}' here."
            if load.renamed
            else "Make sure that the missing entries are meant to start at random.",
            evidence=(
                Evidence("entries not loaded", len(load.missing), limit=0, where=load.module),
                Evidence("entries under another prefix", len(load.renamed), limit=0, where=load.module),
            ),
            fixes=(
                Fix(
                    "Load everything",
                    instruction="Strip or add the prefix, {name.removeprefix('module.'): value for name, value in "
                    "state.items()}, and load with strict=True.",
                ),
            ),
            confidence=0.98 if wrong else 0.6,
            why_confident="The checkpoint holds these entries under another prefix, or nothing of it fitted."
            if wrong
            else "A new head, say, is meant to be missing.",
            where=load.module,
            severity=Severity.ERROR if wrong else Severity.ADVICE,
        )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
