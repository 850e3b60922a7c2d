"""Necks: linear layers of one or two units, or given so few values, that all a model gets to know of a sample has to
pass through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch.nn import Parameter

from trainwright.doctor.operations import TRANSPOSING, Node, behind, children, is_leaf, name_of
from trainwright.measures.graph import Neck
from trainwright.measures.operations import LAYERS
from trainwright.measures.structure import widened_again

WIDEST, NARROWER = 2, 4
"""Units of a layer that may be a neck, and how many times as many it is given."""
FEWEST_CLASSES = 3


def find_necks(nodes: Sequence[Node], parameters: Mapping[str, Parameter], n_classes: int) -> Iterator[Neck]:
    """Narrow linear layers without which the loss would not reach the layers before them; where there is none, the
    layer of the classes' outputs if it is given so little. ``nodes``: of the whole graph, the loss first;
    ``n_classes``: of the softmax in front of the loss, 0 where there is none: there a layer of one unit is looked for
    of which the next makes more again."""
    if not n_classes:
        yield from _of_values(nodes, parameters)
        return
    linear = {name: p for name, p in parameters.items() if p.dim() == 2 and name.endswith("weight")}
    last = {name: p for name, p in linear.items() if p.shape[0] == n_classes >= FEWEST_CLASSES}
    given = {p.shape[1] for p in last.values() if p.shape[1] <= WIDEST}
    if not given:
        return
    narrow = {name: p for name, p in linear.items() if p.shape[0] in given and p.shape[1] >= NARROWER * p.shape[0]}
    necks = [name for name, p in narrow.items() if _is_only_way(name, p, nodes, parameters)]
    if not any(p.shape[0] in given for p in linear.values()):  # a convolution left so little, or a mean
        behind = {name: p for name, p in last.items() if p.shape[1] in given}
        necks += [name for name, p in behind.items() if _is_only_way(name, p, nodes, parameters)]
    for name in necks:
        units, inputs = linear[name].shape
        yield Neck(name=_layer(name), values_in=inputs, values_out=units, n_classes=n_classes)


def _of_values(nodes: Sequence[Node], parameters: Mapping[str, Parameter]) -> Iterator[Neck]:
    linear = [(name, p) for name, p in parameters.items() if p.dim() == 2 and name.endswith(("weight", "kernel"))]
    sizes = [_inputs_and_units(name, p) for name, p in linear]
    for place in widened_again(sizes):
        name, weight = linear[place]
        if _is_only_way(name, weight, nodes, parameters):
            inputs, units = sizes[place]
            yield Neck(name=_layer(name), values_in=inputs, values_out=units, n_classes=0)


def _inputs_and_units(name: str, weight: Parameter) -> tuple[int, int]:
    """Keras keeps its weights the other way round."""
    units, inputs = weight.shape if name.endswith("weight") else reversed(weight.shape)
    return inputs, units


def _is_only_way(name: str, weight: Parameter, nodes: Sequence[Node], parameters: Mapping[str, Parameter]) -> bool:
    """Whether the layer of this weight is used once, and no layer before it is reached by another way."""
    layers = (node for node in nodes if name_of(node) in LAYERS)
    users = [node for node in layers if any(_is_weight(child, weight) for _, child in children(node))]
    if len(users) != 1:
        return False
    before = _leaves(users[0], None) - {id(p) for n, p in parameters.items() if _layer(n) == _layer(name)}
    return bool(before) and not before & _leaves(nodes[0], users[0])


def _layer(name: str) -> str:
    return name.rpartition("/" if name.endswith("kernel") else ".")[0]


def _is_weight(node: Node, weight: Parameter) -> bool:
    """Whether a node stands for this weight, as it is or transposed."""
    leaf = behind(node, TRANSPOSING)
    return is_leaf(leaf) and leaf.variable is weight


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
