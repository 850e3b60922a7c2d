"""TW805 aliased-checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.system import CheckpointAliases


class AliasedCheckpoint(Check):
    """Weights that were kept for later are the live ones.

    What it finds:
        A ``state_dict()`` that was put aside without a copy, while training went on, and then loaded back or saved; as
        advice, one that is still held at the end.

    Why it hurts:
        ``state_dict()`` gives references. The "best" weights change with every further step, so that loading them
        changes nothing, and the file holds the last weights instead of the best.

    How it is measured:
        Whether the tensors of a state dictionary share their memory with the live weights at the time it is loaded into
        the same model or written to a file, at least one optimizer step after it was taken. A fact; there is no limit.

    How to fix:
        ``copy.deepcopy(model.state_dict())``, or save it to a file at once.

    References:
        PyTorch, Saving and Loading Models: "you must serialize best_model_state or use deepcopy".
    """

    code = "TW805"
    name = "aliased-checkpoint"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.aliased_best),
        Case(training_benches.normalised, loop_faults.aliased_best),
    )

    def run(self, found: CheckpointAliases) -> Iterator[Finding]:
        used = found.n_loaded + found.n_saved
        if not used and not found.n_kept:
            return
        what = [
            f"{n} {word}"
            for n, word in (
                (found.n_loaded, "loaded back into the model"),
                (found.n_saved, "written to a file"),
                (found.n_kept if not used else 0, "still held at the end"),
            )
            if n
        ]
        yield self.finding(
            happened=f"Of {found.n_taken} state dictionaries taken, {' and '.join(what)} shared memory with weights "
            f"that had been trained on for up to {found.steps_between} steps since.",
            expected="Weights kept for later are copies: 0 that change with the model.",
            todo="Keep copy.deepcopy(model.state_dict()) instead of model.state_dict().",
            evidence=(
                Evidence("state dictionaries used that had changed", used or found.n_kept, limit=0),
                Evidence("steps trained in between", found.steps_between, unit="steps"),
            ),
            fixes=(
                Fix("Keep a copy", instruction="best = copy.deepcopy(model.state_dict()), or torch.save it at once."),
            ),
            confidence=1.0 if used else 0.5,
            why_confident="The memory is the same, and the weights have changed since."
            if used
            else "It may never be used again.",
            severity=self.severity if used else Severity.ADVICE,
        )
