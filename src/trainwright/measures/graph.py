"""The autograd graph of one loss: what happens between the last layer and the loss, and which parameters it reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from trainwright.core import Measurement
from trainwright.measures.operations import LOSSES, NORMALISERS, PASSING


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One differentiable operation between the loss and the last layer.

    ``name``: torch's name for it, such as ``LogSoftmax``. ``shape``: of its result. ``sources``: positions, in
    :attr:`LossGraph.operations`, of what its differentiable operands come from. ``n_operands``: operands, constants
    included. ``axis``: of a softmax, counted from 0; −1 for other operations. ``axes``: those of its operand along
    which a sum runs; empty for all and for other operations. ``minimum``, ``maximum``: bounds of a clamp (infinite
    where there is none); ``share_clipped``: share of values on or beyond them. ``factor``: constant number multiplied
    with; 1 for other operations and NaN where it is not one number. ``weight``: derivative of the loss with respect to
    one element of the result, as far as it is a constant; NaN where it depends on the data. ``averaged``: whether a
    mean or a division lies between here and the loss. Of a loss operation: ``reduction`` (``mean``, ``sum``, ``none``)
    and the smallest and largest of its targets, where they are values.
    """

    name: str
    shape: tuple[int, ...]
    sources: tuple[int, ...] = ()
    n_operands: int = 1
    axis: int = -1
    axes: tuple[int, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf
    share_clipped: float = 0.0
    factor: float = 1.0
    weight: float = math.nan
    averaged: bool = False
    reduction: str = ""
    target_minimum: float = math.nan
    target_maximum: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Unregistered:
    """Parameters held where torch does not look for them, such as modules in a plain list.

    ``where``: the attribute that holds them. ``reached``: whether the loss depends on them. ``optimized``: whether an
    optimizer holds them.
    """

    where: str
    n_parameters: int
    reached: bool
    optimized: bool


@dataclass(frozen=True, kw_only=True)
class StackedLayers:
    """Two layers of weights with nothing nonlinear between them.

    ``first``, ``second``: names of their weights. ``inputs``, ``hidden``, ``outputs``: features before, between and
    behind them.
    """

    first: str
    second: str
    inputs: int
    hidden: int
    outputs: int

    @property
    def is_bottleneck(self) -> bool:
        """A factorised layer of low rank, which one layer could not replace."""
        return self.hidden < min(self.inputs, self.outputs)


@dataclass(frozen=True, kw_only=True)
class CutCalls:
    """A layer (a whole model: no ``name``) called ``n_calls`` times one after the other, of which only the last one
    gets a gradient from the loss."""

    name: str
    n_calls: int


@dataclass(frozen=True, kw_only=True)
class Neck:
    """A linear layer from ``values_in`` to ``values_out`` numbers of a sample, through which everything goes that the
    softmax over ``n_classes`` depends on; 0 where there is none, and the layer after it makes many of one again."""

    name: str
    values_in: int
    values_out: int
    n_classes: int


@dataclass(frozen=True, kw_only=True)
class HeadMix:
    """An attention along its ``n_heads`` heads of ``width`` features each, at each of ``n_positions`` by itself; or one
    whose heads were ``poured``: viewed in front of the positions, so that each holds a few whole positions."""

    n_positions: int
    n_heads: int
    width: int
    poured: bool = False


@dataclass(frozen=True, kw_only=True)
class LossGraph(Measurement):
    """What the graph of one loss shows, read once without changing it.

    ``requires_grad``, ``has_graph``: of the loss; a loss that was wrapped anew requires gradients but has no graph.
    ``n_nodes`` were read; ``complete``: the graph was not larger than the limit. ``hidden``: operations that hide what
    is in them (compiled or checkpointed parts). ``operations``: from the loss (position 0) back to the last layers.
    ``softmaxes``: every softmax of the graph, behind the last layer or before. ``n_samples``: of the batch, 0 where not
    known.

    Names of parameters: ``trainable`` (in the order of the model), ``reached`` by the loss, ``unoptimized`` (trainable,
    in no optimizer), ``untrained`` (those of them that still look as torch's default start left them), ``frozen``,
    ``fresh`` (frozen weights in front of trained ones that still look as an initialiser left them).
    ``n_optimized``: parameters the optimizers hold, −1 where no optimizer is known; ``n_held_twice``: of these, by more
    than one of them; ``stale``: shapes of those that belong to no model and that the loss does not reach;
    ``strangers``: shapes of parameters that the loss reaches but no model, attribute or optimizer holds. ``called``:
    modules in the order they were first called, empty where that was not observed; ``spare``: others that belong to a
    library's model, that another method than ``forward`` calls, or whose results fit nothing else; ``without_graph``:
    those that were called with gradients switched off; ``passed_over``: those whose result has the shape of their input
    while a later module got that input.

    ``necks``: narrow layers that all of a sample has to pass through. ``stacked``: layers with nothing nonlinear
    between them; ``n_nonlinear``: nonlinear operations before the last layers; ``n_layers``: layers with weights.
    ``cut_calls``: layers in a loop whose earlier calls get no gradient. ``mixed_heads``: attention along heads.
    ``most_dropped``: the largest share of values that a dropout set to 0, function or layer; 0 where there is none.
    ``cosines``: the last layer compares directions, of vectors that were divided by their norms.
    """

    requires_grad: bool
    has_graph: bool
    n_nodes: int
    complete: bool
    hidden: tuple[str, ...]
    operations: tuple[Operation, ...]
    softmaxes: tuple[Operation, ...]
    n_samples: int
    trainable: tuple[str, ...]
    reached: tuple[str, ...]
    unoptimized: tuple[str, ...]
    frozen: tuple[str, ...]
    n_optimized: int
    stale: tuple[tuple[int, ...], ...]
    strangers: tuple[tuple[int, ...], ...]
    unregistered: tuple[Unregistered, ...]
    called: tuple[str, ...]
    without_graph: tuple[str, ...]
    passed_over: tuple[str, ...]
    stacked: tuple[StackedLayers, ...]
    n_nonlinear: int
    n_layers: int
    n_held_twice: int = 0
    untrained: tuple[str, ...] = ()
    cut_calls: tuple[CutCalls, ...] = ()
    fresh: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    necks: tuple[Neck, ...] = ()
    mixed_heads: tuple[HeadMix, ...] = ()
    most_dropped: float = 0.0
    cosines: bool = False

    @property
    def is_hidden(self) -> bool:
        """Whether parts of the graph cannot be seen."""
        return bool(self.hidden) or not self.complete

    def sources(self, operation: Operation) -> list[Operation]:
        """Where the differentiable operands of an operation come from."""
        return [self.operations[place] for place in operation.sources if 0 <= place < len(self.operations)]

    def feeders(self, operation: Operation) -> list[Operation]:
        """The same, with operations that only move values left out."""
        found: list[Operation] = []
        waiting, seen = self.sources(operation), set()
        while waiting:
            source = waiting.pop(0)
            if id(source) in seen:
                continue
            seen.add(id(source))
            if source.name in PASSING:
                waiting.extend(self.sources(source))
            else:
                found.append(source)
        return found

    def named(self, *names: str) -> list[Operation]:
        """The operations of these names, nearest to the loss first."""
        return [operation for operation in self.operations if operation.name in names]

    def errors(self) -> Iterator[Operation]:
        """Operations that measure an error, so that the loss should grow with them: torch's own losses, and powers or
        absolute values of a difference between outputs and constants."""
        for operation in self.operations:
            if operation.name in LOSSES or (operation.name in ("Pow", "Abs") and self._is_difference(operation)):
                yield operation

    def likelihoods(self) -> Iterator[Operation]:
        """Operations that give log-probabilities of which some are chosen by constants, or subtract from outputs the
        logarithm of their summed exponentials: the loss should fall with them."""
        yield from (each for each in self.named("Sub") if self._is_normalised(each))
        for chooser in self.operations:
            if chooser.name in ("Gather", "Index") or (chooser.name == "Mul" and len(chooser.sources) == 1):
                for source in self.sources(chooser):
                    if source.name == "LogSoftmax" or (source.name == "Log" and self._is_softmax(source)):
                        yield chooser

    def _is_normalised(self, difference: Operation) -> bool:
        """Whether a difference is that of outputs and the logarithm of their own summed exponentials."""
        operands = self.sources(difference)
        if len(operands) != 2:
            return False
        outputs, normaliser = map(self._origin, operands)
        if normaliser.name not in NORMALISERS:
            return False
        feeders = self.feeders(normaliser)
        return len(feeders) == 1 and feeders[0] is outputs

    def _origin(self, operation: Operation) -> Operation:
        """Where its values come from, operations that only move or choose values left out."""
        while operation.name in PASSING and len(sources := self.sources(operation)) == 1:
            operation = sources[0]
        return operation

    def binary_likelihoods(self) -> Iterator[Operation]:
        """The two logarithms of a log-likelihood of yes and no, y log p + (1 − y) log(1 − p), where each is chosen by
        constants: the loss should fall with them. Logarithms that these constants take away are left out. They may be
        log-sigmoids of x and −x as well."""
        chosen = [source for each in self.named("Mul") if len(each.sources) == 1 for source in self.feeders(each)]
        weighed = [self.feeders(each) if each.name == "Mul" and len(each.sources) == 2 else [each] for each in chosen]
        logs = [log for each in weighed for log in each]
        by_origin: dict[int, dict[bool, list[Operation]]] = {}
        for log in logs:
            origin, turned = self._probability(log)
            if origin is not None:
                by_origin.setdefault(id(origin), {}).setdefault(turned, []).append(log)
        for pair in by_origin.values():
            if len(pair) == 2:
                yield from (log for log in (*pair[False], *pair[True]) if log.weight != 0)

    def _probability(self, log: Operation) -> tuple[Operation | None, bool]:
        """The sigmoid or softmax under a logarithm, and whether it was subtracted from 1; bounds may lie between. Of a
        log-sigmoid what it takes, and whether with a minus."""
        if log.name == "LogSigmoid" and len(operands := self.sources(log)) == 1:
            turned = operands[0].name == "Neg"
            below = self.sources(operands[0]) if turned else operands
            return (self._origin(below[0]) if below else operands[0]), turned
        if log.name != "Log":
            return None, False
        turned, feeders = False, self.feeders(log)
        while len(feeders) == 1 and feeders[0].name in ("Clamp", "ClampMin", "ClampMax", "Rsub", "Add"):
            turned ^= feeders[0].name == "Rsub"
            feeders = self.feeders(feeders[0])
        found = feeders[0] if len(feeders) == 1 and feeders[0].name in ("Sigmoid", "Softmax") else None
        return found, turned

    def _is_difference(self, operation: Operation) -> bool:
        """Whether it is taken of a difference of outputs and constants, in units of a spread maybe."""
        feeders = self.feeders(operation)
        if len(feeders) == 1 and feeders[0].name in ("Div", "Mul"):
            feeders = self.feeders(feeders[0])[:1]
        return len(feeders) == 1 and is_difference(feeders[0])

    def _is_softmax(self, operation: Operation) -> bool:
        feeders = self.feeders(operation)
        return len(feeders) == 1 and feeders[0].name == "Softmax"


def is_difference(operation: Operation) -> bool:
    """Whether an operation subtracts a constant tensor from outputs, or outputs from it."""
    return operation.name in ("Sub", "Rsub") and len(operation.sources) == 1 and operation.n_operands == 2
