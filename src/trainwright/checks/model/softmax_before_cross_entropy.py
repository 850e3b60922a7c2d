"""TW315 softmax-before-cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import BINARY_LOSSES, VALUE_LOSSES, LossDoor
from trainwright.measures.graph import LossGraph, Operation
from trainwright.measures.initial import OutputRange

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may sum from 1; half precision rounds to about 5e-4, logits of the healthy benches
stray from 1 by at least 0.38."""

SHIFT_TOLERANCE = 1e-4
"""Relative change of the loss when all outputs rise by 0.5: below 1e-6 for cross entropy of anything, above 0.02 for
losses of probabilities."""


class SoftmaxBeforeCrossEntropy(Check):
    """The model ends in a softmax, and the loss applies another one.

    What it finds:
        Outputs that are probabilities, given to a loss that expects logits.

    Why it hurts:
        The second softmax squeezes everything together: over C classes the loss cannot fall below ln(e + C − 1) − 1
        (1.46 for ten classes) however right the model is, and its gradients nearly vanish. The model still learns
        somewhat, so that nobody notices.

    How it is measured:
        A fact, not an opinion: the graph shows a softmax directly in front of the loss's own; or, where the graph is
        hidden, on up to 512 samples no output is negative and every row sums to 1, and the loss normalises by itself:
        it does not change when 0.5 is added to all outputs, or is torch's cross entropy.

    How to fix:
        Delete the softmax at the end of the model. ``model.output_transform: log`` has exactly the same effect without
        touching the code, as the softmax of log-probabilities gives the probabilities back.

    References:
        torch.nn.CrossEntropyLoss, "the input is expected to contain the unnormalized logits for each class".
    """

    code = "TW315"
    name = "softmax-before-cross-entropy"
    severity = Severity.ERROR
    after = ("TW401", "TW330")
    cases = (
        Case(training_benches.alloys_mlp, training_faults.softmax_output),
        Case(training_benches.digits_cnn, training_faults.softmax_output),
        Case(training_benches.waves_gru, training_faults.softmax_output),
    )

    def run(self, door: LossDoor, outputs: OutputRange | None, graph: LossGraph | None) -> Iterator[Finding]:
        of_values = door.loss_name in (*VALUE_LOSSES, *BINARY_LOSSES)
        normalised = _softmax_in(graph) if graph and not of_values else None
        if normalised is not None:
            yield self._finding(normalised.shape[normalised.axis], "The graph shows both softmaxes: a fact.")
            return
        if outputs is not None:
            if outputs.task != "classification" or outputs.n_outputs < 2:
                raise CannotEvaluate(f"{outputs.n_outputs} output of a {outputs.task} is no distribution over classes")
            if outputs.n_samples < 2 or not math.isfinite(outputs.minimum + outputs.maximum + outputs.shift_effect):
                raise CannotEvaluate(f"the outputs of {outputs.n_samples} samples are not all finite")
            off = max(abs(outputs.smallest_row_sum - 1), abs(outputs.largest_row_sum - 1))
            if outputs.minimum >= 0 and off <= SUM_TOLERANCE and outputs.shift_effect < SHIFT_TOLERANCE:
                yield self._finding(
                    outputs.n_outputs, "Non-negative rows that sum to 1 under a loss that ignores shifts: a fact."
                )
        elif door.loss_name == "cross_entropy" and door.outputs_are_probabilities:
            yield self._finding(
                door.n_classes, f"{door.n_rows} rows that sum to 1 were given to cross entropy: a fact."
            )

    def _finding(self, n: int, why: str) -> Finding:
        floor = math.log(math.e + n - 1) - 1
        return self.finding(
            happened=f"Every sample's {n} outputs are non-negative and sum to 1, so they are probabilities; but the "
            f"loss applies a softmax of its own. Even perfect predictions would have a loss of {floor:.2f}.",
            expected=f"Logits, of any sign and sum, whose loss can fall to 0 instead of {floor:.2f}.",
            todo="Delete the softmax at the end of the model; apply it only where probabilities are shown.",
            evidence=(Evidence("lowest loss within reach", floor, limit=0.0, unit="nats"),),
            fixes=(
                Fix("Give the loss the log of the outputs", changes={"model.output_transform": "log"}),
                Fix("Delete the softmax", instruction="Return the last linear layer's output without the softmax."),
            ),
            why_confident=why,
        )


def _softmax_in(graph: LossGraph) -> Operation | None:
    """A softmax that nothing separates from the log-softmax of a loss over the same, more than one, classes."""
    for loss in graph.named("LogSoftmax"):
        for source in graph.feeders(loss):
            if source.name == "Softmax" and _is_over_the_same(source, loss):
                return source
    return None


def _is_over_the_same(source: Operation, loss: Operation) -> bool:
    """Whether both go over the same, more than one, classes, be the rows of one reshaped or its axes exchanged."""
    if source.axis <= 0 or loss.axis <= 0 or not 1 < source.shape[source.axis] == loss.shape[loss.axis]:
        return False
    return source.axis == loss.axis or max(len(source.shape), len(loss.shape)) > 2
