"""TW601 overfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve

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
    after = ("TW401", "TW501")
    cases = (Case(training_benches.alloys_mlp, training_faults.memorised),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        rise = _measure_rise(curve)
        if not rise.is_trend or rise.kept_is_good:
            return
        worse = _metric_loss(curve, rise.best) or rise.rise > SEVERE * abs(curve.baseline_validation_loss)
        unit = f" {curve.unit}" if curve.unit else ""
        yield self.finding(
            happened=f"The validation loss rose from {rise.lowest:.3g} in epoch {rise.best_epoch} to {rise.final:.3g} "
            f"at the end (+{rise.rise / rise.lowest:.0%}), while the training loss fell from {rise.train_then:.3g} to "
            f"{rise.train_now:.3g}; {curve.metric_name} on validation went from "
            f"{curve.validation_metric[rise.best]:.4g} to {curve.validation_metric[-1]:.4g}{unit}. "
            f"Epoch {curve.kept_epoch} is kept.",
            expected=f"A validation loss that stays within {RISE_OF_BEST:.0%} of its lowest, or the best epoch kept.",
            todo=f"Keep the weights of the best epoch ({rise.best_epoch}), then regularise.",
            evidence=(
                Evidence(
                    "rise of the validation loss",
                    rise.rise,
                    limit=rise.limit,
                    when=f"epochs {rise.best_epoch} to {int(curve.epochs[-1])}",
                    series=_series(curve),
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
    best: int
    best_epoch: int
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
    losses, train = curve.validation_loss, curve.train_loss
    n = len(curve.epochs)
    if not curve.is_complete or n < FEWEST_EPOCHS:
        raise CannotEvaluate(f"{n} epochs show no trend; {FEWEST_EPOCHS} complete ones are needed")
    if not (np.isfinite(losses).all() and np.isfinite(train).all() and math.isfinite(curve.baseline_validation_loss)):
        raise CannotEvaluate("not all losses are finite")
    best = int(np.argmin(losses))
    lowest, final = float(losses[best]), float(losses[-TAIL:].mean())
    noise = _noise(losses)
    limit = max(RISE_OF_BEST * abs(lowest), RISE_OF_BASELINE * abs(curve.baseline_validation_loss), NOISE * noise)
    train_now, train_then = float(train[-TAIL:].mean()), float(train[best])
    kept = int(np.argmin(np.abs(curve.epochs - curve.kept_epoch)))
    return _Rise(
        best=best,
        best_epoch=int(curve.epochs[best]),
        lowest=lowest,
        final=final,
        noise=noise,
        limit=limit,
        train_then=train_then,
        train_now=train_now,
        kept_is_good=float(losses[kept]) - lowest <= limit,
        is_trend=n - 1 - best >= FEWEST_AFTER and final - lowest > limit and train_now < train_then,
    )


def _noise(losses: npt.NDArray[np.float64]) -> float:
    """Spread between neighbouring epochs with any smooth trend taken out (second differences)."""
    second = np.diff(losses, 2)
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / math.sqrt(6))


def _metric_loss(curve: LearningCurve, best: int) -> bool:
    """Whether the metric itself suffered beyond the validation set's own uncertainty."""
    before, after = float(curve.validation_metric[best]), float(curve.validation_metric[-TAIL:].mean())
    if not curve.higher_is_better:
        return after > 1.05 * before
    share = min(max(before / 100, 0.01), 0.99)
    error = 100 * math.sqrt(share * (1 - share) / max(1, curve.n_validation))
    return before - after > METRIC_ERRORS * error


def _series(curve: LearningCurve) -> tuple[Series, ...]:
    x = tuple(float(epoch) for epoch in curve.epochs)
    return (
        Series("training loss", x, tuple(float(v) for v in curve.train_loss)),
        Series("validation loss", x, tuple(float(v) for v in curve.validation_loss)),
    )
