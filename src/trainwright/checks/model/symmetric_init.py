"""TW311 symmetric-init."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import initial_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.start import WeightsAtStart, WeightStart
from trainwright.measures.trials import OverfitTrial

LIMIT = 1e-3
"""Difference between units' gradients as a share of their size. Units that start alike by design (zero heads, low-rank
factors) get gradients that differ by 2.9 and more; a layer of constants at most 1e-6."""
ALIKE = 1e-4
"""Difference between units' weights as a share of their size below which they count as equal."""
SHOWN = 5


class SymmetricInit(Check):
    """All units of a layer start alike and get the same gradient.

    What it finds:
        Layers whose units have equal weights at the start and equal gradients in each of the first steps, as after
        filling them with a constant.

    Why it hurts:
        Units that start alike and are changed alike stay alike: the layer is as good as one unit, however wide it is.

    How it is measured:
        Over five own steps, in train mode with dropout off, the distance of every unit's weights and gradients from the
        units' mean, relative to their size. A layer in front of random weights breaks the symmetry in the first step
        and passes. Embedding tables are left out. A model that fits a batch all the same gets a warning, and so does
        one with dropout, which tells the units apart, though slowly.

    How to fix:
        Initialise weights at random.

    References:
        Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.4, "break symmetry".
    """

    code = "TW311"
    name = "symmetric-init"
    severity = Severity.ERROR
    after = ("TW401", "TW310")
    cases = (
        Case(training_benches.alloys_mlp, initial_faults.constant_weights),
        Case(training_benches.digits_cnn, initial_faults.constant_weights),
        Case(training_benches.waves_gru, initial_faults.constant_weights),
    )

    def run(self, start: WeightsAtStart, overfit: OverfitTrial | None) -> Iterator[Finding]:
        if all(math.isnan(weight.unit_spread) for weight in start.weights):
            raise CannotEvaluate("the units of the weights were not compared")
        alike = [weight for weight in start.weights if _stays_alike(weight)]
        if not alike:
            return
        learns = overfit is not None and overfit.own.overfits
        relieved = "the rest of the model fits a batch" if learns else "dropout tells them apart in time"
        names = ", ".join(f"{weight.name} ({weight.n_units} units)" for weight in alike[:SHOWN])
        worst = max(weight.gradient_spread for weight in alike)
        yield self.finding(
            happened=f"All units of {len(alike)} of {len(start.weights)} weights start alike, and in {start.steps} "
            f"steps their gradients differed by at most {worst:.1g} of their size: {names}.",
            expected=f"Units that start differently, or whose gradients differ by more than {LIMIT:g}.",
            todo="Initialise these weights at random.",
            evidence=tuple(
                Evidence("difference between units' gradients", weight.gradient_spread, limit=LIMIT, where=weight.name)
                for weight in alike[:SHOWN]
            ),
            fixes=(
                Fix(
                    "Initialise at random",
                    instruction="Remove the constant_() or fill_() on these weights, or use nn.init.kaiming_normal_.",
                ),
            ),
            confidence=0.8 if learns or start.has_dropout else 0.99,
            why_confident=f"Equal units with equal gradients stay equal; {relieved}."
            if learns or start.has_dropout
            else "Equal units with equal gradients stay equal.",
            severity=Severity.WARNING if learns or start.has_dropout else Severity.ERROR,
        )


def _stays_alike(weight: WeightStart) -> bool:
    same = weight.n_units > 1 and weight.unit_spread <= ALIKE
    return same and weight.gradient > 0 and weight.gradient_spread <= LIMIT
