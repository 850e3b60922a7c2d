"""TW330 softmax-axis."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import LossDoor
from trainwright.measures.graph import LossGraph, Operation
from trainwright.measures.weighing import Weighing


class SoftmaxAxis(Check):
    """A softmax runs over the samples of the batch, or the positions of a sequence, instead of over the classes.

    What it finds:
        A softmax or log-softmax along axis 0, where axis 0 holds the samples: ``dim=0``, or no ``dim`` on a tensor of
        three dimensions. And a log-softmax in front of the loss along any other axis than that of the classes, or a
        softmax whose results weigh coordinates along other axes than its own.

    Why it hurts:
        The samples of a batch compete with each other: every prediction depends on the rest of the batch, and at batch
        size 1 all probabilities are 1. Shapes fit, so nothing fails.

    How it is measured:
        The graph shows every softmax with its axis and shape. Reported is axis 0 of a tensor with as many rows as the
        batch has samples and more than one column: an *error* between the last layer and the loss, a *warning* inside
        the model. Where the batch size is not known nothing is said of that. A log-softmax must give a loss that takes
        log-probabilities just these: where what enters the loss is not normalised over its classes, and the log-softmax
        ran along an axis of another length, that axis is named. A *warning* where all that becomes of a softmax are two
        or more sums of its results times constants, along other axes than its own, that are compared with the targets
        (mean places, as of a soft argmax): such weights do not sum to 1.

    How to fix:
        Write ``dim=-1``, or ``dim=1`` for classes in the second axis.

    References:
        torch.nn.functional.softmax: "Implicit dimension choice for softmax has been deprecated".
    """

    code = "TW330"
    name = "softmax-axis"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, model_faults.softmax_over_batch),
        Case(training_benches.digits_cnn, model_faults.softmax_over_batch),
    )

    def run(self, graph: LossGraph, door: LossDoor | None) -> Iterator[Finding]:
        other = _over_positions(graph, door) if door is not None else None
        if other is not None and door is not None:
            yield self._over_positions(other, door)
            return
        askew = next(Weighing(graph).askew(), None)
        if askew is not None:
            yield self._askew(askew)
            return
        ill = [each for each in graph.softmaxes if _is_over_batch(each, graph.n_samples)]
        if ill and graph.n_samples < 2:
            raise CannotEvaluate("the batch size is not known")
        if not ill:
            return
        worst = ill[0]
        at_end = any(_is_over_batch(each, graph.n_samples) for each in graph.operations)
        name = "log-softmax" if worst.name == "LogSoftmax" else "softmax"
        yield self.finding(
            happened=f"A {name} runs along axis 0 of a tensor of shape {list(worst.shape)}: over the {graph.n_samples} "
            "samples of the batch.",
            expected=f"A softmax along the classes, axis {len(worst.shape) - 1} of {list(worst.shape)}.",
            todo="Write dim=-1 (or dim=1 for classes in the second axis).",
            evidence=(Evidence("axis of the softmax", worst.axis, limit=len(worst.shape) - 1),),
            fixes=(Fix("Change the axis", instruction="Write softmax(dim=-1)."),),
            confidence=1.0 if at_end else 0.7,
            why_confident="The graph shows the axis, right in front of the loss: a fact."
            if at_end
            else "The graph shows the axis; inside the model axis 0 may be something else of the same length.",
            severity=Severity.ERROR if at_end else Severity.WARNING,
        )

    def _over_positions(self, softmax: Operation, door: LossDoor) -> Finding:
        length, axis = softmax.shape[softmax.axis], softmax.shape.index(door.n_classes, 1)
        return self.finding(
            happened=f"The log-softmax in front of {door.loss_name} runs along axis {softmax.axis} of a tensor of "
            f"shape {list(softmax.shape)}: over {length} places instead of the {door.n_classes} classes.",
            expected=f"A log-softmax along the classes, axis {axis} of {list(softmax.shape)}.",
            todo=f"Write dim={axis}, or use cross_entropy on the logits.",
            evidence=(Evidence("axis of the softmax", softmax.axis, limit=axis),),
            fixes=(Fix("Change the axis", instruction=f"Write log_softmax(dim={axis})."),),
            why_confident="The graph shows the axis; what enters the loss is not normalised over the classes: a fact.",
        )

    def _askew(self, softmax: Operation) -> Finding:
        n_weighed = softmax.shape[softmax.axis]
        n_places = math.prod(softmax.shape[1:]) // n_weighed
        return self.finding(
            happened=f"A softmax runs along axis {softmax.axis} of {list(softmax.shape)}, and its results weigh "
            f"constants along the other axes: over these {n_places} places the weights sum to "
            f"{n_places / n_weighed:g} on average.",
            expected="Weights of a mean that sum to 1 over the places that they weigh.",
            todo="Join the axes of the places into one and take the softmax along it: "
            "maps.flatten(2).softmax(-1).view_as(maps).",
            evidence=(Evidence("axis of the softmax", softmax.axis, limit=len(softmax.shape) - 1),),
            fixes=(Fix("Change the axis", instruction="Write maps.flatten(2).softmax(-1).view_as(maps)."),),
            confidence=0.85,
            why_confident="The graph shows the axes of the softmax and of the sums; they may be meant to be no means.",
            severity=Severity.WARNING,
        )


def _over_positions(graph: LossGraph, door: LossDoor) -> Operation | None:
    """The log-softmax whose result enters a loss of log-probabilities without being normalised over its classes."""
    if door.loss_name not in ("nll", "kl_div") or door.n_rows < 2 or door.outputs_are_log_probabilities:
        return None
    softmaxes = (each for each in graph.operations if each.name == "LogSoftmax")
    return next((s for s in softmaxes if s.shape[s.axis] != door.n_classes and door.n_classes in s.shape[1:]), None)


def _is_over_batch(operation: Operation, n_samples: int) -> bool:
    shape = operation.shape
    is_softmax = operation.name in ("Softmax", "LogSoftmax")
    return is_softmax and operation.axis == 0 and len(shape) > 1 and shape[0] == n_samples and max(shape[1:]) > 1
