"""What enters the first layers of weights: the inputs, after whatever a model does to them before."""

from __future__ import annotations

import torch
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
        name = name_of(node)
        found, is_joined = _input_of(node, name)
        size = 0 if found is None else found.numel()
        if found is not None and (size > like.numel() if is_joined else size == like.numel()):
            return name, found.detach()
        is_seen &= not any(each in name for each in _UNSEEN)
        made += [found.detach()] if found is not None and not is_joined and found.is_floating_point() else []
    return ("", max(made, key=Tensor.numel)) if made and is_seen else None


def enters_as_it_is(root: Tensor, like: Tensor) -> bool:
    """Whether a layer of weights behind ``root`` is given the columns of the table ``like`` [N, F] unchanged, alone or
    joined with others."""
    for node in walk(root, _MOST):
        found = _kept(node, _OPERANDS.get(name_of(node), (-1, ""))[1])
        if found is not None and found.dim() == 2 and _holds(found.detach(), like.detach()):
            return True
    return False


def _holds(joined: Tensor, like: Tensor) -> bool:
    """Whether all columns of ``like`` stand in ``joined``, side by side."""
    n_places = joined.shape[1] - like.shape[1] + 1
    if len(joined) != len(like) or joined.dtype != like.dtype or joined.device != like.device:
        return False
    if n_places < 1 or not like.numel():
        return False
    starts = (joined[:, :n_places] == like[:, :1]).all(0).nonzero().flatten().tolist()
    return any(torch.equal(joined[:, place : place + like.shape[1]], like) for place in starts)


def _input_of(node: Node, name: str) -> tuple[Tensor | None, bool]:
    """What enters a layer of weights, if it is a constant, or one joined with what no other such layer has made; and
    whether it is joined."""
    position, kept = _OPERANDS.get(name, (-1, ""))
    producer = node.next_functions[position][0] if position >= 0 else None
    is_joined = producer is not None and _joins_a_constant(producer)
    if position < 0 or (producer is not None and not is_joined):
        return None, False
    return _kept(node, kept), is_joined


def _kept(node: Node, name: str) -> Tensor | None:
    found = saved(node, name) if name else None
    return found if isinstance(found, Tensor) else None


def _joins_a_constant(producer: Node) -> bool:
    """Whether a node joins a constant with what no layer of weights has made."""
    if name_of(producer) != "Cat" or all(each is not None for each, _ in producer.next_functions):
        return False
    return all(_is_no_layer(name_of(each)) for each in walk(producer, _MOST))


def _is_no_layer(name: str) -> bool:
    return name not in _OPERANDS and not any(each in name for each in _UNSEEN if each != "Embedding")
