"""TW603 validation-better."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import Array, LearningCurve
from trainwright.measures.learning import accuracy_error

LIMIT = 0.1
"""Median over the second half of training loss less validation loss, each as a share of its own constant prediction's.
Healthy benches without dropout: at most 0.02 in four widths; labels that are wrong in training only: 0.36 and more."""

ERRORS = 3.0
"""Standard errors of the validation set by which accuracy must be better, too."""

FEWEST_POINTS = 6


class ValidationBetter(Check):
    """Validation is better than training, and nothing that is known explains it.

    What it finds:
        A model that does better on validation data than on the data it learns from, lastingly and beyond chance.

    Why it hurts:
        Dropout, augmentation, label smoothing and batch norm make training look worse by design, which is harmless.
        Otherwise validation is easier than what the model is for: its samples stand in the training set, its labels
        are cleaner, it was drawn differently, or the two curves were exchanged.

    How it is measured:
        Median over the second half of the training. The training loss is compared at the middle of the epoch over which
        it is a mean, each loss is measured against the constant prediction on its own part, so that an easier mix of
        classes does not count, and accuracy must agree. Not judged where something acts in training only, or where that
        is not known; without an accuracy it is advice.

    How to fix:
        Evaluate the training set in evaluation mode and compare. If the difference stays, look for duplicates
        across the split, groups, cleaner labels, another time or place of origin.

    References:
        Rosebrock, Why is my validation loss lower than my training loss? (2019).
    """

    code = "TW603"
    name = "validation-better"
    severity = Severity.WARNING
    after = ("TW401", "TW501", "TW201", "TW604")
    cases = (Case(training_benches.waves_gru, curve_faults.noisy_training_labels),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        if curve.train_only:
            raise CannotEvaluate(f"{', '.join(curve.train_only)} makes training look worse by design")
        curve.require_points(curve.validation_loss, FEWEST_POINTS, "validation losses")
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        gap, better = _gap(curve), _accuracy_better(curve)
        if gap < LIMIT or better is False:
            return
        if curve.train_only is None:
            raise CannotEvaluate(
                f"validation is better than training by {gap:.0%} of a constant prediction's loss, which dropout, "
                "augmentation or label smoothing would explain; whether there is any is not known"
            )
        yield self.finding(
            happened="Over the second half of the training the validation loss lies below the training loss by "
            f"{gap:.0%} of a constant prediction's{' and validation accuracy is higher as well' if better else ''}, "
            "with nothing that acts in training only.",
            expected=f"Validation at most {LIMIT:.0%} better.",
            todo="Evaluate the training set in evaluation mode; if the difference stays, look for an easier or leaking "
            "validation set.",
            evidence=(
                Evidence(
                    "training less validation loss / constant's loss",
                    gap,
                    limit=LIMIT,
                    series=(curve.train_loss.series("training loss"), curve.validation_loss.series("validation loss")),
                ),
            ),
            fixes=(
                Fix(
                    "Compare in the same mode",
                    instruction="Evaluate the training set in evaluation mode; then compare how the two parts were "
                    "drawn, labelled and prepared.",
                ),
            ),
            confidence=0.85 if better else 0.6,
            why_confident="The difference lasts over the second half of the training"
            + (", and accuracy agrees beyond chance." if better else "; there is no accuracy to confirm it."),
            severity=self.severity if better else Severity.ADVICE,
        )


def _gap(curve: LearningCurve) -> float:
    known = curve.validation_loss.finite
    train = _at_same_weights(curve, curve.train_loss.at(known.x))
    scale = curve.scale
    own = curve.baseline_validation_loss
    judged = known.y if own is None or own <= 0 else known.y * scale / own
    return float(np.median((train - judged)[len(known) // 2 :])) / scale


def _at_same_weights(curve: LearningCurve, train: Array) -> Array:
    """The training values at the weights that validation saw: a mean over an epoch belongs to its middle."""
    if curve.x_unit == "step" or len(train) < 2:
        return train
    later: Array = np.append(train[1:], train[-1])
    return (train + later) / 2


def _accuracy_better(curve: LearningCurve) -> bool | None:
    """Whether accuracy agrees beyond chance; None where there is none to ask."""
    known, train = curve.validation_metric.finite, curve.train_metric.finite
    if curve.unit != "%" or not len(known) or not len(train) or curve.n_validation is None:
        return None
    trained = _at_same_weights(curve, train.at(known.x))
    half = len(known) // 2
    error = accuracy_error(float(np.mean(trained[half:])), curve.n_validation)
    return bool(np.median((known.y - trained)[half:]) > ERRORS * error)
