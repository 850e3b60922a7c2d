"""TW310 zero-init."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import initial_faults, own_target_benches, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.start import WeightsAtStart
from trainwright.measures.trials import OverfitTrial

SHOWN = 5


class ZeroInit(Check):
    """Weights that start at zero get no gradient and stay at zero.

    What it finds:
        Trained weights that are all zero before the first step and whose gradient is exactly zero in every one of the
        first steps: a network initialised with zeros, two factors of a product that both start at zero.

    Why it hurts:
        A layer of zeros passes nothing on, and its neighbours' zeros keep the gradient from it: it never starts to
        learn. What does learn, mostly the last bias, makes the loss fall a little and hides it.

    How it is measured:
        Five steps of the user's own optimizer, with every weight's gradient seen as it arrives. A last layer, a
        residual scale or a low-rank factor that starts at zero by design gets a gradient in the first steps; on all
        healthy benches and hand-built networks (zero head, zero-gamma residuals, low-rank adapters) no such weight is
        left. Frozen and unused parameters do not count. A model that fits a batch all the same gets a warning.

    How to fix:
        Initialise weights at random (torch's default, or Kaiming or Xavier); of two factors start only one at zero.

    References:
        Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.4.
    """

    code = "TW310"
    name = "zero-init"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (
        Case(training_benches.alloys_mlp, initial_faults.zero_weights),
        Case(training_benches.digits_cnn, initial_faults.zero_weights),
        Case(own_target_benches.autoencoder, initial_faults.zero_weights),
    )

    def run(self, start: WeightsAtStart, overfit: OverfitTrial | None) -> Iterator[Finding]:
        if not start.moved and any(weight.gradient > 0 for weight in start.weights):
            raise CannotEvaluate(f"{start.steps} steps of the optimizer changed nothing")
        stuck = [weight for weight in start.weights if weight.largest == 0 and weight.gradient == 0]
        if not stuck:
            return
        learns = overfit is not None and overfit.own.overfits
        names = ", ".join(weight.name for weight in stuck[:SHOWN])
        more = f" and {len(stuck) - SHOWN} more" if len(stuck) > SHOWN else ""
        yield self.finding(
            happened=f"{len(stuck)} of {len(start.weights)} weights start at 0 and got a gradient of exactly 0 in each "
            f"of {start.steps} steps: {names}{more}.",
            expected="Weights that are not all 0, or that get a gradient within the first steps.",
            todo="Initialise these weights at random.",
            evidence=tuple(
                Evidence("largest gradient", weight.gradient, where=weight.name, when=f"over {start.steps} steps")
                for weight in stuck[:SHOWN]
            ),
            fixes=(
                Fix(
                    "Initialise at random",
                    instruction="Remove the zeros_() or constant_(…, 0) on these weights, or use "
                    "nn.init.kaiming_normal_.",
                ),
            ),
            confidence=0.8 if learns else 1.0,
            why_confident="Both the weights and their gradients are exactly 0; the rest of the model fits a batch."
            if learns
            else "Both the weights and their gradients are exactly 0, so that no step can change them.",
            severity=Severity.WARNING if learns else Severity.ERROR,
        )
