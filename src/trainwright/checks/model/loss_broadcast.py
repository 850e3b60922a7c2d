"""TW319 loss-broadcast."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import model_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import COUNT_LOSSES, VALUE_LOSSES, LossDoor
from trainwright.measures.graph import LossGraph, Operation

_ELEMENTWISE = ("Sub", "Rsub", "Expand", "MseLoss", "SmoothL1Loss", "HuberLoss")


class LossBroadcast(Check):
    """Outputs and targets of different shapes are spread to a square: every output is compared with every target.

    What it finds:
        Outputs [N, 1] against targets [N], or [N, 1, T] against [N, T], or the other way round, in a difference or a
        loss.

    Why it hurts:
        All N × N pairs are averaged, so that the best the model can do is to predict the mean for everybody. Nothing
        fails: the loss falls to the variance of the targets and stays there.

    How it is measured:
        A fact: torch's own losses of distances and counts tell the shapes they were given; for others the graph shows
        the shapes of every difference, and where a result [N, 1] or [N] of the model
        meets a constant and becomes [N, N]. Pairs that are made on purpose (with ``unsqueeze`` or ``[:, None]``, or of
        two results of the model) are something else.

    How to fix:
        Give both the same shape: ``outputs.squeeze(1)`` or ``targets.unsqueeze(1)``.

    References:
        PyTorch, torch.nn.functional.mse_loss, which warns: "Using a target size that is different to the input size.
        This will likely lead to incorrect results due to broadcasting".
    """

    code = "TW319"
    name = "loss-broadcast"
    severity = Severity.ERROR
    cases = (Case(training_benches.yield_mlp, model_faults.broadcast_loss),)

    def run(self, graph: LossGraph, door: LossDoor | None) -> Iterator[Finding]:
        shapes = (_spread_at(door) if door is not None else None) or _spread_in(graph)
        if shapes is None:
            return
        first, spread = shapes
        pairs, single = math.prod(spread), math.prod(first)
        yield self.finding(
            happened=f"Outputs of shape {list(first)} meet targets of another shape and are spread to {list(spread)}: "
            f"{pairs} pairs are compared instead of {single}.",
            expected=f"Outputs and targets of one shape, {single} comparisons.",
            todo="Give both the same shape, for example outputs.squeeze(1) or targets.unsqueeze(1).",
            evidence=(Evidence("comparisons in the loss", pairs, limit=single, unit="pairs"),),
            fixes=(
                Fix("Use the built-in loss", changes={"loss.name": "auto"}),
                Fix("Same shapes", instruction="Write loss(outputs.squeeze(1), targets)."),
            ),
            why_confident="The shapes were read where outputs and targets meet: a fact.",
        )


def _spread_at(door: LossDoor) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The outputs' shape and the one that outputs and targets are spread to, where torch's own loss spreads both."""
    outputs, targets = door.output_shape, door.target_shape
    if door.loss_name not in (*VALUE_LOSSES, *COUNT_LOSSES) or outputs == targets or not (outputs and targets):
        return None
    try:
        spread = np.broadcast_shapes(outputs, targets)
    except ValueError:
        return None
    return (outputs, spread) if math.prod(spread) > max(math.prod(outputs), math.prod(targets)) else None


def _spread_in(graph: LossGraph) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    for operation in graph.operations:
        if operation.name in _ELEMENTWISE:
            for source in graph.sources(operation):
                if _is_square_of(operation, source):
                    return source.shape, operation.shape
    return None


def _is_square_of(operation: Operation, source: Operation) -> bool:
    """[N] or [N, 1] or [1, N] became [N, N] beside a constant, and was not made a row or column just for that."""
    if len(operation.shape) != 2 or len(operation.sources) != 1 or source.name == "Unsqueeze":
        return False
    n = operation.shape[0]
    return n > 1 and operation.shape == (n, n) and source.shape in ((n,), (n, 1), (1, n))
