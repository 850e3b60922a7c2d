"""TW506 loss-spike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import Array, Curve, LearningCurve

HEIGHT = 0.25
"""Height of a spike above its surroundings as a share of the constant prediction's loss, so that jumps near zero mean
nothing. Healthy benches: at most 0.08 in four widths; a last layer whose sign is turned once: 1.2 and more."""

STANDS_OUT = 6.0
"""The height must also be this many times that of the highest 2 % of all other points, or of the fifth highest: where
losses have a long tail, as with small batches, high values are no events. Losses of a log-normal distribution stay
below it in 40 seeds."""

BLOCKS = 200
"""Means of five steps and more that a log of steps is reduced to, at most: an event lasts longer than one bad batch."""

WIDTH = 7
"""Neighbours before and after, whose medians a spike rises from; at most a tenth of the training."""

FEWEST_POINTS = 12
FEWEST_STEPS = 400
"""Steps below which too few means are left to know what is usual."""


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
        Of one of several optimizers nothing is said unless a validation loss was logged: it may be a game.

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
        if curve.name and curve.may_be_game:
            raise CannotEvaluate(f"{curve.name} is one of several optimizers, whose networks may play a game")
        losses = curve.train_loss.finite
        if curve.x_unit == "step":
            curve.require_points(losses, FEWEST_STEPS)
            losses = _lasting(losses.blocks(min(BLOCKS, len(losses) // 5)))
        values = losses.y
        heights, levels = _heights(values, max(2, min(WIDTH, len(values) // 10)))
        usual = np.maximum(_usual(heights), _usual(heights / np.maximum(levels, 1e-12)) * levels)
        limits = np.maximum(HEIGHT * curve.scale, STANDS_OUT * usual)
        high = np.flatnonzero(heights > limits)
        high = high[~_explained(curve, losses, high)]
        if not len(high):
            return
        peak = int(high[np.argmax(heights[high])])
        spikes = 1 + int((np.diff(high) > 1).sum())
        yield self.finding(
            happened=f"The training loss jumped to {values[peak]:.4g} at {curve.x_unit} {losses.x[peak]:g}, "
            f"{heights[peak]:.3g} above its surroundings; {spikes} such {'jump' if spikes == 1 else 'jumps'} in "
            f"{curve.length:g} {curve.x_unit}s.",
            expected=f"Jumps below {limits[peak]:.3g}.",
            todo="Look at the samples and the gradient norm at that place; clip the gradients or lower the rate.",
            evidence=(
                Evidence(
                    "height of the spike",
                    float(heights[peak]),
                    limit=float(limits[peak]),
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
            why_confident=f"The jump is {heights[peak] / max(usual[peak], 1e-12):.0f} times what the loss does "
            "otherwise.",
        )


def _lasting(blocks: Curve) -> Curve:
    """Of two neighbouring blocks the lower: an event fills more than one, a single bad batch does not."""
    return Curve(blocks.x[:-1], np.minimum(blocks.y[:-1], blocks.y[1:]))


def _heights(values: Array, width: int) -> tuple[Array, Array]:
    """How far each value lies above its neighbourhood, and the level of that: the higher one of the medians of those
    before and those after, so that a fall is no spike.
    """
    levels = values.copy()
    for i in range(2, len(values) - 1):
        levels[i] = max(np.median(values[max(0, i - width) : i]), np.median(values[i + 1 : i + 1 + width]))
    return values - levels, levels


def _usual(heights: Array) -> float:
    """The highest 2 % left aside, or the four highest."""
    return float(np.sort(heights)[-5 - len(heights) // 50])


def _explained(curve: LearningCurve, losses: Curve, places: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Whether the rate rose shortly before each place."""
    rates = curve.rates_at(losses.x)
    before = np.array([np.min(rates[max(0, p - 5) : p + 1]) for p in places], dtype=np.float64)
    return rates[places] > 1.5 * before
