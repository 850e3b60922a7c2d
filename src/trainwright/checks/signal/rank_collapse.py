"""TW417 rank-collapse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import OutputSpread
from trainwright.measures.learning import learns

SPREAD = 0.02
"""Spread of the outputs over the samples of a batch as a share of their size, over the last quarter of the run. Healthy
runs end above 0.5; some deep ones start at 0.02 and leave it soon. Collapsed networks lie below 0.001."""

FEWEST_SAMPLES, FEWEST_ROWS = 8, 4

_AT_START = ("TW310", "TW311", "TW312", "TW313", "TW314", "TW329")
_BY_STEPS = ("TW403", "TW406", "TW407", "TW408", "TW409", "TW410", "TW411", "TW511")


class RankCollapse(Check):
    """The network gives every sample the same answer.

    What it finds:
        Outputs that no longer differ between the samples of a batch, in a network that does not learn.

    Why it hurts:
        Whatever told the samples apart was lost on the way: dead units, a step that was too large, too much weight
        decay, too deep a network without shortcuts. Only the bias of the last layer still learns.

    How it is measured:
        The standard deviation of the outputs over the samples of a training batch beside their root mean square,
        largest value over the last quarter of the sampled steps: below 0.02. The effective rank of the features that
        enter the last layer is told with it.

    How to fix:
        Look for the cause first: dead or saturated layers, a rate or a weight decay that is too high. Otherwise
        normalisation, residual connections, or fewer layers.

    References:
        Dong et al., Attention is not all you need: pure attention loses rank doubly exponentially with depth (2021).
    """

    code = "TW417"
    name = "rank-collapse"
    severity = Severity.WARNING
    after = ("TW401", "TW304", *_AT_START, "TW303", *_BY_STEPS, "TW402", "TW404", "TW405", "TW412")
    cases = (Case(training_benches.alloys_mlp, loop_faults.heavy_decay),)

    def run(self, outputs: OutputSpread, curve: LearningCurve | None) -> Iterator[Finding]:
        samples = len(outputs.steps)
        if samples < FEWEST_SAMPLES or not samples == len(outputs.between) == len(outputs.size):
            raise CannotEvaluate(f"{samples} samples are too few; {FEWEST_SAMPLES} are needed")
        last = slice(-max(3, samples // 4), None)
        if not (np.isfinite(outputs.between[last]).all() and np.isfinite(outputs.size[last]).all()):
            raise CannotEvaluate("the outputs are not finite")
        if len(outputs.n_samples) and outputs.n_samples[last].min() < FEWEST_ROWS:
            raise CannotEvaluate(f"batches of fewer than {FEWEST_ROWS} samples have no spread")
        shares = outputs.between / np.maximum(outputs.size, 1e-30)
        share = float(shares[last].max())
        if not (share < SPREAD and outputs.size[last].min() > 0) or learns(curve) is not False:
            return
        rank = float(np.median(outputs.rank[last])) if len(outputs.rank) == samples else float("nan")
        told = f"; the features before the last layer have an effective rank of {rank:.1f}" if np.isfinite(rank) else ""
        yield self.finding(
            happened=f"Over the last {len(shares[last])} sampled steps the outputs differ between samples by at most "
            f"{share:.2g} of their size{told}. The network did not learn.",
            expected=f"Outputs that follow the inputs: a spread of at least {SPREAD:g} of their size.",
            todo="Look for dead or saturated layers, a learning rate or a weight decay that is too high; add "
            "normalisation or residual connections.",
            evidence=(
                Evidence(
                    "spread of the outputs over samples beside their size",
                    share,
                    limit=SPREAD,
                    when=f"steps {outputs.steps[last][0]} to {outputs.steps[-1]}",
                    series=(Series("spread", tuple(map(float, outputs.steps)), tuple(map(float, shares))),),
                ),
            ),
            fixes=(
                Fix(
                    "Keep the samples apart",
                    instruction="Lower the learning rate and the weight decay; add normalisation layers or residual "
                    "connections in front of the collapse.",
                ),
            ),
            confidence=0.85,
            why_confident="It does not learn, and every sample gets the same answer over several batches.",
        )
