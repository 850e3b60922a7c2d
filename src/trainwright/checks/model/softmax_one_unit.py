"""TW340 softmax-one-unit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import training_benches, training_faults
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph, Operation
from trainwright.measures.operations import LAYERS


class SoftmaxOneUnit(Check):
    """A softmax over a single unit: the output is 1 whatever the input.

    What it finds:
        A softmax or cross entropy along an axis of size 1, mostly a binary classifier with one output unit.

    Why it hurts:
        The output is the constant 1 and its gradient exactly 0, so nothing is learnt.

    How it is measured:
        The graph shows the shape and the axis of every softmax between the last layer and the loss, that of cross
        entropy included: a fact. One before the last layer, with more places than samples, is a *warning*. Nothing is
        said where the loss depends on the last layer in another way as well (a mixture of one component, say).

    How to fix:
        Use a sigmoid (with ``BCEWithLogitsLoss`` on the logit), or two output units.

    References:
        Humbatova et al., Taxonomy of real faults in deep learning systems (2020), wrong activation of the last layer.
    """

    code = "TW340"
    name = "softmax-one-unit"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (Case(training_benches.yield_mlp, training_faults.softmax_output),)

    def run(self, graph: LossGraph) -> Iterator[Finding]:
        softmaxes = graph.named("Softmax", "LogSoftmax")
        alone = [each for each in softmaxes if len(each.shape) > 1 and each.shape[each.axis] == 1 and each.shape[0] > 1]
        if not alone or _has_way_around(graph, alone):
            yield from self._inside(graph)
            return
        shape = alone[0].shape
        yield self.finding(
            happened=f"A softmax runs over an axis of 1 unit (shape {list(shape)}), so that every output is 1 and "
            "every gradient 0.",
            expected="A softmax over at least 2 units, or a sigmoid for one.",
            todo="Use a sigmoid for one unit (BCEWithLogitsLoss on the logit), or give the model two outputs; a "
            "regression needs neither.",
            evidence=(Evidence("units under the softmax", 1, limit=2, unit="units"),),
            fixes=(Fix("Delete the softmax", instruction="Return the last linear layer's output as it is."),),
            why_confident="Shape and axis were read: a fact.",
        )

    def _inside(self, graph: LossGraph) -> Iterator[Finding]:
        """A softmax before the last layer that can only give 1."""
        # Heads of attention [N, H, T, S] may well have one thing to look at.
        ones = [each for each in graph.softmaxes if len(each.shape) in (2, 3) and each.shape[each.axis] == 1]
        ones = [each for each in ones if math.prod(each.shape) > max(1, graph.n_samples)]
        if not ones:
            return
        shape, axis = ones[0].shape, ones[0].axis
        yield self.finding(
            happened=f"A softmax inside the model runs along axis {axis} of {list(shape)}, which has 1 entry: all its "
            "results are 1, and no gradient passes.",
            expected="A softmax over what is to be weighed, at least 2 entries.",
            todo="Give it the axis along which the weights are to sum to 1.",
            evidence=(Evidence("entries under the softmax", 1, limit=2, unit="entries"),),
            fixes=(Fix("Change the axis", instruction="Write softmax(dim=...) with the axis of what is weighed."),),
            confidence=0.8,
            why_confident="Shape and axis were read; sequences of one entry would look the same.",
            severity=Severity.WARNING,
        )


def _has_way_around(graph: LossGraph, barred: list[Operation]) -> bool:
    """Whether the last layer has an effect on the loss that passes none of these operations."""
    waiting, seen = list(graph.operations[:1]), {id(each) for each in barred}
    while waiting:
        operation = waiting.pop()
        if id(operation) in seen:
            continue
        if operation.name in LAYERS:
            return True
        seen.add(id(operation))
        waiting.extend(graph.sources(operation))
    return False
