"""TW604 validation-identical."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import Array, LearningCurve

FEWEST_POINTS = 5
"""Evaluations that must agree to the last digit."""

MOVED = 0.05
"""Share of the constant prediction's loss by which the training loss must have moved meanwhile."""

DIGITS = 4
"""Significant digits that a value must have: rounded ones may agree by chance."""


class ValidationIdentical(Check):
    """The validation loss is the same as the training loss, or the same every time.

    What it finds:
        Validation values that equal the training values to the last digit, and validation values that never change
        while the training goes on.

    Why it hurts:
        Nothing is known about how the model does on other data: the same numbers were logged twice, or a model is
        evaluated that does not take part in the training (a copy, a compiled or averaged one that is never updated).

    How it is measured:
        Equality to the last digit over at least five evaluations, at four significant digits or more, while the
        training loss moved by 5 % of the constant prediction's, and not only up to the first of them. Two different
        data sets never give that.

    How to fix:
        Look which variable is logged as validation loss, which loader is read, and whether the model that is
        evaluated is the one that is trained.

    References:
        Karpathy, A Recipe for Training Neural Networks (evaluation over the whole, correct set).
    """

    code = "TW604"
    name = "validation-identical"
    severity = Severity.ERROR
    after = ("TW401", "TW304", "TW340", "TW404", "TW502", "TW508")
    cases = (Case(training_benches.alloys_mlp, curve_faults.stale_evaluation),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_points(curve.validation_loss, FEWEST_POINTS, "validation losses")
        known = curve.validation_loss.finite
        train = curve.train_loss.at(known.x)
        moved = np.ptp(train) if np.isfinite(train).all() else 0.0
        if moved < MOVED * curve.scale or not _has_digits(known.y):
            return
        # One step over all the data, as of L-BFGS, may go all the way: nothing is left to change then.
        if np.ptp(train[1:]) == 0:
            return
        if np.ptp(known.y) == 0:
            yield self._finding(curve, f"is {known.y[0]:.6g} in each of {len(known)} evaluations", "constant")
        elif len(np.unique(known.y)) >= FEWEST_POINTS and np.array_equal(known.y, train):
            yield self._finding(curve, f"equals the training loss in each of {len(known)} evaluations", "training loss")

    def _finding(self, curve: LearningCurve, how: str, where: str) -> Finding:
        return self.finding(
            happened=f"The validation loss {how}, to the last digit.",
            expected="Other numbers on other data, and others after more training.",
            todo="Look which number is logged, which loader is read, and which model is evaluated.",
            evidence=(
                Evidence(
                    "evaluations that are identical",
                    len(curve.validation_loss.finite),
                    limit=FEWEST_POINTS - 1,
                    where=where,
                    series=(curve.train_loss.series("training loss"), curve.validation_loss.series("validation loss")),
                ),
            ),
            fixes=(
                Fix(
                    "Evaluate the model that is trained, on other data",
                    instruction="Check the loader and the model that the validation loop is given, and what is logged.",
                ),
            ),
            confidence=0.99,
            why_confident="Equality to the last digit does not happen by chance.",
        )


def _has_digits(values: Array) -> bool:
    return any(f"{value:.{DIGITS - 2}e}" != f"{value:.{DIGITS - 1}e}".replace("0e", "e") for value in values)
