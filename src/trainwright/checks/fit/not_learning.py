"""TW501 not-learning."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import BLOCKS, FEWEST_EPOCHS, Curve, LearningCurve
from trainwright.measures.learning import accuracy_error, beats_constant
from trainwright.measures.trends import lowest_level

_DATA = ("TW112", "TW121", "TW213", "TW606")
_START = ("TW310", "TW311", "TW312", "TW313", "TW335", "TW337")
_WIRING = ("TW307", "TW309", "TW327", "TW328", "TW331", "TW332", "TW342")
_OUTPUTS = ("TW315", "TW316", "TW317", "TW318", "TW330", "TW340")
_LOSSES = ("TW301", "TW319", "TW320", "TW321", "TW322", "TW325", "TW339")
_SIGNALS = (
    *("TW402", "TW403", "TW404", "TW405", "TW406", "TW407", "TW408"),
    *("TW409", "TW410", "TW411", "TW412", "TW415", "TW417", "TW502", "TW503", "TW508", "TW511"),
)
LIMIT = 0.05
"""Share of the input-independent loss that must have been learnt, on train or validation. The healthy benches learn at
least 0.3 over five seeds and four widths; ill ones at most 0.03."""

METRIC_ERRORS = 3.0
"""An accuracy this many standard errors above the constant prediction's counts as learning, whatever the loss."""

BY_HEART, NOTHING = 0.15, 0.01
"""Share learnt on training data that is no more than single samples learnt by heart, where validation shows at most so
little at any time and an accuracy of chance. Healthy benches learn at least 0.26 on validation."""
FEWEST_EVALUATIONS, CHANCE = 5, 2.0
"""Evaluations that tell, and standard errors of their accuracy about the constant prediction's."""
FAR = 30.0
"""Factor from the optimizer's usual rate beyond which another rate is proposed."""


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
        Where five evaluations or more show nothing but chance, up to 15 % learnt on training data alone are samples
        learnt by heart.

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
    after = ("TW401", "TW304", "TW303", *_DATA, *_START, *_WIRING, *_OUTPUTS, *_LOSSES, *_SIGNALS)
    cases = (
        Case(training_benches.alloys_mlp, training_faults.heavy_dropout),
        Case(training_benches.alloys_mlp, training_faults.tiny_rate),
        Case(training_benches.yield_mlp, training_faults.tiny_rate),
    )

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_chance_to_learn()
        train_loss, baseline = curve.trend, curve.baseline_train_loss
        train = _learnt(curve.train_loss, baseline)
        judged = curve.baseline_validation_loss if curve.baseline_validation_loss is not None else baseline
        enough = len(curve.validation_loss.finite) >= FEWEST_EPOCHS
        validation = _learnt(curve.validation_loss, judged) if enough else -math.inf
        by_heart = train < BY_HEART and _shows_nothing(curve, validation)
        if not by_heart and (max(train, validation) >= LIMIT or _metric_learnt(curve)):
            return
        restless = _is_restless(curve)
        evidence = [_evidence(train, "train", _series(curve))]
        if enough:
            evidence.append(_evidence(validation, "validation"))
        yield self.finding(
            happened=f"After {curve.length:g} {curve.x_unit}s the training loss is {train_loss.y[-1]:.4g}, where "
            f"predicting the same for every input has {baseline:.4g}{_metric_text(curve)}. "
            f"{max(train, 0):.1%} was learnt{', nothing of which holds on validation data' if by_heart else ''}.",
            expected=f"A loss at least {LIMIT:.0%} below the constant prediction's, on training or validation data.",
            todo=_todo(curve, restless),
            evidence=tuple(evidence),
            fixes=_fixes(curve, restless),
            confidence=0.95,
            why_confident="Judged against the constant prediction on the same samples, over three epochs or more.",
        )


def _learnt(losses: Curve, baseline: float | None) -> float:
    finite = losses.finite
    if baseline is None or not math.isfinite(baseline) or baseline <= 0:
        raise CannotEvaluate(f"the loss of a constant prediction is {'not known' if baseline is None else baseline}")
    if len(finite) < FEWEST_EPOCHS:
        raise CannotEvaluate(f"only {len(finite)} of {len(losses)} losses are finite")
    return (baseline - lowest_level(finite.blocks(BLOCKS).y)) / baseline


def _metric_learnt(curve: LearningCurve) -> bool:
    """Whether accuracy rose above the constant's beyond chance; errors follow their loss and are not looked at."""
    if not curve.higher_is_better or curve.unit != "%":
        return False
    parts = (
        (curve.train_metric, curve.baseline_train_metric, curve.n_train),
        (curve.validation_metric, curve.baseline_validation_metric, curve.n_validation),
    )
    return any(beats_constant(*part, METRIC_ERRORS) for part in parts)


def _shows_nothing(curve: LearningCurve, learnt: float) -> bool:
    """Whether no evaluation is better than the constant prediction: by loss, or, where it is known, in the later half
    of them by accuracy, the loss being a percent better at most."""
    metric, baseline = curve.validation_metric.finite, curve.baseline_validation_metric
    if len(curve.validation_loss.finite) < FEWEST_EVALUATIONS:
        return False
    if not curve.higher_is_better or curve.unit != "%" or baseline is None or len(metric) < FEWEST_EVALUATIONS:
        return learnt <= 0
    surplus = float(np.mean(metric.y[len(metric) // 2 :])) - baseline
    return learnt < NOTHING and surplus <= CHANCE * accuracy_error(baseline, curve.n_validation)


def _metric_text(curve: LearningCurve) -> str:
    if not len(curve.validation_metric) or curve.baseline_validation_metric is None:
        return ""
    unit = f" {curve.unit}" if curve.unit else ""
    return (
        f"; validation {curve.metric_name} is {curve.validation_metric.y[-1]:.4g}{unit}, the constant's "
        f"{curve.baseline_validation_metric:.4g}{unit}"
    )


def _evidence(learnt: float, part: str, series: tuple[Series, ...] = ()) -> Evidence:
    return Evidence("share of the constant's loss learnt", learnt, limit=LIMIT, where=part, series=series)


def _is_restless(curve: LearningCurve) -> bool:
    """Whether the training loss ended far above the constant's or still jumps at the end: signs of too high a rate."""
    losses, baseline = curve.trend.y, curve.baseline_train_loss or math.inf
    late_rises = np.diff(losses[-max(3, len(losses) // 2) :])
    return bool(losses[-1] > 1.5 * baseline or late_rises.max() > 0.25 * baseline)


def _new_rate(curve: LearningCurve, restless: bool) -> float | None:
    typical, rate = curve.typical_rate, curve.peak_rate
    if typical is None or rate is None:
        return None
    if rate < typical / FAR and not restless:
        return typical
    if rate > typical * FAR or (restless and rate > 3 * typical):
        return typical
    return None


def _todo(curve: LearningCurve, restless: bool) -> str:
    rate = _new_rate(curve, restless)
    if rate is not None:
        word = "Raise" if rate > (curve.peak_rate or 0) else "Lower"
        return f"{word} the learning rate from {curve.peak_rate:g} to {rate:g}."
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
    loss = curve.train_loss.series("training loss")
    return (loss, Series("constant prediction", loss.x, (curve.baseline_train_loss or 0.0,) * len(loss.x)))
