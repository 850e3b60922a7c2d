"""TW318 output-range."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import model_benches, model_faults, training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import LossDoor
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
        of that function.

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
