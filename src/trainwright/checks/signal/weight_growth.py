"""TW408 weight-growth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import LayerSignals
from trainwright.measures.learning import learns

GROWTH = 30.0
"""Norm of all weights at the end beside that at the start. Healthy runs grow up to 5.4-fold; runs that fly apart
150-fold and more."""

FEWEST_SAMPLES = 6


class WeightGrowth(Check):
    """The weights grow without bound, and the network does not learn.

    What it finds:
        A norm of all weights together that grew by more than an order of magnitude and did not come back.

    Why it hurts:
        Outputs, losses and gradients grow with the weights; what the initialisation took care of is lost.

    How it is measured:
        The Euclidean norm of the weights of all layers that did not start at zero, median of the last three samples
        beside the first: more than 30-fold, in a network whose loss does not stand below the constant
        prediction's.

    How to fix:
        A lower learning rate, clearing of gradients, weight decay.

    References:
        Wei, Must Know Tips/Tricks in Deep Neural Networks; TheDeepChecker (2022), exploding weights.
    """

    code = "TW408"
    name = "weight-growth"
    severity = Severity.WARNING
    after = ("TW401", "TW339", "TW312", "TW303", "TW322", "TW409", "TW410", "TW403", "TW406", "TW502", "TW503")
    cases = (Case(training_benches.waves_gru, loop_faults.runaway),)

    def run(self, signals: LayerSignals, curve: LearningCurve | None) -> Iterator[Finding]:
        if not signals.consistent or len(signals.steps) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{len(signals.steps)} samples are too few; {FEWEST_SAMPLES} are needed")
        norms = np.sqrt(np.nansum(signals.weight_norm[~signals.zero_at_start] ** 2, axis=0))
        first, last = float(norms[0]), float(np.median(np.nan_to_num(norms[-3:], nan=np.inf)))
        if not (np.isfinite(first) and first > 0):
            raise CannotEvaluate(f"the norm of the weights is {first:.3g} at the start")
        if not last > GROWTH * first or learns(curve) is not False:
            return
        yield self.finding(
            happened=f"The norm of the weights grew from {first:.3g} to {last:.3g} within {signals.steps[-1]} steps, "
            f"{last / first:.3g} times as much. The network did not learn.",
            expected=f"Weights that stay within a factor of {GROWTH:g} of their start.",
            todo="Lower the learning rate, and see that gradients are cleared before every step.",
            evidence=(
                Evidence(
                    "growth of the weights",
                    last / first,
                    limit=GROWTH,
                    when=f"steps {signals.steps[0]} to {signals.steps[-1]}",
                    series=(Series("norm of the weights", tuple(map(float, signals.steps)), tuple(map(float, norms))),),
                ),
            ),
            fixes=(
                Fix(
                    "Hold the weights",
                    instruction="Divide the learning rate by 10 until the norm of the weights stays level; add weight "
                    "decay (0.01 with AdamW).",
                ),
            ),
            confidence=0.85,
            why_confident="It does not learn, and the growth lasts; a short training at a tenth of the rate would "
            "settle it.",
        )
