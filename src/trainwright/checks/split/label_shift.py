"""TW205 label-shift."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.clinic import data_faults, images, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.splits import TargetShift

FloatArray = npt.NDArray[np.float64]

DISTANCE = 0.1
"""Total variation: this share of the samples would have to change class. Below it the score hardly notices."""
DEVIATIONS = 4.0
"""Standard normal deviate of the chi-square statistic; random splits of the healthy benches reach 2.6 in 40 seeds,
shifted ones start at 7.5."""
MIN_SAMPLES = 20


class LabelShift(Check):
    """Two splits hold the classes, or small and large values, in clearly different proportions.

    What it finds:
        Validation or test with another mix of classes than train, by more than a random division gives; for a
        regression, a validation split with another mix of five bands of values.

    Why it hurts:
        The score on such a split answers another question than the one trained for, and a class that is common there
        but rare in train makes the model look worse (or better) than it is.

    How it is measured:
        Both must hold: the chi-square statistic of the two rows of counts lies more than four standard deviations
        out, so that chance does not explain it, and at least a tenth of the samples would have to change class
        (total variation), so that it matters. Where both parts have the same unbroken row of class numbers, one of them
        counted from another number on, that is said. Classes too rare for the statistic are counted together.

    How to fix:
        Divide the data at random and stratified by class. Where the split is given, check how it was made.

    References:
        Karpathy, A Recipe for Training Neural Networks, step 1; Jonathan Hui, part 2.
    """

    code = "TW205"
    name = "label-shift"
    severity = Severity.WARNING
    after = ("TW213", "TW510", "TW511")
    cases = (
        Case(tables.wine, data_faults.shifted_labels),
        Case(tables.diabetes, data_faults.shifted_labels),
        Case(images.digits, data_faults.shifted_labels),
    )

    def run(self, shift: TargetShift) -> Iterator[Finding]:
        first, second = (np.asarray(c, dtype=np.float64) for c in (shift.first_counts, shift.second_counts))
        if not len(shift.groups) == len(first) == len(second) or min(first.sum(), second.sum()) < MIN_SAMPLES:
            raise CannotEvaluate(f"{shift.first} or {shift.second} has fewer than {MIN_SAMPLES} samples")
        difference = second / second.sum() - first / first.sum()
        distance = float(np.abs(difference).sum() / 2)
        deviations = chance_deviations(first, second)
        offset = 0 if shift.bands else _offset(first, second)
        if offset and deviations > DEVIATIONS:
            yield self._counted_otherwise(shift, offset, deviations)
            return
        if not (distance > DISTANCE and deviations > DEVIATIONS):
            return
        worst = int(np.abs(difference).argmax())
        kind = "The band of values" if shift.bands else "Class"
        yield self.finding(
            happened=f"{kind} '{shift.groups[worst]}' makes up {second[worst] / second.sum():.1%} of {shift.second} "
            f"but {first[worst] / first.sum():.1%} of {shift.first}; {distance:.0%} of the samples would have to "
            "change group for the mixes to agree.",
            expected=f"The same mix of targets up to chance: at most {DISTANCE:.0%}.",
            todo="Divide the data anew, stratified by target." if not shift.given else "Check how the split was made.",
            evidence=(
                Evidence("total variation of the mix of targets", distance, limit=DISTANCE, where=shift.second,
                         series=tuple(Series(n, tuple(map(float, range(len(c)))), tuple(c / c.sum()), "share")
                                      for n, c in ((shift.first, first), (shift.second, second)))),
                Evidence("deviation from chance", deviations, limit=DEVIATIONS, unit="standard deviations"),
            ),
            fixes=(_fix(given=shift.given),),
            confidence=0.95,
            why_confident="Chance gives such a difference less than once in ten thousand divisions.",
            where=shift.second,
        )  # fmt: skip

    def _counted_otherwise(self, shift: TargetShift, offset: int, deviations: float) -> Finding:
        """``offset``: what the numbers of the second part's classes are above those of the first."""
        return self.finding(
            happened=f"The classes of {shift.second} are those of {shift.first} with numbers {abs(offset)} "
            f"{'higher' if offset > 0 else 'lower'}: one part is counted from another number on, and right answers "
            "count as wrong.",
            expected=f"The same numbers for the same classes in {shift.first} and {shift.second}.",
            todo="Number the classes from 0 on in both; look where 1 is added or taken away.",
            evidence=(
                Evidence("deviation from chance", deviations, limit=DEVIATIONS, unit="standard deviations"),
                Evidence("offset between the numbers of the classes", offset, limit=0, where=shift.second),
            ),
            fixes=(
                Fix("Number the classes alike", instruction="Make the targets of both parts by the same function."),
            ),
            confidence=0.9,
            why_confident="The first and last class of each part are common in it and absent from the other.",
            where=shift.second,
        )


def _offset(first: FloatArray, second: FloatArray) -> int:
    """By how much the classes that occur in the second row of counts have higher numbers; 0 where they are not as many
    in an unbroken row, three at least."""
    mine, others = (np.flatnonzero(counts) for counts in (first, second))
    if len(mine) != len(others) or len(mine) < 3 or not all((np.diff(row) == 1).all() for row in (mine, others)):
        return 0
    return int(others[0] - mine[0])


def _fix(*, given: bool) -> Fix:
    if given:
        return Fix("Divide anew", instruction="Pool the splits you gave and let them be divided at random, stratified.")
    return Fix("Stratify the split by target", changes={"data.stratify": True})


def chance_deviations(first: FloatArray, second: FloatArray) -> float:
    """Chi-square statistic of two rows of counts as a standard normal deviate (Wilson and Hilferty)."""
    table = np.stack([first, second])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    common = expected.min(axis=0) >= 5  # the usual condition for the chi-square distribution
    pooled = np.column_stack([table[:, common], table[:, ~common].sum(axis=1)])
    expected = pooled.sum(axis=1, keepdims=True) * pooled.sum(axis=0) / pooled.sum()
    usable = expected.min(axis=0) > 0
    freedom = int(usable.sum()) - 1
    if freedom < 1:
        return 0.0
    statistic = float(((pooled - expected)[:, usable] ** 2 / expected[:, usable]).sum())
    spread = 2 / (9 * freedom)
    return float(((statistic / freedom) ** (1 / 3) - (1 - spread)) / spread**0.5)
