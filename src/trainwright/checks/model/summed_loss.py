"""TW322 summed-loss."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.graph import LossGraph, Operation
from trainwright.measures.learning import learns

SUMMED = 1.5
"""Weight of each sample in a sum as a multiple of that in a mean, up to which the sum counts as divided."""


class SummedLoss(Check):
    """The loss is the sum over the batch, not the mean.

    What it finds:
        ``reduction="sum"`` or ``.sum()`` over the samples, with no division by their number.

    Why it hurts:
        The gradient grows with the batch: the learning rate has another meaning for every batch size, a smaller last
        batch counts less, and clipping and weight decay lose their scale. With a rate small enough it trains as well.

    How it is measured:
        The graph shows for every term that measures an error whether a mean, or a division, lies between it and the
        loss. Only if none does is it reported: as advice, and as a warning in a training under SGD, whose step grows
        with the gradient, that did not learn.

    How to fix:
        Use the mean over the batch; divide the rate by the batch size before if it was tuned for the sum.

    References:
        Goyal et al., Accurate, Large Minibatch SGD (2017), section 3, normalisation by the total minibatch size.
    """

    code = "TW322"
    name = "summed-loss"
    severity = Severity.ADVICE
    after = ("TW319",)
    cases = (
        Case(training_benches.alloys_mlp, model_faults.summed_loss),
        Case(training_benches.yield_mlp, model_faults.summed_loss),
    )

    def run(self, graph: LossGraph, curve: LearningCurve | None) -> Iterator[Finding]:
        terms = [*graph.errors(), *graph.likelihoods()]
        if not terms:
            return
        if graph.n_samples < 2:
            raise CannotEvaluate(f"the batch has {graph.n_samples} samples, so that sum and mean are the same")
        if any(_is_averaged(term, graph.n_samples) for term in terms):
            return
        harmful = curve is not None and curve.optimizer == "sgd" and learns(curve) is False
        yield self.finding(
            happened=f"The loss adds up {graph.n_samples} samples without dividing by their number, so it and its "
            f"gradient grow with the batch size{'; the network did not learn' if harmful else ''}.",
            expected=f"The mean over the batch, about as large for 1 sample as for {graph.n_samples}.",
            todo="Use the mean (reduction='mean'), or keep the batch size fixed and the rate small.",
            evidence=(Evidence("factor on loss and gradient", graph.n_samples, limit=1),),
            fixes=(
                Fix("Use the built-in loss, a mean", changes={"loss.name": "auto"}),
                Fix("Take the mean", instruction="Divide by the number of samples."),
            ),
            confidence=0.9,
            why_confident="The graph shows the sum, and SGD, whose steps are that many times as long, learnt nothing."
            if harmful
            else "The graph shows the sum; whether the rate was chosen for it, only training shows.",
            severity=Severity.WARNING if harmful else Severity.ADVICE,
        )


def _is_averaged(term: Operation, n_samples: int) -> bool:
    """Whether a term is a mean, or not one over samples at all (such as a correlation between features)."""
    if term.reduction == "sum" and math.isfinite(term.weight):  # divided, but perhaps by the accumulated batches only
        return abs(term.weight) * n_samples < SUMMED
    if term.averaged or term.reduction:
        return term.averaged or term.reduction == "mean"
    return not term.shape or term.shape[0] % n_samples != 0
