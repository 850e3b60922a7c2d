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
    under no name; only if there is no layer whose input the graph does not show.
    """
    made: list[Tensor] = []
    is_seen = True
    for node in walk(root, _MOST):
        found = _input_of(node)
        if found is not None and found.numel() == like.numel():
            return name_of(node), found.detach()
        is_seen &= not any(each in name_of(node) for each in _UNSEEN)
        made += [found.detach()] if found is not None and found.is_floating_point() else []
    return ("", max(made, key=Tensor.numel)) if made and is_seen else None


def _input_of(node: Node) -> Tensor | None:
    position, name = _OPERANDS.get(name_of(node), (-1, ""))
    if position < 0 or node.next_functions[position][0] is not None:
        return None
    found = saved(node, name)
    return found if isinstance(found, Tensor) else None
