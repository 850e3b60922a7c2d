"""TW318 output-range."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import model_benches, model_faults, training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import COUNT_LOSSES, LossDoor
from trainwright.measures.graph import LossGraph, Operation, is_difference
from trainwright.measures.operations import DISTANCES

TOLERANCE = 0.05
"""How far targets may lie beyond the outputs' bounds, as a share of the targets' range: noise added to pixels between 0
and 1 strays by that much. Standardised targets lie below 0 by a third of their range and more."""

_RANGES = {
    "Sigmoid": (0.0, 1.0),
    "Hardsigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Relu": (0.0, math.inf),
    "Softplus": (0.0, math.inf),
    "Exp": (0.0, math.inf),
}


class OutputRangeCheck(Check):
    """The last activation cannot produce the values that the targets have.

    What it finds:
        A regression whose outputs end in a sigmoid, tanh, softmax, ReLU or clamp, while targets lie outside the range
        of that function; the logarithms of counts' rates behind such a function; and a softmax where several labels are
        right at once.

    Why it hurts:
        No training can reach those targets; the network is pushed into saturation, where gradients vanish.

    How it is measured:
        The graph shows the last operation before the difference between outputs and targets, a constant factor behind
        it included, and so the range the outputs can have; the targets' smallest and largest value stand beside it. A
        sigmoid on targets between 0 and 1 (auto-encoders) and a ReLU on targets that are not negative are sound.

    How to fix:
        Delete the activation behind the last layer, or scale the targets into its range.

    References:
        Wardat et al., DeepDiagnosis (2022). Humbatova et al., Taxonomy of real faults in deep learning systems (2020),
        activation functions.
    """

    code = "TW318"
    name = "output-range"
    severity = Severity.ERROR
    after = ("TW401", "TW319", "TW340")
    cases = (
        Case(training_benches.yield_mlp, training_faults.squashed_output),
        Case(training_benches.yield_mlp, model_faults.relu_on_logits),
        Case(model_benches.positive_yield, model_faults.standardised_targets),
        Case(model_benches.shares_mlp, model_faults.standardised_targets),
    )

    def run(self, graph: LossGraph, door: LossDoor | None) -> Iterator[Finding]:
        if door is not None and (finding := self._beside_counts_or_labels(graph, door)) is not None:
            yield finding
            return
        losses = list(graph.errors())
        for loss in losses:
            for source, low, high in _ranges(graph, loss):
                smallest, largest, count = _targets(loss, source, door, alone=len(losses) == 1)
                spread = largest - smallest
                if not (math.isfinite(spread) and spread > 0):
                    raise CannotEvaluate("the range of the targets is not known")
                beyond = max(low - smallest, largest - high) / spread
                if beyond > TOLERANCE:
                    yield self._finding(source, (low, high), (smallest, largest), count, beyond)
                    return

    def _beside_counts_or_labels(self, graph: LossGraph, door: LossDoor) -> Finding | None:
        """A bounded logarithm of the rate of counts, or a softmax where several labels are right at once."""
        for operation in graph.named("Exp") if door.loss_name in COUNT_LOSSES else ():
            for source in graph.feeders(operation):
                reach = _exponential(_RANGES.get(source.name, (-math.inf, math.inf))[1])
                if door.target_maximum > (1 + TOLERANCE) * reach:
                    return self._rates_out_of_reach(source, reach, door)
        for loss in graph.named("BinaryCrossEntropy"):
            for source in graph.feeders(loss):
                if source.name == "Softmax" and door.target_largest_row_sum > 1 + TOLERANCE:
                    return self._competing(source, door)
        return None

    def _rates_out_of_reach(self, source: Operation, reach: float, door: LossDoor) -> Finding:
        name = source.name.lower()
        return self.finding(
            happened=f"The outputs end in a {name} and are logarithms of rates: no rate is above {reach:.3g}, but the "
            f"counts go up to {door.target_maximum:.3g}.",
            expected="Logarithms of any size and sign.",
            todo=f"Delete the {name} behind the last layer.",
            evidence=(Evidence("largest count", door.target_maximum, limit=reach),),
            fixes=(Fix(f"Delete the {name}", instruction="Return the last linear layer's output as it is."),),
            why_confident="The range follows from the operation that the graph shows: a fact.",
        )

    def _competing(self, source: Operation, door: LossDoor) -> Finding:
        most = door.target_largest_row_sum
        return self.finding(
            happened=f"The outputs end in a softmax over {source.shape[-1]} labels and sum to 1, but up to {most:.3g} "
            "labels are right at once.",
            expected="Outputs that can all be 1 where all labels are right.",
            todo="Replace the softmax by a sigmoid; best, delete it and use BCEWithLogitsLoss.",
            evidence=(Evidence("largest sum of a sample's targets", most, limit=1.0),),
            fixes=(
                Fix("Judge each label by itself", instruction="Return logits and use torch.nn.BCEWithLogitsLoss()."),
            ),
            why_confident="The operation and the targets were read where they meet: a fact.",
        )

    def _finding(
        self, source: Operation, reach: tuple[float, float], targets: tuple[float, float], count: int, beyond: float
    ) -> Finding:
        name = source.name.lower()
        low, high = reach
        range_ = f"{low:.3g} … {high:.3g}" if math.isfinite(high) else f"{low:.3g} and above"
        return self.finding(
            happened=f"The outputs end in a {name} and can only be {range_}, but the {count} targets go from "
            f"{targets[0]:.3g} to {targets[1]:.3g}: {beyond:.0%} of their range is out of reach.",
            expected=f"Targets within the outputs' range, {range_}, at most {TOLERANCE:.0%} beyond it.",
            todo=f"Delete the {name} behind the last layer, or scale the targets into its range.",
            evidence=(
                Evidence("part of the targets' range out of reach", beyond, limit=TOLERANCE, unit="of the range"),
            ),
            fixes=(Fix(f"Delete the {name}", instruction="Return the last linear layer's output as it is."),),
            why_confident="The range follows from the operation that the graph shows: a fact.",
        )


def _exponential(logarithm: float) -> float:
    return math.exp(logarithm) if math.isfinite(logarithm) else math.inf


def _targets(loss: Operation, source: Operation, door: LossDoor | None, *, alone: bool) -> tuple[float, float, int]:
    """Smallest and largest target, and how many: as the loss saved them; for a loss written by hand, if it is the only
    one, as they stand at the door."""
    count = math.prod(source.shape)
    if loss.name in DISTANCES:
        return loss.target_minimum, loss.target_maximum, count
    if door is None or not alone or math.prod(door.output_shape) != count or door.target_kind == "class numbers":
        return math.nan, math.nan, count
    return door.target_minimum, door.target_maximum, door.n_targets


def _ranges(graph: LossGraph, loss: Operation) -> Iterator[tuple[Operation, float, float]]:
    """The bounded operations whose results a loss compares with targets, and their ranges."""
    compared = graph.feeders(loss) if loss.name in DISTANCES else []
    for feeder in graph.feeders(loss):
        if is_difference(feeder):
            compared = graph.feeders(feeder)
    for source in compared:
        factor = 1.0
        if source.name in ("Mul", "Div") and len(graph.feeders(source)) == 1:
            factor, source = source.factor, graph.feeders(source)[0]  # noqa: PLW2901
        low, high = _RANGES.get(source.name, (source.minimum, source.maximum))
        if math.isfinite(factor) and factor != 0 and (math.isfinite(low) or math.isfinite(high)):
            ends = sorted((low * factor, high * factor))
            yield source, ends[0], ends[1]
