"""TW502 diverging."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.trends import lowest_level

LOST = 0.5
"""Share of what had been learnt that is lost at the end. Healthy benches lose at most 0.13, a momentum of 0.99 at a
large rate 0.5 to 1."""

LEARNT = 0.15
"""Share of the constant prediction's loss that must have been learnt before it can be lost."""

BLOWN_UP = 3.0
"""Final loss as a multiple of the loss before anything was learnt; healthy benches: below 1."""

TAIL = 0.2
"""Share of the training, at its end, over all of which the loss must be that high: a spike is not enough."""

FEWEST_POINTS = 5


class Diverging(Check):
    """The training loss ran away: it became NaN, blew up, or gave back what had been learnt.

    What it finds:
        A loss that stops being finite; one that ends far above where it began; and one that fell first and then went
        back up for good.

    Why it hurts:
        The final weights are worse than earlier ones, or are no numbers at all.

    How it is measured:
        Not finite is a fact. Otherwise by the level of the last fifth of the training: three times the loss of the
        constant prediction (or of the beginning), or half of what had been learnt lost and never regained. Where it is
        not known whether networks train against each other (an equilibrium of a GAN looks like this), and no validation
        loss was logged either, it is advice.

    How to fix:
        Lower the learning rate or the momentum, add a warm-up, clip the gradients; keep the best epoch meanwhile.

    References:
        Goodfellow et al., Deep Learning (2016), section 11.4.1; Google, Deep Learning Tuning Playbook (instability).
    """

    code = "TW502"
    name = "diverging"
    severity = Severity.ERROR
    after = ("TW401", "TW303", "TW501")
    cases = (
        Case(training_benches.alloys_mlp, curve_faults.heavy_momentum),
        Case(training_benches.yield_mlp, curve_faults.heavy_momentum),
    )

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        losses = curve.train_loss
        curve.require_points(losses, 1)
        if not np.isfinite(losses.y[-1]):
            yield self._not_finite(curve)
            return
        curve.require_points(losses, FEWEST_POINTS)
        curve.require_no_game()
        values = curve.trend.y
        tail = values[-max(2, math.ceil(TAIL * len(values))) :]
        reference, lowest = curve.reference, lowest_level(values)
        learnt, lost = reference - lowest, float(tail.min()) - lowest
        if reference > 0 and tail.min() > BLOWN_UP * reference:
            yield self._risen(curve, float(tail.mean()), float(tail.mean()) / reference, BLOWN_UP, "blew up")
        elif learnt > LEARNT * curve.scale and lost > LOST * learnt:
            yield self._risen(curve, float(tail.mean()), lost / learnt, LOST, "gave back what had been learnt")

    def _not_finite(self, curve: LearningCurve) -> Finding:
        losses = curve.train_loss
        first = float(losses.x[np.flatnonzero(~np.isfinite(losses.y))[0]])
        finite = losses.finite
        before = f"; the last finite one was {finite.y[-1]:.4g}" if len(finite) else ""
        return self.finding(
            happened=f"The training loss is {losses.y[-1]} at the end, not finite since {curve.x_unit} "
            f"{first:g}{before}.",
            expected="A finite loss at every step: 0 that are not.",
            todo="Lower the learning rate, and look for the first operation that is not finite.",
            evidence=(
                Evidence("losses that are not finite", len(losses) - len(finite), limit=0, when=f"from {first:g}"),
            ),
            fixes=_fixes(curve),
            confidence=1.0,
            why_confident="The loss was logged as such: a fact.",
        )

    def _risen(self, curve: LearningCurve, final: float, value: float, limit: float, how: str) -> Finding:
        sure = curve.is_game is False or len(curve.validation_loss) > 0
        values = curve.trend
        best = int(np.argmin(values.y))
        return self.finding(
            happened=f"The training loss {how}: {values.y[best]:.4g} at {curve.x_unit} {values.x[best]:g}, "
            f"{final:.4g} over "
            f"the last fifth of {curve.length:g} {curve.x_unit}s; before anything was learnt it was "
            f"{curve.reference:.4g}.",
            expected=f"A final loss near the lowest one, {values.y[best]:.4g}.",
            todo="Lower the learning rate or the momentum; keep the best epoch meanwhile.",
            evidence=(
                Evidence(
                    "share of what was learnt that is lost" if limit == LOST else "final loss / loss at the beginning",
                    value,
                    limit=limit,
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=_fixes(curve),
            confidence=0.9 if sure else 0.6,
            why_confident="The loss is that high over the whole last fifth of the training, not in one spike."
            + ("" if sure else " Networks that train against each other may look the same."),
            severity=self.severity if sure else Severity.ADVICE,
        )


def _fixes(curve: LearningCurve) -> tuple[Fix, ...]:
    rate, typical = curve.peak_rate, curve.typical_rate
    if rate is None or rate <= 0:
        return (Fix("Lower the learning rate", instruction="Lower the learning rate tenfold, or clip the gradients."),)
    new = min(rate / 10, typical) if typical else rate / 10
    return (Fix(f"Set the learning rate to {new:g}", changes={"optimizer.learning_rate": new}),)
