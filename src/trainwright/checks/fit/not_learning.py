"""TW501 not-learning."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve

LIMIT = 0.05
"""Share of the input-independent loss that must have been learnt, on train or validation. The healthy benches learn at
least 0.3 over five seeds and four widths; ill ones at most 0.03."""

METRIC_ERRORS = 3.0
"""An accuracy this many standard errors above the constant prediction's counts as learning, whatever the loss."""

FEWEST_EPOCHS = 3

TYPICAL_RATE = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "sgd": 0.05}
"""Where each optimizer usually works for standardised data; proposed only from more than a factor 30 away."""


class NotLearning(Check):
    """After the whole training the model is no better than a constant.

    What it finds:
        A loss that on neither training nor validation data fell clearly below that of the best prediction that ignores
        the input.

    Why it hurts:
        Nothing was learnt; every other symptom is beside the point until this is solved.

    How it is measured:
        The lowest mean over three consecutive epochs of the training and of the validation loss, beside the loss of the
        class shares or the mean target. Less than 5 % learnt on both, and an accuracy not more than three standard
        errors above the majority class, is not learning. Healthy benches learn 30 % or more. Three epochs at least.

    How to fix:
        Mostly the learning rate. Otherwise the trials on the set-up (``trainwright check``) name the cause; a model
        that passes them may be regularised too strongly or trained too short.

    References:
        Cross Validated question 352036; the verdict gated on "does not learn" is the only rule of the published
        detectors without false alarms.
    """

    code = "TW501"
    name = "not-learning"
    severity = Severity.ERROR
    after = ("TW401", "TW315", "TW304", "TW303", "TW335", "TW337")
    cases = (
        Case(training_benches.alloys_mlp, training_faults.heavy_dropout),
        Case(training_benches.alloys_mlp, training_faults.tiny_rate),
        Case(training_benches.yield_mlp, training_faults.tiny_rate),
    )

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        if not curve.is_complete or len(curve.epochs) < FEWEST_EPOCHS:
            raise CannotEvaluate(f"{len(curve.epochs)} complete epochs are too few to tell; {FEWEST_EPOCHS} are needed")
        train = _learnt(curve.train_loss, curve.baseline_train_loss)
        validation = _learnt(curve.validation_loss, curve.baseline_validation_loss)
        if max(train, validation) >= LIMIT or _metric_learnt(curve):
            return
        restless = _is_restless(curve)
        final = float(curve.validation_metric[-1])
        unit = f" {curve.unit}" if curve.unit else ""
        yield self.finding(
            happened=f"After {len(curve.epochs)} epochs the training loss is {curve.train_loss[-1]:.4g}, where "
            f"predicting the same for every input has {curve.baseline_train_loss:.4g}; validation {curve.metric_name} "
            f"is {final:.4g}{unit}, the constant's {curve.baseline_validation_metric:.4g}{unit}. "
            f"{max(train, 0):.1%} was learnt.",
            expected=f"A loss at least {LIMIT:.0%} below the constant prediction's, on training or validation data.",
            todo=_todo(curve, restless),
            evidence=(
                Evidence(
                    "share of the constant's loss learnt", train, limit=LIMIT, where="train", series=_series(curve)
                ),
                Evidence("share of the constant's loss learnt", validation, limit=LIMIT, where="validation"),
            ),
            fixes=_fixes(curve, restless),
            confidence=0.95,
            why_confident="Judged against the constant prediction on the same samples, over three epochs or more.",
        )


def _learnt(losses: npt.NDArray[np.float64], baseline: float) -> float:
    finite = losses[np.isfinite(losses)]
    if not math.isfinite(baseline) or baseline <= 0:
        raise CannotEvaluate(f"the loss of a constant prediction is {baseline}")
    if len(finite) < FEWEST_EPOCHS:
        raise CannotEvaluate(f"only {len(finite)} of {len(losses)} losses are finite")
    means = np.convolve(finite, np.full(3, 1 / 3), mode="valid")
    return float((baseline - means.min()) / baseline)


def _metric_learnt(curve: LearningCurve) -> bool:
    """Whether accuracy rose above the constant's beyond chance; errors follow their loss and are not looked at."""
    if not curve.higher_is_better or curve.unit != "%":
        return False
    for metric, baseline, n in (
        (curve.train_metric, curve.baseline_train_metric, curve.n_train),
        (curve.validation_metric, curve.baseline_validation_metric, curve.n_validation),
    ):
        share = min(max(baseline / 100, 0.01), 0.99)
        error = 100 * math.sqrt(share * (1 - share) / max(1, n))
        if len(metric) and metric[-1] - baseline > METRIC_ERRORS * error:
            return True
    return False


def _is_restless(curve: LearningCurve) -> bool:
    """Whether the training loss ended far above the constant's or still jumps at the end: signs of too high a rate."""
    losses = curve.train_loss[np.isfinite(curve.train_loss)]
    late_rises = np.diff(losses[-max(3, len(losses) // 2) :])
    return bool(losses[-1] > 1.5 * curve.baseline_train_loss or late_rises.max() > 0.25 * curve.baseline_train_loss)


def _new_rate(curve: LearningCurve, restless: bool) -> float | None:
    typical, rate = TYPICAL_RATE.get(curve.optimizer), curve.learning_rate
    if typical is None or not (math.isfinite(rate) and rate > 0):
        return None
    if rate < typical / 30 and not restless:
        return typical
    if rate > typical * 30 or (restless and rate > 3 * typical):
        return typical
    return None


def _todo(curve: LearningCurve, restless: bool) -> str:
    rate = _new_rate(curve, restless)
    if rate is not None:
        word = "Raise" if rate > curve.learning_rate else "Lower"
        return f"{word} the learning rate from {curve.learning_rate:g} to {rate:g}."
    return (
        "Run the trials on the set-up; if one batch can be overfitted, look for regularisation that is too strong "
        "(dropout, weight decay), labels that do not belong to the inputs, or too few steps."
    )


def _fixes(curve: LearningCurve, restless: bool) -> tuple[Fix, ...]:
    rate = _new_rate(curve, restless)
    if rate is not None:
        return (Fix(f"Set the learning rate to {rate:g}", changes={"optimizer.learning_rate": rate}),)
    return (Fix("Find the cause by trials", instruction="Run 'trainwright run --until check' on this experiment."),)


def _series(curve: LearningCurve) -> tuple[Series, ...]:
    x = tuple(float(e) for e in curve.epochs)
    return (
        Series("training loss", x, tuple(float(v) for v in curve.train_loss)),
        Series("constant prediction", x, (curve.baseline_train_loss,) * len(x)),
    )
