"""TW316 sigmoid-before-bce-with-logits."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import model_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import LossDoor
from trainwright.measures.graph import LossGraph

_PROBABILITIES = ("Sigmoid", "Softmax", "Hardsigmoid")


class SigmoidBeforeBceWithLogits(Check):
    """The model ends in a sigmoid, and the loss applies another one.

    What it finds:
        Outputs that are probabilities, given to a binary cross entropy that expects logits.

    Why it hurts:
        The second sigmoid squeezes 0 … 1 into 0.5 … 0.73: however right the model is, the loss of a negative cannot
        fall below 0.69 nor that of a positive below 0.31, and a threshold of 0.5 means nothing. The model still learns
        somewhat, so that nobody notices.

    How it is measured:
        A fact where the graph shows a sigmoid or softmax directly in front of the loss. Where the graph is hidden
        (compiled), outputs that all lie in 0 … 1 are a warning.

    How to fix:
        Delete the sigmoid at the end of the model, or use ``BCELoss``.

    References:
        torch.nn.BCEWithLogitsLoss, "combines a Sigmoid layer and the BCELoss in one single class".
    """

    code = "TW316"
    name = "sigmoid-before-bce-with-logits"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (
        Case(model_benches.tags_mlp, training_faults.squashed_output),
        Case(model_benches.tags_cnn, training_faults.squashed_output),
    )

    def run(self, door: LossDoor, graph: LossGraph | None) -> Iterator[Finding]:
        losses = graph.named("BinaryCrossEntropyWithLogits") if graph else []
        if door.loss_name != "bce_with_logits" and not (door.loss_name == "python" and losses):
            return
        feeders = [source for loss in losses for source in graph.feeders(loss)] if graph else []
        squashed = next((source.name for source in feeders if source.name in _PROBABILITIES), "")
        hidden = graph is None or graph.is_hidden
        inside = door.n_rows > 1 and door.output_minimum >= 0 and door.output_maximum <= 1
        if not squashed and not (hidden and inside and door.output_maximum > door.output_minimum):
            if hidden and not door.output_minimum < 0 and not door.output_maximum > 1:
                raise CannotEvaluate("the operation in front of the loss is hidden")
            return
        seen = f"a {squashed.lower()} stands directly in front of it" if squashed else "no output lies outside 0 … 1"
        yield self.finding(
            happened=f"The loss applies a sigmoid to its input, and {seen}: the outputs lie in "
            f"{door.output_minimum:.3g} … {door.output_maximum:.3g}, so the loss sees only probabilities of "
            "0.5 to 0.73.",
            expected="Logits of any sign, so that probabilities from 0 to 1 can be reached.",
            todo="Delete the sigmoid at the end of the model, or use BCELoss (binary_cross_entropy) instead.",
            evidence=(
                Evidence("smallest output", door.output_minimum, limit=0.0),
                Evidence("lowest loss within reach of a negative", 0.693, limit=0.0, unit="nats"),
            ),
            fixes=(
                Fix(
                    "Delete the sigmoid",
                    instruction="Return the last linear layer's output; use the sigmoid to predict.",
                ),
            ),
            confidence=1.0 if squashed else 0.8,
            why_confident="The graph shows both sigmoids: a fact."
            if squashed
            else "Logits of a whole batch hardly ever all lie in 0 … 1.",
            severity=Severity.ERROR if squashed else Severity.WARNING,
        )
