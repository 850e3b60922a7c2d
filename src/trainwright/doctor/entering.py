"""What enters the first layers of weights: the inputs, after whatever a model does to them before."""

from __future__ import annotations

from torch import Tensor

from trainwright.doctor.operations import Node, name_of, saved, walk

CONVOLUTION = "Convolution"
_OPERANDS = {"Addmm": (1, "mat1"), "Mm": (0, "self"), CONVOLUTION: (0, "input")}
"""Operations that weigh: where their input stands among the operands, and under which name it is kept."""
_UNSEEN = ("Rnn", "Gru", "Lstm", "Bmm", "ScaledDotProduct", "Embedding", "Norm")
"""Parts of the names of other operations that weigh, or scale, what the graph does not keep as their input."""
_MOST = 20_000


def entering(root: Tensor, like: Tensor) -> tuple[str, Tensor] | None:
    """The constant tensor that enters a layer of weights behind ``root`` and holds as many values as the inputs
    ``like``, after torch's name for that layer's operation; None where the graph shows no such one.

    Where a model makes other numbers of its inputs first (a spectrum, say), the largest of those that enter layers,
    under no name; only if there is no layer whose input the graph does not show. Where numbers are joined with entries
    of tables, all that enters the first layer of weights.
    """
    made: list[Tensor] = []
    is_seen = True
    for node in walk(root, _MOST):
        found = _input_of(node)
        if found is not None and found.numel() == like.numel():
            return name_of(node), found.detach()
        if (joined := _joined(node)) is not None and joined.numel() > like.numel():
            return name_of(node), joined.detach()
        is_seen &= not any(each in name_of(node) for each in _UNSEEN)
        made += [found.detach()] if found is not None and found.is_floating_point() else []
    return ("", max(made, key=Tensor.numel)) if made and is_seen else None


def _input_of(node: Node) -> Tensor | None:
    position, name = _OPERANDS.get(name_of(node), (-1, ""))
    return _saved(node, name) if position >= 0 and node.next_functions[position][0] is None else None


def _joined(node: Node) -> Tensor | None:
    """What enters a layer of weights, if it is a constant joined with what no other layer of weights has made."""
    position, name = _OPERANDS.get(name_of(node), (-1, ""))
    producer = node.next_functions[position][0] if position >= 0 else None
    if producer is None or name_of(producer) != "Cat" or all(each is not None for each, _ in producer.next_functions):
        return None
    is_first = all(_is_no_layer(name_of(each)) for each in walk(producer, _MOST))
    return _saved(node, name) if is_first else None


def _is_no_layer(name: str) -> bool:
    return name not in _OPERANDS and not any(each in name for each in _UNSEEN if each != "Embedding")


def _saved(node: Node, name: str) -> Tensor | None:
    found = saved(node, name)
    return found if isinstance(found, Tensor) else None
