"""TW117 leaking-feature."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import ColumnLeaks, TargetCopies

FEWEST_BATCHES = 5
FEWEST_SAMPLES = 100
LEFT = 4e-3
"""Share of the target's variance that a column of a table leaves. A copy with one percent of noise has 0.0004, one with
three percent 0.0025; the best columns of sound tables 0.05 and more."""
BESIDE = 0.02
"""Share that the next column must leave of that one: values of a series one after the other leave less."""
AREA, AREA_BESIDE = 0.99, 0.9
"""Area under the ROC curve from which on a single column parts two classes, and that of the next best column at most:
where classes lie far apart, several columns show it."""
SHOWN = 5


class LeakingFeature(Check):
    """One of the inputs is the target in other clothes.

    What it finds:
        A feature, or a place in a window, whose value is the target itself, or the target scaled and shifted; a few
        features of many whose sum is the target; a column of a table that differs from it by little noise, or is only
        filled in for one class; and texts whose targets were not moved one token ahead.

    Why it hurts:
        The network reads off the answer and looks brilliant until it is used, where that input is not known yet.

    How it is measured:
        In every training batch that was looked at, each input is compared with the target: an affine function of the
        target to the last digits (less than 1e-8 of its variance is left), over five batches and 100 samples or more.
        Related inputs, however strongly, leave a thousand times as much. Warnings: a column of a table that leaves less
        than 0.4 % of the target's variance, by values or by ranks, and is unlike all other columns (as the last value
        of a series is not); a column of three values or more that follows the target without exception, as a grade made
        of it; columns that each are constant in one class and take that value in no other, for all classes or all but
        one; a column that parts two classes (an area under the ROC curve of 0.99) where no other has 0.9. Features of a
        series that stay the same throughout each sample are columns, too. Only targets of one number for each sample
        are judged, and token numbers that equal the inputs everywhere, which is a warning.

    How to fix:
        Take the feature out, or end the window one step earlier.

    References:
        Kaufman et al., Leakage in Data Mining (2012).
    """

    code = "TW117"
    name = "leaking-feature"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, data_faults.target_among_inputs),
        Case(training_benches.yield_mlp, data_faults.target_among_inputs),
    )

    def run(self, copies: TargetCopies) -> Iterator[Finding]:
        if copies.n_batches < FEWEST_BATCHES or copies.n_samples < FEWEST_SAMPLES:
            raise CannotEvaluate(
                f"{copies.n_batches} batches with {copies.n_samples} samples are too few; {FEWEST_BATCHES} with "
                f"{FEWEST_SAMPLES} are needed"
            )
        if copies.same_tokens:
            yield self._unshifted(copies)
        if copies.parts:
            yield self._summed(copies)
        if not copies.features:
            if copies.table is not None and not copies.parts:
                yield from self._told(copies.table)
            return
        yield self.finding(
            happened=f"{len(copies.features)} of the {copies.n_features} inputs of a sample (number "
            f"{_shown(copies.features)}) {'is' if len(copies.features) == 1 else 'are'} the target, scaled and shifted,"
            f" to the last digit in all {copies.n_samples} samples looked at.",
            expected="0 inputs from which the target can be read off.",
            todo=f"Take input {copies.features[0]} out, or shift the window so that it ends before the target.",
            evidence=(Evidence("inputs that are the target", len(copies.features), limit=0, unit="inputs"),),
            fixes=(_DROP,),
            confidence=0.97,
            why_confident="Equal to the last digits; only data without any noise could do that by nature.",
        )

    def _told(self, table: ColumnLeaks) -> Iterator[Finding]:
        if table.nearest is not None and table.left < LEFT and table.beside > BESIDE:
            yield self._likely(
                table.nearest,
                f"Input {table.nearest} of {table.n_columns} alone leaves {table.left:.2%} of the target's variance in "
                f"{table.n_rows} samples; no other input is like it.",
                f"More than {LEFT:.1%} for any single input of a table: else there is nothing to learn.",
                Evidence("share of the target's variance left", table.left, limit=LEFT),
            )
        elif table.rounded is not None:
            yield self._likely(
                table.rounded,
                f"Input {table.rounded} of {table.n_columns} takes {table.n_steps} values that go up or down with the "
                f"target without exception in {table.n_rows} samples, as the target itself does when it is rounded or "
                "named by ranges.",
                "Some samples at least in another order by any single input of a table.",
                Evidence("values that follow the target", table.n_steps, limit=0, unit="values"),
            )
        elif table.telling:
            yield self._likely(
                table.telling[0],
                f"The class can be read off {len(table.telling)} of the {table.n_columns} inputs (number "
                f"{_shown(table.telling)}): each has one and the same value throughout one class and never in another, "
                f"in all {table.n_rows} samples looked at.",
                "0 inputs from which the class can be read off.",
                Evidence("inputs that tell the class", len(table.telling), limit=0, unit="inputs"),
            )
        elif table.parting is not None and table.area >= AREA and table.area_beside <= AREA_BESIDE:
            yield self._likely(
                table.parting,
                f"Input {table.parting} of {table.n_columns} alone parts the two classes in {table.n_rows} samples "
                f"(area under the ROC curve {table.area:.4f}); the next best input has {table.area_beside:.2f}.",
                f"Less than {AREA:g} for any single input of a table: else there is nothing to learn.",
                Evidence("area under the ROC curve of one input", table.area, limit=AREA),
            )

    def _likely(self, column: int, happened: str, expected: str, evidence: Evidence) -> Finding:
        return self.finding(
            happened=happened,
            expected=expected,
            todo=f"Find out when input {column} becomes known. Take it out if that is with the target.",
            evidence=(evidence,),
            fixes=(Fix("Remove the leak", instruction="Drop this input, and look how it came in."),),
            confidence=0.85,
            why_confident="What is known beforehand hardly ever tells the target alone while all else tells little.",
            severity=Severity.WARNING,
        )

    def _summed(self, copies: TargetCopies) -> Finding:
        shown = ", ".join(map(str, copies.parts))
        return self.finding(
            happened=f"The target is a sum of {len(copies.parts)} of the {copies.n_features} inputs (number {shown}), "
            f"constantly weighted, to the last digit in all {copies.n_samples} samples looked at.",
            expected="0 inputs from which the target can be worked out.",
            todo="Take these inputs out if they are only known when the target is.",
            evidence=(Evidence("inputs whose sum is the target", len(copies.parts), limit=0, unit="inputs"),),
            fixes=(_DROP,),
            confidence=0.9,
            why_confident="Equal to the last digits while other inputs do not matter at all; data are hardly ever so.",
            severity=Severity.WARNING,
        )

    def _unshifted(self, copies: TargetCopies) -> Finding:
        return self.finding(
            happened=f"In all {copies.n_batches} batches looked at ({copies.n_samples} samples) the targets are the "
            "very tokens that entered the model, each at its own place.",
            expected="Targets one token ahead of the inputs: 0 batches in which both are the same.",
            todo="Shift the targets by one: inputs tokens[:-1], targets tokens[1:].",
            evidence=(Evidence("batches whose targets are their inputs", copies.n_batches, limit=0, unit="batches"),),
            fixes=(Fix("Predict the next token", instruction="Write x = tokens[:, :-1] and y = tokens[:, 1:]."),),
            confidence=0.8,
            why_confident="The model need only copy; an auto-encoder of text is meant so, a language model is not.",
            severity=Severity.WARNING,
        )


_DROP = Fix("Remove the leak", instruction="Drop these inputs, and look how they came in.")


def _shown(columns: tuple[int, ...]) -> str:
    """The first of these numbers, as text."""
    return ", ".join(map(str, columns[:SHOWN])) + (" …" if len(columns) > SHOWN else "")
