"""TW321 clipped-loss."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import model_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.graph import LossGraph, Operation, is_difference
from trainwright.measures.operations import LOSSES

_CLAMPS = ("Clamp", "ClampMax", "Hardtanh", "Minimum")
_FROM_BELOW = ("Clamp", "ClampMin", "Maximum")
_ERRORS = ("Pow", "Abs", "Square")
_ON_THE_WAY = frozenset(["Mean", "Sum", "Mul", "Div", "Add", "Sub", "Neg", "Sqrt", "Logsumexp", *_ERRORS])
_SCALING = ("Mean", "Sum", "Mul", "Div")

MUCH = 0.2
"""Share of the steps whose loss a bound cuts off, from which on it is no chance."""


class ClippedLoss(Check):
    """The loss, or the error in it, is cut off at a limit.

    What it finds:
        A clamp with an upper bound on the loss, on the loss of each sample or on the difference between outputs and
        targets. Mostly one meant to clip the gradient. And a clamp that keeps a whole loss from falling below a bound,
        where it lies below it: log-densities and Poisson losses are negative by nature.

    Why it hurts:
        Where the bound is exceeded the gradient is exactly 0: the worst samples, from which there is most to learn, are
        ignored; when the whole loss exceeds it nothing is learnt at all.

    How it is measured:
        The graph shows a clamp with an upper bound between the loss and the operation that measures the error, with
        nothing but sums, differences of terms, means, constants, powers and mixtures of densities in between. Clamped
        probabilities, log-variances, ratios and lower bounds of a part (free bits) or of a distance from a margin
        (hinge losses) are something else. An *error*
        where more than half of the values are cut off on the batch, else a *warning*. A lower bound counts where it
        cuts off the mean over all samples, with nothing added, on this batch or in a fifth of the steps; an upper bound
        of any whole loss where it cuts off a fifth of the steps.

    How to fix:
        Remove the clamp. Clip the gradient's norm (``training.clip_norm``), or use a Huber loss, whose gradient stays.

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), on clipping the loss when one meant the gradients. Mnih
        et al., Human-level control through deep reinforcement learning (2015), on clipped errors.
    """

    code = "TW321"
    name = "clipped-loss"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, model_faults.clipped_loss),
        Case(training_benches.yield_mlp, model_faults.clipped_error),
    )

    def run(self, graph: LossGraph, curve: LearningCurve | None) -> Iterator[Finding]:
        whole = _clamp_of_all(graph)
        below = _share_below(whole, curve) if whole is not None and _bounds_a_mean(graph, whole) else 0.0
        if whole is not None and below:
            yield self._cut_from_below(whole, below)
        clamp = next((each for each in _clamps(graph) if _measures_an_error(graph, each)), None)
        if clamp is None:
            if whole is not None and (above := _share_above(whole, curve)):
                yield self._cut_from_above(whole, above)
            return
        share = clamp.share_clipped
        most = share > 0.5
        yield self.finding(
            happened=f"The loss is cut off at {clamp.maximum:.3g}"
            + (
                f": {share:.0%} of its values on this batch are, and have no gradient." if math.isfinite(share) else "."
            ),
            expected="A loss whose gradient does not vanish where the error is large (0 % cut off).",
            todo="Remove the clamp; to tame large errors clip the gradient's norm or use a Huber loss.",
            evidence=(Evidence("share of the loss cut off", share, limit=0.0),),
            fixes=(
                Fix(
                    "Use the built-in loss and clip the gradient",
                    changes={"loss.name": "auto", "training.clip_norm": 1.0},
                ),
                Fix(
                    "Remove the clamp", instruction="Delete clamp/minimum from the loss; call clip_grad_norm_ instead."
                ),
            ),
            confidence=1.0 if most else 0.9,
            why_confident="The graph shows the clamp between the error and the loss: a fact."
            if most
            else "The graph shows the clamp; a truncated loss may be meant, but then seldom cuts off much.",
            severity=Severity.ERROR if most else Severity.WARNING,
        )

    def _cut_from_above(self, clamp: Operation, share: float) -> Finding:
        return self.finding(
            happened=f"The whole loss is cut off at {clamp.maximum:.3g}, and in {share:.0%} of the steps it lay above: "
            "nothing has a gradient then.",
            expected="A loss whose gradient does not vanish where it is large (0 % cut off).",
            todo="Remove the clamp from the loss; to tame large errors clip the gradient's norm.",
            evidence=(Evidence("share of the steps cut off", share, limit=0.0),),
            fixes=(
                Fix("Remove the clamp", instruction="Delete clamp or min from the loss; call clip_grad_norm_ instead."),
            ),
            confidence=0.97,
            why_confident="The graph shows the clamp on the whole loss, and its bound is reached: a fact.",
        )

    def _cut_from_below(self, clamp: Operation, share: float) -> Finding:
        where = "on this batch it lies below it" if clamp.share_clipped == 1 else f"in {share:.0%} of the steps it did"
        return self.finding(
            happened=f"The loss is kept from falling below {clamp.minimum:.3g}, and {where}: nothing has a gradient "
            "then.",
            expected="A loss that may become as small as it can (0 % cut off); log-densities may be negative.",
            todo="Remove the clamp from the loss.",
            evidence=(Evidence("share of the loss cut off", share, limit=0.0),),
            fixes=(Fix("Remove the clamp", instruction="Delete clamp or max from the loss; it may be negative."),),
            confidence=0.97,
            why_confident="The graph shows the clamp on the mean over all samples, and its bound is reached: a fact.",
        )


def _clamp_of_all(graph: LossGraph) -> Operation | None:
    """The clamp of the whole loss, one number."""
    waiting = list(graph.operations[:1])
    while len(waiting) == 1:
        operation = waiting[0]
        if operation.name in (*_CLAMPS, *_FROM_BELOW) and not operation.shape:
            return operation
        if operation.name not in _SCALING:
            return None
        waiting = graph.feeders(operation)
    return None


def _bounds_a_mean(graph: LossGraph, clamp: Operation) -> bool:
    """Whether it keeps a mean over samples, with nothing added, from falling below a bound; one that keeps a loss from
    rising as well is told by that."""
    feeders = graph.feeders(clamp)
    alone = math.isfinite(clamp.minimum) and math.isinf(clamp.maximum)
    return alone and all(each.name in ("Mean", "Sum", *LOSSES) for each in feeders)


def _share_below(floor: Operation, curve: LearningCurve | None) -> float:
    """How much of the training is cut off from below: all of it where this batch is, else the share of steps."""
    return 1.0 if floor.share_clipped == 1 else _share_beyond(curve, floor.minimum, math.inf)


def _share_above(ceiling: Operation, curve: LearningCurve | None) -> float:
    """The share of steps whose loss an upper bound cuts off."""
    return _share_beyond(curve, -math.inf, ceiling.maximum)


def _share_beyond(curve: LearningCurve | None, low: float, high: float) -> float:
    """The share of the steps whose loss reaches one of these bounds, if they are many. The curve may hold the bound
    itself or, of torch's own loss functions, what the loss was before."""
    losses = curve.train_loss.finite.y if curve is not None else np.empty(0)
    share = float(((losses <= low) | (losses >= high)).mean()) if len(losses) else 0.0
    return share if share > MUCH else 0.0


def _clamps(graph: LossGraph) -> Iterator[Operation]:
    """Clamps with an upper bound that sums, means and constants alone separate from the loss. What lies behind the
    difference of an error is an output: its limits are another matter."""
    waiting, seen = [(each, False) for each in graph.operations[:1]], set()
    while waiting:
        operation, in_error = waiting.pop(0)
        if id(operation) in seen or (in_error and is_difference(operation)):
            continue
        seen.add(id(operation))
        if operation.name in _CLAMPS and math.isfinite(operation.maximum):
            yield operation
        elif operation.name in _ON_THE_WAY or operation is graph.operations[0]:
            inside = in_error or operation.name in _ERRORS
            waiting.extend((each, inside) for each in graph.feeders(operation))


def _measures_an_error(graph: LossGraph, clamp: Operation) -> bool:
    """Whether what is clamped is a loss, a difference from constants, or a power or mean of one."""
    waiting = graph.feeders(clamp)
    for _ in range(4):
        if any(each.name in LOSSES or is_difference(each) for each in waiting):
            return True
        waiting = [source for each in waiting if each.name in _ON_THE_WAY for source in graph.feeders(each)]
    return False
