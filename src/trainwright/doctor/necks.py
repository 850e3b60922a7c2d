"""Necks: layers of one or two units that everything a classifier gets to know of a sample has to pass through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch.nn import Parameter

from trainwright.doctor.operations import TRANSPOSING, Node, children, is_leaf, name_of
from trainwright.measures.graph import Neck
from trainwright.measures.operations import LAYERS

WIDEST, NARROWER = 2, 4
"""Units of a layer that may be a neck, and how many times as many it is given."""
FEWEST_CLASSES = 3


def find_necks(nodes: Sequence[Node], parameters: Mapping[str, Parameter], n_classes: int) -> Iterator[Neck]:
    """Narrow linear layers without which the loss would not reach the layers before them. ``nodes``: of the whole
    graph, the loss first; ``n_classes``: of the softmax in front of the loss, 0 where there is none."""
    linear = {name: p for name, p in parameters.items() if p.dim() == 2 and name.endswith("weight")}
    given = {p.shape[1] for p in linear.values() if p.shape[0] == n_classes >= FEWEST_CLASSES}
    layers = [node for node in nodes if name_of(node) in LAYERS] if given else []
    for name, weight in linear.items():
        units, inputs = weight.shape
        if units > WIDEST or units not in given or inputs < NARROWER * units:
            continue
        users = [node for node in layers if any(_is_weight(child, weight) for _, child in children(node))]
        if len(users) != 1:
            continue
        behind = _leaves(nodes[0], users[0])
        before = _leaves(users[0], None) - {id(p) for n, p in parameters.items() if _layer(n) == _layer(name)}
        if before and behind and not before & behind:
            yield Neck(name=_layer(name), values_in=inputs, values_out=units, n_classes=n_classes)


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _is_weight(node: Node, weight: Parameter) -> bool:
    """Whether a node stands for this weight, as it is or transposed."""
    while name_of(node) in TRANSPOSING:
        node = next(child for _, child in children(node))
    return is_leaf(node) and node.variable is weight


def _leaves(root: Node, without: Node | None) -> set[int]:
    """The leaves that ``root`` reaches other than by way of ``without``."""
    seen, waiting, found = {root}, [root], set[int]()
    while waiting:
        node = waiting.pop()
        if is_leaf(node):
            found.add(id(node.variable))
        for _, child in children(node):
            if child is not without and child not in seen:
                seen.add(child)
                waiting.append(child)
    return found
