"""TW502 diverging."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.trends import lowest_level

LOST = 0.5
"""Share of what had been learnt that is lost at the end. Healthy benches, nine in four widths: none; a momentum of 0.99
at a rate of 0.1: all of it."""

LEARNT = 0.15
"""Share of the constant prediction's loss that must have been learnt before it can be lost."""

ALL, LITTLE = 0.9, 0.05
"""The same two where nothing is left of it at the end: healthy benches never come back to where they began."""

BLOWN_UP = 3.0
"""Final loss as a multiple of the loss before anything was learnt; healthy benches: below 1."""

FAR_UP = 10.0
"""The same where networks may train against each other, whose losses may well rise by a few times."""

THROWN, BACK = 100.0, 0.9
"""Highest loss as a multiple of the first one and of the constant prediction's, behind which the loss ends at no less
than so much of the latter. Healthy benches: none rises to more than a few times its first."""

NOISE = 5.0
"""What was learnt must also be this many times the chance in the mean of many batches."""

ROUNDING = 1e-4
"""Share of the loss before anything was learnt by which single precision and the order of sums may move it."""

TAIL = 0.2
"""Share of the training, at its end, over all of which the loss must be that high: a spike is not enough."""

FEWEST_POINTS = 5


ENDLESS = 1e6
"""How far below zero a loss may fall, in units of its beginning or of the constant prediction's loss."""


class Diverging(Check):
    """The training loss ran away: it became NaN, blew up, or gave back what had been learnt.

    What it finds:
        A loss that stops being finite; one that falls below zero without end; one that ends far above where it began;
        and one that fell first and then went back up for good.

    Why it hurts:
        The final weights are worse than earlier ones, or are no numbers at all.

    How it is measured:
        Not finite is a fact. Otherwise by the level of the last fifth of the training: three times the loss of the
        constant prediction (or of the beginning), or half of what had been learnt lost and never regained (nine tenths,
        if it was little); or by a loss that rose to a hundred times its first and never came below the constant's.
        Where it is not known whether networks train against each other, and no validation loss was logged either, only
        the first two are judged, with ten times instead of three: the equilibrium of a GAN looks like the third.

    How to fix:
        Lower the learning rate or the momentum, add a warm-up, clip the gradients; keep the best epoch meanwhile.

    References:
        Goodfellow et al., Deep Learning (2016), section 11.4.1; Google, Deep Learning Tuning Playbook (instability).
    """

    code = "TW502"
    name = "diverging"
    severity = Severity.ERROR
    after = ("TW401", "TW303", "TW307", "TW308", "TW309", "TW312", "TW322", "TW339", "TW409", "TW511", "TW517", "TW519")
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
        if values[-1] < -ENDLESS * max(abs(curve.reference), float(np.abs(values[: 1 + len(values) // 20]).max())):
            yield self._endless(curve, float(values[-1]))
            return
        tail = values[-max(2, math.ceil(TAIL * len(values))) :]
        reference, lowest = curve.reference, lowest_level(values)
        learnt, lost = reference - lowest, float(tail.min()) - lowest
        blown_up = FAR_UP if curve.may_be_game else BLOWN_UP
        if reference > 0 and tail.min() > blown_up * max(reference, _before_first_step(curve)):
            yield self._risen(curve, float(tail.mean()), float(tail.mean()) / reference, blown_up, "blew up")
        elif reference > 0 and _was_thrown(curve, float(np.median(tail))):
            yield self._thrown(curve)
        elif _gave_back(curve, learnt, lost):
            if curve.may_be_game:
                raise CannotEvaluate("the loss rose again, which is usual where networks train against each other")
            yield self._risen(curve, float(tail.mean()), lost / learnt, LOST, "gave back what had been learnt")

    def _not_finite(self, curve: LearningCurve) -> Finding:
        losses = curve.train_loss
        first = float(losses.x[np.flatnonzero(~np.isfinite(losses.y))[0]])
        finite = losses.finite
        before = f"; it was {finite.y[0]:.4g} first and {finite.y[-1]:.4g} last" if len(finite) else ""
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

    def _endless(self, curve: LearningCurve, final: float) -> Finding:
        first = float(curve.trend.y[0])
        return self.finding(
            happened=f"The training loss fell from {first:.3g} to {final:.3g}: it has no lowest value, and training "
            "makes one of its terms endless.",
            expected="A loss that no prediction can bring below a certain value.",
            todo="Look for a term with the wrong sign, or for targets that the loss has no meaning for.",
            evidence=(
                Evidence("final loss", final, limit=-ENDLESS, series=(curve.train_loss.series("training loss"),)),
            ),
            fixes=(Fix("Turn the sign", instruction="Write every term so that it is smallest for the best model."),),
            confidence=0.95,
            why_confident=f"Logarithms of densities fall to some ten or thousand below zero, not to {-ENDLESS:.0g}.",
        )

    def _thrown(self, curve: LearningCurve) -> Finding:
        losses = curve.train_loss.finite
        place = int(np.argmax(losses.y))
        return self.finding(
            happened=f"The training loss rose from {losses.y[0]:.3g} to {losses.y[place]:.3g} in {curve.x_unit} "
            f"{losses.x[place]:g}, and came no further down than to that of a constant prediction, "
            f"{curve.reference:.3g}: the first steps threw the weights away.",
            expected=f"A loss that never rises to more than {THROWN:g} times its first.",
            todo="Scale the targets (and inputs) to unit size, or lower the learning rate; clip the gradients.",
            evidence=(
                Evidence(
                    "highest loss / first loss",
                    float(losses.y[place] / losses.y[0]),
                    limit=THROWN,
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=_fixes(curve),
            confidence=0.95,
            why_confident="Nothing but steps far too long makes a loss so large, and nothing was learnt afterwards.",
        )

    def _risen(self, curve: LearningCurve, final: float, value: float, limit: float, how: str) -> Finding:
        values = curve.trend
        best = int(np.argmin(values.y))
        return self.finding(
            happened=f"The training loss {how}: {values.y[best]:.4g} at {curve.x_unit} {values.x[best]:g}, "
            f"{final:.4g} over the last fifth of {curve.length:g} {curve.x_unit}s; before anything was learnt it was "
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
            confidence=0.9,
            why_confident="The loss is that high over the whole last fifth of the training, not in one spike.",
        )


def _before_first_step(curve: LearningCurve) -> float:
    """The loss before anything was learnt, where it was seen; what begins too high and comes down has not run away."""
    known = curve.train_loss.finite
    return float(known.y[0]) if curve.x_unit == "step" and known.x[0] <= 1 else -math.inf


def _gave_back(curve: LearningCurve, learnt: float, lost: float) -> bool:
    if not learnt > max(NOISE * curve.batch_noise, ROUNDING * abs(curve.reference)):
        return False
    most = learnt > LEARNT * curve.scale and lost > LOST * learnt
    return most or (learnt > LITTLE * curve.scale and lost > ALL * learnt)


def _fixes(curve: LearningCurve) -> tuple[Fix, ...]:
    rate, typical = curve.peak_rate, curve.typical_rate
    if rate is None or rate <= 0:
        return (Fix("Lower the learning rate", instruction="Lower the learning rate tenfold, or clip the gradients."),)
    new = min(rate / 10, typical) if typical else rate / 10
    return (Fix(f"Set the learning rate to {new:g}", changes={"optimizer.learning_rate": new}),)


def _was_thrown(curve: LearningCurve, final: float) -> bool:
    """Whether the loss rose far above its first and the constant prediction's, and ended where nothing is learnt."""
    losses = curve.train_loss.finite.y
    return float(losses.max()) > THROWN * max(float(losses[0]), curve.reference) and final > BACK * curve.reference
