"""TW412 regularisation-dominates."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.learning import learns
from trainwright.measures.loop import WeightDecay

LEFT = 0.5
"""Norm of the weights at the end, as a share of that at the start, below which decay has taken over. Networks that
learn keep 0.8 of it and more, most of them grow."""
PULL = 0.5
"""Weight decay × weights beside the gradient, from which on the decay holds the gradient off."""
SHRINKAGE = 0.7
"""Sum of rate × decay over the steps, from which on decoupled decay alone would halve the weights."""
FEWEST_SAMPLES = 6
EXTREME, EXTREME_DECOUPLED = 0.1, 1.0
"""Weight decay as a part of the gradient and beside it, more than three times what is in use (0.03, 0.3)."""
FAR = 5.0
"""How many times that a decay hardly ever is."""
REMAINING, REMAINING_FAR = 0.3, 0.1
"""Share of the constant prediction's loss that is left of a training which such a decay did not hold back, and what
must be left at most under one so far."""


class RegularisationDominates(Check):
    """Weight decay pulls harder than the data, and the network does not learn.

    What it finds:
        Weights that shrink towards zero under a weight decay that is orders of magnitude too strong.

    Why it hurts:
        The smallest loss with such a penalty is that of a network that says the same for every input.

    How it is measured:
        The norm of all weights, median of the last three samples beside the first: less than half is left. And the
        decay is strong enough to have done it: as a part of the gradient (SGD, Adam) at least half as large as the
        data's, or, beside the gradient (AdamW), enough to halve the weights by itself. Only in a network whose loss
        does not stand below the constant prediction's; in others a strong decay is a choice. One beyond 0.1 (SGD, Adam)
        or 1 (AdamW) is a *warning* as long as 30 % of the constant prediction's loss are left, and one five times as
        far as long as 10 % are.

    How to fix:
        Lower the weight decay; 0.01 with AdamW, 1e-4 with SGD and Adam are usual.

    References:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019); Goodfellow et al., Deep Learning (2016),
        section 7.1.
    """

    code = "TW412"
    name = "regularisation-dominates"
    severity = Severity.ERROR
    after = ("TW401", "TW303", "TW310", "TW409", "TW410")
    cases = (Case(training_benches.alloys_mlp, loop_faults.heavy_decay),)

    def run(self, decay: WeightDecay, curve: LearningCurve | None) -> Iterator[Finding]:
        if len(decay.steps) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{len(decay.steps)} samples are too few; {FEWEST_SAMPLES} are needed")
        if not decay.is_known:
            raise CannotEvaluate("the norms of weights and gradients are not all known")
        strength, limit = (decay.shrinkage, SHRINKAGE) if decay.decoupled else (decay.pull, PULL)
        if decay.left < LEFT and strength >= limit and learns(curve) is False:
            yield self._dominates(decay, strength, limit)
        elif decay.rate > _extreme(decay) and not _fits(curve, far=decay.rate > FAR * _extreme(decay)):
            yield self._is_extreme(decay)

    def _is_extreme(self, decay: WeightDecay) -> Finding:
        extreme = _extreme(decay)
        return self.finding(
            happened=f"{decay.optimizer} has a weight decay of {decay.rate:g}, and much of the loss was not learnt.",
            expected=f"A weight decay of {_usual(decay):g} or so, at most {extreme:g} with this optimizer.",
            todo=f"Lower the weight decay from {decay.rate:g} to {_usual(decay):g} or less.",
            evidence=(Evidence("weight decay", decay.rate, limit=extreme),),
            fixes=(Fix("Decay less", changes={"optimizer.weight_decay": _usual(decay)}),),
            confidence=0.7,
            why_confident="Hardly any network is trained with so much; a run with less would settle it.",
            where=decay.optimizer,
            severity=Severity.WARNING,
        )

    def _dominates(self, decay: WeightDecay, strength: float, limit: float) -> Finding:
        return self.finding(
            happened=f"The norm of the weights fell from {decay.weight_norm[0]:.3g} to "
            f"{decay.left * decay.weight_norm[0]:.3g} within {decay.steps[-1]} steps under a weight decay of "
            f"{decay.rate:g}, and the network did not learn. {_reason(decay)}",
            expected=f"Weights of which at least {LEFT:.0%} is left, and a decay that only leans against the gradient.",
            todo=f"Lower the weight decay from {decay.rate:g} to {_usual(decay):g} or less.",
            evidence=(
                Evidence(
                    "share of the weights' norm left",
                    decay.left,
                    limit=LEFT,
                    when=f"steps {decay.steps[0]} to {decay.steps[-1]}",
                    series=(Series("norm of the weights", _numbers(decay.steps), _numbers(decay.weight_norm)),),
                ),
                Evidence("strength of the decay", strength, limit=limit),
            ),
            fixes=(Fix("Decay less", changes={"optimizer.weight_decay": _usual(decay)}),),
            confidence=0.9,
            why_confident="The weights shrink, the decay is strong enough for it, and nothing is learnt.",
            where=decay.optimizer,
        )


def _usual(decay: WeightDecay) -> float:
    return min(0.01 if decay.decoupled else 1e-4, decay.rate / 100)


def _extreme(decay: WeightDecay) -> float:
    return EXTREME_DECOUPLED if decay.decoupled else EXTREME


def _fits(curve: LearningCurve | None, *, far: bool) -> bool:
    """Whether little is left of the constant prediction's loss; not where that is not known."""
    if curve is None or not curve.baseline_train_loss or not len(curve.train_loss.finite):
        return False
    remaining = REMAINING_FAR if far else REMAINING
    return float(np.median(curve.train_loss.finite.y[-5:])) < remaining * curve.baseline_train_loss


def _reason(decay: WeightDecay) -> str:
    if decay.decoupled:
        return f"The decay by itself would leave {math.exp(-decay.shrinkage):.2g} of them."
    return f"Towards the end the decay pulls {decay.pull:.2g} times as hard as the data."


def _numbers(values: npt.NDArray[np.number]) -> tuple[float, ...]:
    return tuple(map(float, values))
