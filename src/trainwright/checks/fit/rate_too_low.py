"""TW504 rate-too-low."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.trends import slope

FAR = 30.0
"""Factor below the optimizer's usual rate from which the rate is suspected for itself."""

STEADY = 0.33
"""Progress of the second half as a share of that of the first: 1 is a straight line. Healthy benches in their own
width: at most 0.27; a rate thirty times too low: 0.94 to 1.02."""

LEARNT = 0.5
"""Share of the constant prediction's loss from which a slow training has learnt enough not to be pitied."""

FEWEST_POINTS = 6
CERTAIN = 5.0
"""Standard errors by which the line through the losses must fall."""


class RateTooLow(Check):
    """The loss creeps down in a straight line: the steps are too small.

    What it finds:
        A training whose loss falls slowly and steadily to the end, with a learning rate far below the usual.

    Why it hurts:
        The time is spent on a way that a larger rate goes in a tenth of it.

    How it is measured:
        Three things together: a rate more than 30 times below what is usual for the optimizer, a second half of the
        training that brought at least a third of what the first brought (lines through both; halves by the sum of the
        rates, as schedules lower them; a good training slows down), and less than half of the constant prediction's
        loss learnt, or of the first loss where that one is not known.

    How to fix:
        Raise the learning rate tenfold and compare; fine-tuning a model that was trained before is the exception.

    References:
        Smith, Cyclical Learning Rates for Training Neural Networks (2017).
    """

    code = "TW504"
    name = "rate-too-low"
    severity = Severity.WARNING
    after = ("TW401", "TW303", "TW406", "TW501", "TW502")
    cases = (Case(training_benches.yield_mlp, curve_faults.low_rate),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        curve.require_chance_to_learn()
        rate, typical = curve.peak_rate, curve.typical_rate
        if rate is None or typical is None:
            raise CannotEvaluate("the learning rate or the optimizer is not known")
        if rate * FAR > typical:
            return
        values = curve.trend.y
        half = _middle(curve)
        first, second = -slope(values[: half + 1])[0], -slope(values[half:])[0]
        if second <= 0 or second < STEADY * first or _learnt(curve) > LEARNT or not _falls(values):
            return
        yield self.finding(
            happened=f"At a learning rate of {rate:g} the training loss fell from {values[0]:.4g} to {values[-1]:.4g} "
            f"in {curve.length:g} {curve.x_unit}s, the second half of them bringing {second / max(first, 1e-12):.0%} "
            "of what the first brought: it creeps.",
            expected=f"A rate above {typical / FAR:g}, a thirtieth of what is usual for {curve.optimizer}.",
            todo=f"Raise the learning rate to {typical:g}.",
            evidence=(
                Evidence("learning rate", rate, limit=typical / FAR),
                Evidence(
                    "progress of the second half / first half",
                    second / max(first, 1e-12),
                    limit=STEADY,
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=(Fix(f"Set the learning rate to {typical:g}", changes={"optimizer.learning_rate": typical}),),
            confidence=0.92,
            why_confident="A low rate, a straight line and little learnt, all three.",
        )


def _middle(curve: LearningCurve) -> int:
    """The point up to which half of the way was gone that the rates of all steps together allow: its middle, if no
    schedule moves the rate."""
    rates = curve.rates_at(curve.trend.x)
    if not (np.isfinite(rates).all() and rates.sum() > 0):
        return len(rates) // 2
    gone = np.cumsum(rates) / rates.sum()
    return int(np.clip(np.searchsorted(gone, 0.5), 1, len(rates) - 2))


def _learnt(curve: LearningCurve) -> float:
    """Share of the constant prediction's loss that was learnt; where nobody knows that one, of the first loss."""
    values = curve.trend.y
    scale = curve.scale if curve.baseline_train_loss is not None else abs(float(values[0]))
    return float(curve.reference - values.min()) / scale if scale else math.inf


def _falls(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether the fall is a trend: it is many times what the noise about a line would give."""
    fall, error = slope(values)
    return fall < -CERTAIN * error
