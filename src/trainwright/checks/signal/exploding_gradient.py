"""TW403 exploding-gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.clinic import loop_benches, loop_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import LayerSignals
from trainwright.measures.learning import learns

GROWTH = 300.0
"""How many times its first value the norm of all gradients grew, each the median of three neighbouring samples. Healthy
runs grow up to 50-fold (a regression in large units), ill ones 400-fold to overflow; and they do not learn."""

FEWEST_SAMPLES = 4


class ExplodingGradient(Check):
    """The gradient grows without bound, and the network does not learn.

    What it finds:
        A gradient norm that grows by orders of magnitude during training, up to infinity.

    Why it hurts:
        Each step throws the weights further away; soon the loss is NaN, or all units are dead.

    How it is measured:
        The Euclidean norm of all gradients together on the sampled steps. The largest median of three neighbouring
        samples exceeds 300 times that of the first three, and the loss does not stand below the constant prediction's.
        A large gradient by itself says nothing: it depends on the units of the loss.

    How to fix:
        A lower learning rate; inputs and targets that are scaled; clipping the gradient's norm, above all in recurrent
        networks.

    References:
        Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013).
    """

    code = "TW403"
    name = "exploding-gradient"
    severity = Severity.WARNING
    after = ("TW401", "TW339", "TW312", "TW303", "TW322", "TW409", "TW410", "TW406", "TW519")
    cases = (Case(loop_benches.yield_linear, loop_faults.over_the_edge),)

    def run(self, signals: LayerSignals, curve: LearningCurve | None) -> Iterator[Finding]:
        if not signals.consistent or len(signals.steps) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{len(signals.steps)} samples are too few; {FEWEST_SAMPLES} are needed")
        norms = np.sqrt(np.nansum(signals.gradient_norm**2, axis=0))
        smooth = _medians(norms)
        first, peak = float(smooth[0]), float(smooth.max())
        if not (np.isfinite(first) and first > 0):
            raise CannotEvaluate(f"the first gradient norm is {first:.3g}")
        if not peak > GROWTH * first or learns(curve) is not False:
            return
        at = int(signals.steps[min(int(smooth.argmax()) + 1, len(norms) - 1)])
        yield self.finding(
            happened=f"The norm of the gradient grew from {first:.3g} to {peak:.3g} at step {at}, {peak / first:.3g} "
            f"times as much, at a learning rate of {signals.learning_rate.max():.3g}. The network did not learn.",
            expected=f"A gradient norm that stays within a factor of {GROWTH:g} of its first value.",
            todo="Lower the learning rate, scale inputs and targets, and clip the norm of the gradient.",
            evidence=(
                Evidence(
                    "growth of the gradient norm",
                    peak / first,
                    limit=GROWTH,
                    when=f"step {at}",
                    series=(Series("gradient norm", tuple(map(float, signals.steps)), tuple(map(float, norms))),),
                ),
            ),
            fixes=(
                Fix(
                    "Tame the gradient",
                    instruction="Divide the learning rate by 10 until the norm stays level, and add "
                    f"nn.utils.clip_grad_norm_(model.parameters(), {float(np.float32(f'{first:.1g}')):g}).",
                ),
            ),
            confidence=0.9,
            why_confident="It does not learn, and the growth holds over neighbouring samples; a short training at a "
            "tenth of the rate would settle it.",
        )


def _medians(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Medians of three neighbours, so that one step alone says nothing."""
    return np.array([np.median(np.nan_to_num(values[i : i + 3], nan=np.inf)) for i in range(len(values) - 2)])
