"""What enters the first layers of weights: the inputs, after whatever a model does to them before."""

from __future__ import annotations

from torch import Tensor

from trainwright.doctor.operations import Node, children, name_of, saved

CONVOLUTION = "Convolution"
_OPERANDS = {"Addmm": (1, "mat1"), "Mm": (0, "self"), CONVOLUTION: (0, "input")}
"""Operations that weigh: where their input stands among the operands, and under which name it is kept."""
_MOST = 20_000


def entering(root: Tensor, like: Tensor) -> tuple[str, Tensor] | None:
    """The constant tensor that enters a layer of weights behind ``root`` and holds as many values as the inputs
    ``like``, after torch's name for that layer's operation; None where the graph shows no such one."""
    waiting: list[Node] = [root.grad_fn] if root.grad_fn is not None else []
    seen = set(waiting)
    while waiting and len(seen) < _MOST:
        node = waiting.pop()
        found = _input_of(node)
        if found is not None and found.numel() == like.numel():
            return name_of(node), found.detach()
        new = [child for _, child in children(node) if child not in seen]
        seen.update(new)
        waiting += new
    return None


def _input_of(node: Node) -> Tensor | None:
    position, name = _OPERANDS.get(name_of(node), (-1, ""))
    if position < 0 or node.next_functions[position][0] is not None:
        return None
    found = saved(node, name)
    return found if isinstance(found, Tensor) else None
