"""Layers of weights that follow each other with nothing nonlinear between them, as the graph shows it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from trainwright.doctor.operations import Node, children, is_leaf, name_of, shape_of
from trainwright.measures.graph import StackedLayers
from trainwright.measures.operations import LINEAR, PASSING, WEIGHTED


class Linearity:
    """``n_layers`` with weights and ``n_nonlinear`` operations of a graph.

    Normalisation and pooling do not count as nonlinear: they replace no activation. Operations that are not known do.
    """

    def __init__(self, nodes: Sequence[Node], head: set[Node], names: Mapping[int, str]) -> None:
        self._names = names
        self._constant: dict[Node, bool] = {}
        for node in reversed(nodes):  # operands come before what is computed from them
            self._constant[node] = is_leaf(node) or (name_of(node) in PASSING and self._all_constant(node))
        body = [node for node in nodes if node not in head and not self._constant[node]]
        self._layers = [node for node in body if self._weight(node) is not None]
        self.n_layers = len(self._layers)
        self.n_nonlinear = sum(not self._is_linear(node) for node in body)

    def stacked(self) -> Iterator[StackedLayers]:
        """Every two layers between which nothing nonlinear lies; none where something nonlinear lies anywhere."""
        if self.n_nonlinear:
            return
        for second in self._layers:
            for first in self._layers_below(second):
                yield self._describe(first, second)

    def _all_constant(self, node: Node) -> bool:
        below = [child for _, child in children(node)]
        return bool(below) and all(self._constant.get(child, False) for child in below)

    def _weight(self, node: Node) -> Node | None:
        """The leaf that holds a layer's weights."""
        if name_of(node) not in WEIGHTED:
            return None
        for _, child in children(node):
            leaf = self._leaf(child) if self._constant.get(child) else None
            if leaf is not None and leaf.variable.dim() > 1:
                return leaf
        return None

    def _leaf(self, node: Node) -> Node | None:
        while not is_leaf(node):
            node = max((child for _, child in children(node)), key=_size)
        return node

    def _is_linear(self, node: Node) -> bool:
        name = name_of(node)
        if name in ("Mul", "Div"):
            return sum(not self._constant.get(child, False) for _, child in children(node)) <= 1
        return name in LINEAR or name in PASSING or self._weight(node) is not None

    def _layers_below(self, layer: Node) -> list[Node]:
        found: list[Node] = []
        waiting, seen = [child for _, child in children(layer)], set()
        while waiting:
            node = waiting.pop()
            if node in seen or self._constant.get(node, True):
                continue
            seen.add(node)
            if self._weight(node) is not None:
                found.append(node)
            else:
                waiting.extend(child for _, child in children(node))
        return found

    def _describe(self, first: Node, second: Node) -> StackedLayers:
        inputs, hidden = self._features(first)
        _, outputs = self._features(second)
        return StackedLayers(
            first=self._name(first), second=self._name(second), inputs=inputs, hidden=hidden, outputs=outputs
        )

    def _features(self, layer: Node) -> tuple[int, int]:
        weight = self._weight(layer)
        size = 1 if weight is None else int(weight.variable.numel())
        shape = shape_of(layer)
        axis = 1 if "Conv" in name_of(layer) else -1
        outputs = shape[axis] if len(shape) > 1 else 1
        return size // max(1, outputs), outputs

    def _name(self, layer: Node) -> str:
        weight = self._weight(layer)
        return self._names.get(id(weight.variable), "a layer") if weight is not None else "a layer"


def _size(node: Node) -> int:
    return math.prod(shape_of(node))
