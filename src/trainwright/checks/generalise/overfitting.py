"""TW601 overfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.measures.learning import accuracy_error
from trainwright.measures.trends import noise

RISE_OF_BEST = 0.15
"""Rise of the validation loss from its lowest value, as a share of that value. Healthy benches: at most 0.12."""

RISE_OF_BASELINE = 0.05
"""The same as a share of the constant prediction's loss, so that a rise near zero means nothing. Healthy benches: at
most 0.03; memorised wrong labels: 0.5 and more."""

NOISE = 4.0
"""The rise must also be this many times the epoch-to-epoch noise of the validation loss."""

TAIL, FEWEST_AFTER, FEWEST_EPOCHS = 3, 4, 8
"""Epochs averaged at the end, epochs after the lowest loss, and epochs altogether that a trend needs."""

SEVERE = 0.25
"""Rise as a share of the constant prediction's loss from which the probabilities are spoilt even where accuracy holds;
six times the most that a healthy bench shows."""

METRIC_ERRORS = 1.0
"""Loss of accuracy in standard errors of the validation set from which overfitting costs more than confidence."""


class Overfitting(Check):
    """Validation loss rises while training loss still falls.

    What it finds:
        A training that went on past its best epoch and kept the later weights: what it learnt since then helps on
        training data only.

    Why it hurts:
        The model that is kept is worse than one it had already been, or at least too sure of itself.

    How it is measured:
        By trend, never by one gap: the mean validation loss of the last three epochs lies above the lowest one by 15 %
        of it, by 5 % of the constant prediction's loss and by four times the noise between epochs, while the training
        loss fell further; at least four epochs after the best. A larger loss on validation than on training data is
        normal and not looked at. Where accuracy did not suffer and the rise is below a quarter of the constant
        prediction's loss it is advice. Silent when the kept weights are those of a good epoch.

    How to fix:
        Keep the best epoch (``training.keep``), then regularise: more data, augmentation, dropout, weight decay, a
        smaller model.

    References:
        Prechelt, Early Stopping – But When? (1998); Wei, Must Know Tips/Tricks in Deep Neural Networks.
    """

    code = "TW601"
    name = "overfitting"
    severity = Severity.WARNING
    after = ("TW401", "TW122", "TW205", "TW208", "TW213", "TW324", "TW501", "TW605")
    cases = (Case(training_benches.alloys_mlp, training_faults.memorised),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        rise = _measure_rise(curve)
        if not rise.is_trend or rise.kept_is_good:
            return
        worse = _metric_loss(curve, rise.best) or _is_severe(curve, rise)
        kept = f" {curve.x_unit.capitalize()} {curve.kept_at:g} is kept." if curve.kept_at is not None else ""
        yield self.finding(
            happened=f"The validation loss rose from {rise.lowest:.3g} in {curve.x_unit} {rise.best:g} to "
            f"{rise.final:.3g} at the end (+{rise.rise / abs(rise.lowest or math.inf):.0%}), while the training loss "
            f"fell from {rise.train_then:.3g} to {rise.train_now:.3g}{_metric_text(curve, rise.best)}.{kept}",
            expected=f"A validation loss that stays within {RISE_OF_BEST:.0%} of its lowest, or the best epoch kept.",
            todo=f"Keep the weights of the best {curve.x_unit} ({rise.best:g}), then regularise.",
            evidence=(
                Evidence(
                    "rise of the validation loss",
                    rise.rise,
                    limit=rise.limit,
                    when=f"{curve.x_unit}s {rise.best:g} to {curve.length:g}",
                    series=(
                        curve.train_loss.series("training loss"),
                        curve.validation_loss.series("validation loss"),
                    ),
                ),
            ),
            fixes=(
                Fix("Keep the best epoch", changes={"training.keep": "best"}),
                Fix("Regularise", instruction="Run the recipe's regularize stage, which tries each regulariser alone."),
            ),
            confidence=0.95 if worse else 0.85,
            why_confident=f"The rise is {rise.rise / max(rise.noise, 1e-12):.0f} times the noise between epochs."
            if rise.noise > 0
            else "The rise is steady.",
            severity=self.severity if worse else Severity.ADVICE,
        )


@dataclass(frozen=True)
class _Rise:
    best: float
    lowest: float
    final: float
    noise: float
    limit: float
    train_then: float
    train_now: float
    kept_is_good: bool
    is_trend: bool

    @property
    def rise(self) -> float:
        return self.final - self.lowest


def _measure_rise(curve: LearningCurve) -> _Rise:
    known = curve.validation_loss.finite
    n, losses = len(known), known.y
    if n < FEWEST_EPOCHS:
        raise CannotEvaluate(f"{n} validation losses show no trend; {FEWEST_EPOCHS} finite ones are needed")
    train = curve.train_loss.at(known.x)
    if n < len(curve.validation_loss) or not np.isfinite(train).all():
        raise CannotEvaluate("not all losses are finite, or there is no training loss")
    best = int(np.argmin(losses))
    lowest, final = float(losses[best]), float(losses[-TAIL:].mean())
    spread = noise(losses)
    limit = max(RISE_OF_BEST * abs(lowest), RISE_OF_BASELINE * _scale(curve), NOISE * spread)
    train_now, train_then = float(train[-TAIL:].mean()), float(train[best])
    kept = n - 1 if curve.kept_at is None else int(np.argmin(np.abs(known.x - curve.kept_at)))
    return _Rise(
        best=float(known.x[best]),
        lowest=lowest,
        final=final,
        noise=spread,
        limit=limit,
        train_then=train_then,
        train_now=train_now,
        kept_is_good=float(losses[kept]) - lowest <= limit,
        is_trend=n - 1 - best >= FEWEST_AFTER and final - lowest > limit and train_now < train_then,
    )


def _scale(curve: LearningCurve) -> float:
    baseline = curve.baseline_validation_loss
    if baseline is None:
        return curve.scale
    if not math.isfinite(baseline):
        raise CannotEvaluate(f"the loss of a constant prediction is {baseline}")
    return abs(baseline)


def _is_severe(curve: LearningCurve, rise: _Rise) -> bool:
    """A rise by much, or, where no metric tells whether that did harm, above the constant prediction's loss."""
    baseline = curve.baseline_validation_loss
    worse_than_constant = baseline is not None and rise.final > baseline and not len(_metric(curve))
    return rise.rise > SEVERE * _scale(curve) or worse_than_constant


def _metric(curve: LearningCurve) -> Curve:
    """The validation metric, where it is known for most evaluations."""
    metric = curve.validation_metric.finite
    return metric if len(metric) > len(curve.validation_loss) / 2 else Curve()


def _metric_loss(curve: LearningCurve, best: float) -> bool:
    """Whether the metric itself suffered beyond the validation set's own uncertainty."""
    metric = _metric(curve)
    if not len(metric) or curve.higher_is_better is None:
        return False
    nearest = int(np.argmin(np.abs(metric.x - best)))
    before, after = float(metric.y[nearest]), float(metric.y[-TAIL:].mean())
    if not curve.higher_is_better:
        return after > 1.05 * before
    if curve.unit != "%":
        return after < 0.95 * before
    return before - after > METRIC_ERRORS * accuracy_error(before, curve.n_validation)


def _metric_text(curve: LearningCurve, best: float) -> str:
    metric = _metric(curve)
    if not len(metric):
        return ""
    before, unit = metric.y[int(np.argmin(np.abs(metric.x - best)))], f" {curve.unit}" if curve.unit else ""
    return f"; {curve.metric_name} on validation went from {before:.4g} to {metric.y[-1]:.4g}{unit}"
