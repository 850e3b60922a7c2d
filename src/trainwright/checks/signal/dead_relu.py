"""TW404 dead-relu."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import initial_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import ActivationSignals
from trainwright.measures.learning import learns

SHARE = 0.6
"""Share of a layer's units that are zero for every sample of several batches, median over the last quarter of the run.
Healthy runs stay below 0.41 (sparse codes, regressions in large units, narrow layers) and learn; ill ones reach 0.75
and more."""

ALL = 0.99
"""From here on a layer lets nothing through; reported also where nobody knows whether the network learns."""

FEWEST_SAMPLES = 6
FEWEST_UNITS = 8
"""Of a layer that never let anything through, also where the network learns on a way around it."""


class DeadRelu(Check):
    """Most units of a layer answer every input with zero.

    What it finds:
        Layers whose ReLU units are zero for every sample of several batches, because of a large negative bias or a
        step that was too large.

    Why it hurts:
        A unit that is always zero has no gradient and never comes back. A layer of them cuts off everything before it.

    How it is measured:
        The share of units (channels of feature maps) that were zero for every sample of the last batches looked at,
        median over the last quarter of the run. More than 60 % in a layer of a network that does not learn is
        reported; sparse layers of a network that learns are healthy. A layer of which not one unit ever answered is
        reported in either.

    How to fix:
        A lower learning rate or warm-up where units die during training, biases that start at zero, scaled inputs,
        normalisation in front of the ReLU, LeakyReLU or GELU.

    References:
        Lu et al., Dying ReLU and initialization (2019); Wei, Must Know Tips/Tricks in Deep Neural Networks.
    """

    code = "TW404"
    name = "dead-relu"
    severity = Severity.WARNING
    after = (
        *("TW401", "TW112", "TW304", "TW310", "TW312", "TW313", "TW303", "TW329"),
        *("TW322", "TW409", "TW410", "TW511", "TW519", "TW402", "TW406", "TW502", "TW503"),
    )
    cases = (
        Case(training_benches.alloys_mlp, initial_faults.negative_biases),
        Case(training_benches.digits_cnn, initial_faults.negative_biases),
    )

    def run(self, active: ActivationSignals, curve: LearningCurve | None) -> Iterator[Finding]:
        if not active.consistent or len(active.steps) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{len(active.steps)} samples are too few; {FEWEST_SAMPLES} are needed")
        rows = np.flatnonzero(np.isfinite(active.dead).any(axis=1))
        if not len(rows):
            raise CannotEvaluate("no ReLU was seen")
        last = active.dead[rows, -max(3, len(active.steps) // 4) :]
        shares = np.median(np.nan_to_num(last, nan=0.0), axis=1)
        learning = learns(curve)
        worst = int(rows[int(shares.argmax())])
        share, name, units = float(shares.max()), active.names[worst], int(active.n_units[worst])
        known = active.dead[worst][np.isfinite(active.dead[worst])]
        from_start = bool(known[: max(1, len(known) // 8)].min() > SHARE)
        never = units >= FEWEST_UNITS and bool(known.min() > ALL)
        if not share > (SHARE if learning is False else ALL) or (learning and not never):
            return
        yield self.finding(
            happened=f"{share:.0%} of the {units} units of '{name}' were zero for every sample of the last "
            f"{int(active.n_samples[-1])} looked at, {'from the start' if from_start else f'{known[0]:.0%} at first'}"
            f"{'; the network did not learn' if learning is False else ''}.",
            expected=f"At most {SHARE:.0%} of a layer's units without any answer.",
            todo="Start with biases of zero and scaled inputs, and put normalisation in front of the ReLU."
            if from_start
            else "Lower the learning rate or warm it up, and clip the gradient: these units died during training.",
            evidence=(
                Evidence(
                    "share of units that are always zero",
                    share,
                    limit=SHARE,
                    where=name,
                    when=f"steps {active.steps[-last.shape[1]]} to {active.steps[-1]}",
                    series=(
                        Series("share of dead units", tuple(map(float, active.steps)),
                               tuple(map(float, np.nan_to_num(active.dead[worst])))),
                    ),
                ),
            ),
            fixes=(
                Fix(
                    "Revive the layer",
                    instruction="Initialise its bias with zeros, or use nn.LeakyReLU or nn.GELU."
                    if from_start
                    else "Divide the learning rate by 10 and start anew; dead units do not come back.",
                ),
            ),
            confidence=0.95 if share > ALL else 0.85,
            why_confident="Counted over several batches and steps, in a network that does not learn."
            if learning is False
            else "Nothing passes through this layer, whatever the input.",
            where=name,
        )  # fmt: skip
