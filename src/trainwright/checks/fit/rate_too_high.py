"""TW503 rate-too-high."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import BLOCKS, LearningCurve
from trainwright.measures.learning import learns, share_learnt
from trainwright.measures.trends import lowest_level, rises

LIMIT = 0.01
"""Upward moves of the training loss from epoch to epoch after the first quarter, root mean square without the two
largest, as a share of the constant prediction's loss. Healthy benches without dropout: at most 0.006 in four widths;
Adam at 0.05 on alloys 0.012 to 0.015, SGD at 0.3 up to 0.03."""

SPARED = 2
"""Largest moves left out: a single spike has causes of its own (TW506)."""

OFTEN = 0.15
"""Share of the moves that must be upward ones beyond the limit: a loss that jumps a few times only was given other data
(another task, longer sequences)."""

UNKNOWN_LIMIT = 0.05
"""The same where the number of training samples is not known, and with it how noisy the mean over an epoch is, and of
so few steps that each point is a single batch."""

CHANCE = 0.5
"""Standard deviation of one sample's loss under dropout, as a share of the constant prediction's loss."""

SEVERE = 4.0
"""Multiple of the limit from which the symptom alone is enough."""

FAR = 3.0
"""Factor above the optimizer's usual rate from which the rate is suspected for itself."""

THROWN = 1.3
"""Highest loss in the first quarter as a multiple of the constant prediction's, from which a network that does not
learn was thrown off by its rate. Starts from an unscaled output are higher, but are left behind at a usual rate."""

VERY_FAR = 30.0
"""Factor above the usual rate from which a network that learns nothing need not even have been thrown off."""

EXTREME = 300.0
"""The same for one that learns little, or where the loss of a constant prediction, and with it whether it learns, is
not known."""
MOST = 0.7
"""Share of the constant prediction's loss from which on a network has learnt in spite of such a rate."""

ANNEALED = 0.1
"""Share of its peak below which a rate has come down: that the loss jumped while it was high was meant, and only the
last quarter tells. Plain descent from rate 1 down to nothing with batch normalisation jumps by up to 0.033 before."""

FEWEST_POINTS = 8


class RateTooHigh(Check):
    """The training loss jumps up and down because the steps are too large.

    What it finds:
        A training that learns, but whose loss keeps rising and falling from epoch to epoch by far more than chance.

    Why it hurts:
        The weights are thrown about instead of settling: the result is worse than it could be and depends on the epoch
        at which training happened to end.

    How it is measured:
        The upward moves of the training loss between epochs (of a log of steps between means of many steps, less what
        chance makes of single batches), measured against the constant prediction's loss, so that jumps near zero
        mean nothing, and only if one move in seven is such a jump; after the first quarter, and of a rate that comes
        down to a tenth in the last quarter only. Together with a rate three times above the optimizer's usual one it is
        a warning; alone it is none unless it is four times the limit. A network that never learnt was thrown off by its
        rate if that is as far above the usual one, momentum counted, and the loss rose to 1.3 times the constant's
        first, or if it is thirty times above; one that learnt little, or of which that is not known, if the rate is
        three hundred times the usual one. Not judged where the rate itself goes up again, or networks train against
        each other.

    How to fix:
        Lower the learning rate by a factor of 3 to 10, or let it fall towards the end.

    References:
        Smith, A Disciplined Approach to Neural Network Hyper-Parameters (2018); Google, Deep Learning Tuning Playbook.
    """

    code = "TW503"
    name = "rate-too-high"
    severity = Severity.WARNING
    after = ("TW401", "TW303", "TW322", "TW341", "TW406", "TW409", "TW511", "TW802", "TW502")
    cases = (Case(training_benches.alloys_mlp, curve_faults.high_rate),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        curve.require_no_game()
        values = curve.trend
        judged = max(FEWEST_POINTS, len(values) // 4) if _is_annealed(curve) else len(values) - len(values) // 4
        late = values.y[-judged:]
        chance = curve.batch_spread_from(float(values.x[-judged]))
        if curve.rate_restarts:
            raise CannotEvaluate("the learning rate itself goes up again during the training")
        excess = curve.excess_rate
        suspected = excess is not None and excess > FAR
        if learns(curve) is False and suspected:
            yield from self._thrown_off(curve)
            return
        if excess is not None and excess > EXTREME and _learnt_little(curve):
            yield self._extreme(curve)
            return
        if late.min() >= curve.reference:
            return
        restless = math.sqrt(max(0.0, rises(late, but=SPARED) ** 2 - 2 * chance**2)) / curve.scale
        limit = _limit(curve)
        often = float((np.diff(late) > limit * curve.scale).mean())
        if restless < limit * (1 if suspected else SEVERE) or often < OFTEN:
            return
        if curve.may_be_game and not suspected:
            raise CannotEvaluate("the loss jumps, which is usual where networks train against each other")
        rate = curve.peak_rate
        said = f" at a rate of up to {rate:g}" if rate is not None else ""
        new = _usual_rate(curve) if suspected else rate / 5 if rate else None
        yield self.finding(
            happened=f"{'In its last' if _is_annealed(curve) else 'After its first'} quarter the training loss still "
            f"jumps up by {restless * curve.scale:.3g} from "
            f"{curve.x_unit if curve.x_unit == 'epoch' else 'block to block of steps'}"
            f"{' to epoch' if curve.x_unit == 'epoch' else ''}{said}: {restless:.1%} of the loss that a constant has.",
            expected=f"Upward moves below {limit:.1%} of it.",
            todo=f"Lower the learning rate to {new:g}." if new else "Lower the learning rate by a factor of 3 to 10.",
            evidence=(
                Evidence(
                    "upward moves / constant's loss",
                    restless,
                    limit=limit,
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=(
                Fix(f"Set the learning rate to {new:g}", changes={"optimizer.learning_rate": new})
                if new
                else Fix("Lower the rate", instruction="Lower the learning rate by a factor of 3 to 10 and compare."),
            ),
            confidence=0.75 if suspected else 0.6,
            why_confident=_usual(curve) if suspected else "The symptom is clear; small batches can cause it too.",
        )

    def _extreme(self, curve: LearningCurve) -> Finding:
        new, excess = _usual_rate(curve), curve.excess_rate or math.nan
        return self.finding(
            happened=f"The learning rate is {curve.peak_rate:g}{_momentum_text(curve)}, {excess:,.0f} times what is "
            f"usual for {curve.optimizer}.",
            expected=f"A rate near {new:g}, at most {EXTREME:g} times that.",
            todo=f"Lower the learning rate to {new:g} and compare.",
            evidence=(
                Evidence(
                    "rate / the usual one", excess, limit=EXTREME, series=(curve.train_loss.series("training loss"),)
                ),
            ),
            fixes=(Fix(f"Set the learning rate to {new:g}", changes={"optimizer.learning_rate": new}),),
            confidence=0.7,
            why_confident="The rate alone speaks: hardly any network learns with one so far from the usual.",
        )

    def _thrown_off(self, curve: LearningCurve) -> Iterator[Finding]:
        values = curve.trend.y
        peak = float(values[: max(2, len(values) // 4)].max()) / curve.reference
        rate, excess, new = curve.peak_rate, curve.excess_rate, _usual_rate(curve)
        if not (excess and new and (peak > THROWN or excess > VERY_FAR)):
            return
        yield self.finding(
            happened=f"At a rate of {rate:g}{_momentum_text(curve)} the training loss reached {peak:.2g} times that of "
            "a constant prediction in the first quarter and never stayed below it.",
            expected=f"A loss below {THROWN:g} times that of a constant prediction from the start, and falling.",
            todo=f"Lower the learning rate to {new:g}{', or the momentum to 0.9' if curve.momentum_counts else ''}.",
            evidence=(
                Evidence(
                    "highest loss in the first quarter / constant's loss",
                    peak,
                    limit=THROWN,
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=(Fix(f"Set the learning rate to {new:g}", changes={"optimizer.learning_rate": new}),),
            confidence=0.9,
            why_confident=_usual(curve),
        )


def _learnt_little(curve: LearningCurve) -> bool:
    """Whether most of the constant prediction's loss is left; also where that is not known."""
    constant = curve.baseline_train_loss
    return constant is None or constant <= 0 or share_learnt(lowest_level(curve.trend.y), constant) < MOST


def _usual_rate(curve: LearningCurve) -> float | None:
    """The learning rate at which steps have the usual length, the momentum being what it is."""
    rate, excess = curve.peak_rate, curve.excess_rate
    return float(f"{rate / excess:.2g}") if rate and excess else None


def _usual(curve: LearningCurve) -> str:
    return f"The rate{_momentum_text(curve)} is {curve.excess_rate:.0f} times what is usual for {curve.optimizer}."


def _momentum_text(curve: LearningCurve) -> str:
    return f" with momentum {curve.momentum:g}" if curve.momentum_counts else ""


def _is_annealed(curve: LearningCurve) -> bool:
    rates = curve.learning_rate.finite.y
    return curve.peak_rate is not None and bool(rates[-1] < ANNEALED * curve.peak_rate)


def _limit(curve: LearningCurve) -> float:
    if curve.x_unit == "step" and len(curve.train_loss.finite) <= BLOCKS:
        return UNKNOWN_LIMIT
    if curve.train_only == () or curve.batch_noise:
        return LIMIT
    return UNKNOWN_LIMIT if curve.n_train is None else max(LIMIT, CHANCE / math.sqrt(max(1, curve.n_train)))
