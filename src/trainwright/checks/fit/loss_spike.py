"""TW506 loss-spike."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.measures.trends import noise, running_median

HEIGHT = 0.25
"""Height of a spike above its surroundings as a share of the constant prediction's loss, so that jumps near zero mean
nothing. Healthy benches: at most 0.06; weights disturbed once 0.5 and more."""

NOISE = 10.0
"""The height must also be this many times the noise between neighbours."""

WIDTH = 15
"""Neighbours whose median is the level that a spike rises from, at most a fifth of the training."""

MOST = 0.1
"""Share of the training that spikes may fill; more is no spike but restlessness."""

FEWEST_POINTS = 10


class LossSpike(Check):
    """The training loss jumped up suddenly in the middle of the training.

    What it finds:
        One or a few sudden jumps of the training loss that nothing announced, and no rise of the learning rate
        explains.

    Why it hurts:
        What was learnt is thrown away for a while. Behind it are bad samples, an unstable step (too high a rate, Adam's
        second moment too young), lost precision, or weights and optimizer state that were loaded wrongly.

    How it is measured:
        Height above the median of the neighbourhood: a quarter of the constant prediction's loss and ten times the
        noise. In a log of steps a single batch does not count. Jumps up to which the learning rate rose are restarts.

    How to fix:
        Look at the samples and the gradient norm at that place; clip the gradients, or lower the rate. After a resumed
        run, check that the optimizer's state came back too.

    References:
        Chowdhery et al., PaLM (2022), section 5.1; Molybog et al., A Theory on Adam Instability (2023).
    """

    code = "TW506"
    name = "loss-spike"
    severity = Severity.WARNING
    after = ("TW401", "TW501", "TW502", "TW503")
    cases = (
        Case(training_benches.alloys_mlp, curve_faults.disturbed),
        Case(training_benches.waves_gru, curve_faults.disturbed),
    )

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        curve.require_no_game()
        losses = curve.train_loss.finite
        values = losses.y if curve.x_unit == "epoch" else running_median(losses.y, 3)
        heights = values - running_median(values, _width(len(values)))
        limit = max(HEIGHT * curve.scale, NOISE * noise(values))
        high = np.flatnonzero(heights > limit)
        high = high[(high >= 2) & ~_explained(curve, losses, high)]
        if not len(high) or len(high) > max(1, MOST * len(values)):
            return
        peak = int(high[np.argmax(heights[high])])
        spikes = 1 + int((np.diff(high) > 1).sum())
        yield self.finding(
            happened=f"The training loss jumped to {values[peak]:.4g} at {curve.x_unit} {losses.x[peak]:g}, "
            f"{heights[peak]:.3g} above its surroundings; {spikes} such {'jump' if spikes == 1 else 'jumps'} in "
            f"{curve.length:g} {curve.x_unit}s.",
            expected=f"Jumps below {limit:.3g}.",
            todo="Look at the samples and the gradient norm at that place; clip the gradients or lower the rate.",
            evidence=(
                Evidence(
                    "height of the spike",
                    float(heights[peak]),
                    limit=limit,
                    when=f"{curve.x_unit} {losses.x[peak]:g}",
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=(
                Fix(
                    "Find what came in",
                    instruction="Look at the batch, the gradient norm and the checkpoint loaded just before the spike.",
                ),
            ),
            confidence=0.85,
            why_confident=f"The jump is {heights[peak] / max(noise(values), 1e-12):.0f} times the noise of its "
            f"surroundings.",
        )


def _width(n: int) -> int:
    return 2 * (min(WIDTH, math.ceil(n / 5)) // 2) + 1


def _explained(curve: LearningCurve, losses: Curve, places: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Whether the rate rose shortly before each place."""
    rates = curve.rates_at(losses.x)
    before = np.array([np.min(rates[max(0, p - 5) : p + 1]) for p in places], dtype=np.float64)
    return rates[places] > 1.5 * before
