"""TW317 activation-on-output."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import model_benches, model_faults, training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph, Operation

FLOOR_LIMIT = 0.1
"""Lowest loss within reach as a share of that of a model that knows nothing. Logits bounded to ±30 (a soft cap) have a
floor of 0, a tanh on ten classes one of 0.35, a sigmoid one of 0.63."""

_BOUNDED = {"Sigmoid": (0.0, 1.0), "Hardsigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
_HALF_BOUNDED = ("Relu", "Softplus")


class ActivationOnOutput(Check):
    """An activation function limits the logits of a classifier.

    What it finds:
        A sigmoid, tanh or ReLU between the last layer and a cross entropy, which needs logits of any size and sign.

    Why it hurts:
        Bounded logits cannot express certainty: for ten classes behind a tanh the loss cannot fall below 0.80 and
        behind a sigmoid below 1.46, however right the model is. Behind a ReLU no logit is negative, outputs that are 0
        for every sample never recover, and a binary probability cannot fall below one half.

    How it is measured:
        The graph shows the operation directly in front of the loss's softmax or sigmoid: a fact. For bounded
        activations the lowest loss within reach follows from the bound and the number of classes, a factor behind it
        (soft-capped logits, ``30 * tanh(x / 30)``) included.

    How to fix:
        Return the last linear layer's output as it is.

    References:
        torch.nn.CrossEntropyLoss, "the input is expected to contain the unnormalized logits for each class".
    """

    code = "TW317"
    name = "activation-on-output"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (
        Case(training_benches.alloys_mlp, training_faults.squashed_output),
        Case(training_benches.digits_cnn, model_faults.relu_on_logits),
        Case(model_benches.tags_mlp, model_faults.relu_on_logits),
    )

    def run(self, graph: LossGraph) -> Iterator[Finding]:
        softmaxes = [each for each in graph.named("LogSoftmax") if each.shape]
        binary = graph.named("BinaryCrossEntropyWithLogits")
        if graph.is_hidden and (softmaxes or binary):
            raise CannotEvaluate("the operation in front of the loss is hidden")
        for loss in softmaxes:
            classes = loss.shape[loss.axis] if 0 <= loss.axis < len(loss.shape) else 0
            if classes > 1:
                yield from self._judge(graph, loss, classes)
        for loss in binary:
            yield from self._judge(graph, loss, 2)

    def _judge(self, graph: LossGraph, loss: Operation, classes: int) -> Iterator[Finding]:
        is_binary = loss.name != "LogSoftmax"
        for source, factor in _through_factors(graph, loss):
            if source.name in _HALF_BOUNDED and factor > 0:
                yield self._finding(source, classes, math.nan)
            low, high = _BOUNDED.get(source.name, (math.nan, math.nan))
            reach = abs(factor) * (high if is_binary else high - low)
            floor = math.log1p((classes - 1) * math.exp(-reach)) if math.isfinite(reach) else 0.0
            if floor > FLOOR_LIMIT * math.log(classes) and not (is_binary and low == 0):  # that is TW316's
                yield self._finding(source, classes, floor)

    def _finding(self, source: Operation, classes: int, floor: float) -> Finding:
        name = source.name.lower()
        bounded = math.isfinite(floor)
        limits = (
            f"Even perfect predictions would have a loss of {floor:.2f}."
            if bounded
            else "No logit can be negative, and those at 0 get no gradient."
        )
        return self.finding(
            happened=f"A {name} stands between the last layer and the loss over {classes} classes. {limits}",
            expected="Logits of any size and sign, whose loss can fall to 0.",
            todo=f"Delete the {name} behind the last layer.",
            evidence=(
                Evidence("lowest loss within reach", floor, limit=FLOOR_LIMIT * math.log(classes), unit="nats")
                if bounded
                else Evidence("smallest logit within reach", 0.0),
            ),
            fixes=(Fix(f"Delete the {name}", instruction="Return the last linear layer's output as it is."),),
            confidence=1.0 if bounded else 0.9,
            why_confident="The bound follows from the operation that the graph shows: a fact."
            if bounded
            else "The graph shows the operation; non-negative logits can still be trained, only worse.",
            severity=Severity.ERROR if bounded else Severity.WARNING,
        )


def _through_factors(graph: LossGraph, operation: Operation) -> Iterator[tuple[Operation, float]]:
    """What feeds an operation, and the constant it is multiplied with on the way."""
    for source in graph.feeders(operation):
        if source.name in ("Mul", "Div") and math.isfinite(source.factor):
            yield from ((each, source.factor) for each in graph.feeders(source))
        else:
            yield source, 1.0
