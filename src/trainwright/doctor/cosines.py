"""Last layers that compare directions: cosines, whose size is a constant that was chosen and not the weights'."""

from __future__ import annotations

from collections.abc import Sequence

from trainwright.doctor.operations import TRANSPOSING, Node, behind, children, name_of
from trainwright.measures.operations import LAYERS

_MOVING = (*TRANSPOSING, "Expand", "View", "UnsafeView", "Unsqueeze", "ClampMin", "Clamp", "Add")
"""Operations on a norm, or on what was divided by it, that leave a direction what it is."""


def are_cosines(nodes: Sequence[Node]) -> bool:
    """Whether the last product of the graph (``nodes``: the loss first) is one of vectors that were divided by their
    norms, on both sides."""
    product = next((node for node in nodes if name_of(node) in LAYERS), None)
    operands = [child for _, child in children(product)] if product is not None else []
    return len(operands) == 2 and all(map(_is_normalised, operands))


def _is_normalised(node: Node) -> bool:
    node = behind(node, _MOVING)
    if name_of(node) != "Div":
        return False
    divisor = next((child for place, child in children(node) if place == 1), None)
    return divisor is not None and name_of(behind(divisor, _MOVING)) in ("LinalgVectorNorm", "Norm")
