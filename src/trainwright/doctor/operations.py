"""Nodes of the autograd graph: their names, what they saved, and how they pass a derivative on."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Container, Iterator
from typing import Any

import torch
from torch import Tensor

from trainwright.measures.graph import Operation
from trainwright.measures.operations import DISTANCES, LOSSES, MONOTONE, PASSING, POSITIVE

Node = Any
"""``torch.autograd.graph.Node``; its attributes depend on the operation."""

TRANSPOSING = ("T", "Transpose", "Permute")
"""Operations that stand between a weight and the layer that multiplies with it."""

_SOFTMAXES = {"SafeSoftmax": "Softmax", "SparseSoftmax": "Softmax"}
_REDUCTIONS = ("none", "mean", "sum")
_LARGEST_FACTOR = 1_000_000
"""Constants with more values are not looked into."""


def name_of(node: Node) -> str:
    """``LogSoftmax`` for ``LogSoftmaxBackward0``."""
    name = re.sub(r"Backward\d*$", "", str(node.name()).rpartition("::")[2])
    return _SOFTMAXES.get(name, name)


def children(node: Node) -> Iterator[tuple[int, Node]]:
    """Position and node of every differentiable operand."""
    for position, (child, _) in enumerate(node.next_functions):
        if child is not None:
            yield position, child


def walk(root: Tensor | Node, most: int) -> Iterator[Node]:
    """The nodes behind a tensor, or those from a node on, breadth first, each once; about ``most`` of them."""
    start = root.grad_fn if isinstance(root, Tensor) else root
    waiting: deque[Node] = deque([start] if start is not None else [])
    seen: set[Node] = set(waiting)
    while waiting and len(seen) <= most:
        node = waiting.popleft()
        yield node
        for _, child in children(node):
            if child not in seen:
                seen.add(child)
                waiting.append(child)


def behind(node: Node, names: Container[str]) -> Node:
    """The first node that is no operation of these ``names``, along the first differentiable operand of each."""
    while name_of(node) in names and (following := next(children(node), None)) is not None:
        node = following[1]
    return node


def is_leaf(node: Node) -> bool:
    """Whether a node stands for a leaf tensor."""
    return str(node.name()) == "torch::autograd::AccumulateGrad"


def shape_of(node: Node) -> tuple[int, ...]:
    """Shape of a node's result; of the first where there are several, empty where it is not known."""
    try:
        return tuple(int(n) for n in node._input_metadata[0].shape)
    except (AttributeError, IndexError, TypeError, ValueError):
        return ()


def axis_of(node: Node) -> int:
    """The axis of a softmax, counted from 0; −1 for operations without one."""
    axis, dims = saved(node, "dim"), len(shape_of(node))
    if not isinstance(axis, int) or not dims:
        return -1
    return _counted_from_0(axis, dims)


def _axes_of(node: Node) -> tuple[int, ...]:
    """The axes along which a sum runs; empty where it runs along all or they are not known."""
    axes = saved(node, "dim")
    dims = next((len(shape_of(child)) for _, child in children(node)), 0)
    return tuple(_counted_from_0(axis, dims) for axis in axes) if isinstance(axes, tuple) and dims else ()


def _counted_from_0(axis: int, dims: int) -> int:
    return (axis - 2**64 if axis >= 2**63 else axis) % dims  # torch shows negative axes as unsigned numbers


def describe(node: Node, sources: tuple[int, ...], weight: float, *, averaged: bool) -> Operation:
    """The node as plain data."""
    name = name_of(node)
    low, high = _bounds(node, name)
    target_low, target_high = _targets(node) if name in DISTANCES else (math.nan, math.nan)
    return Operation(
        name=name,
        shape=shape_of(node),
        sources=sources,
        n_operands=len(node.next_functions),
        axis=axis_of(node) if name in ("Softmax", "LogSoftmax") else -1,
        axes=_axes_of(node) if name == "Sum" else (),
        minimum=low,
        maximum=high,
        share_clipped=_share_beyond(node, low, high),
        factor=factor_of(node) if name in ("Mul", "Div") else 1.0,
        weight=weight,
        averaged=averaged,
        reduction=_reduction(node) if name in LOSSES else "",
        target_minimum=target_low,
        target_maximum=target_high,
    )


def passed_on(node: Node, position: int, child: Node) -> float:
    """Derivative of a node's result with respect to one element of an operand, where it is a constant; the mean where a
    constant tensor of one sign multiplies; NaN otherwise. Operations that are monotone count as 1."""
    name = name_of(node)
    if name in PASSING or name in MONOTONE:
        return 1.0
    if name == "Mean":
        return math.prod(shape_of(node)) / max(1, math.prod(shape_of(child)))
    if name in ("Neg", "Rsub"):
        return 1.0 if position == 1 else -1.0
    if name in ("Add", "Sub"):
        return _of_second(node, name) if position == 1 else 1.0
    return _of_product(node, position, child) if name in ("Mul", "Div") else math.nan


def _of_product(node: Node, position: int, child: Node) -> float:
    """The same for a product or quotient: the constant, or the sign of the other operand where that is known."""
    operands = [operand for operand, _ in node.next_functions]
    if len(operands) != 2 or None in operands:
        return factor_of(node)
    if position == 1 and name_of(node) == "Div":
        return math.nan
    sign = _sign(operands[1 - position])
    if sign:
        return sign
    return 0.0 if _sign(child) else math.nan  # a share that weighs the other, as in a focal loss, turns no sign


def _sign(node: Node) -> float:
    """1 or −1 where a result cannot have the other sign, as a variance has not: a positive function, scaled by a
    constant, or shifted or bounded from below; 0 where that is not known."""
    sign = 1.0
    while name_of(node) in (*PASSING, "Add", "Mul", "Div", "Neg", "ClampMin", "Clamp"):
        operands = [child for _, child in children(node)]
        factor = -1.0 if name_of(node) == "Neg" else factor_of(node) if name_of(node) in ("Mul", "Div") else 1.0
        if len(operands) != 1 or not factor or math.isnan(factor):
            return 0.0
        sign = math.copysign(sign, sign * factor)
        node = operands[0]
    return sign if name_of(node) in POSITIVE else 0.0


def averages(node: Node) -> bool:
    """Whether the operation divides by the number of values or by a constant above 1."""
    name = name_of(node)
    return name == "Mean" or (name in ("Mul", "Div") and not abs(factor_of(node)) > 0.5)


def _of_second(node: Node, name: str) -> float:
    alpha = saved(node, "alpha")
    size = float(alpha) if isinstance(alpha, int | float) else 1.0
    return size if name == "Add" else -size


def saved(node: Node, name: str) -> Any:
    """What the operation saved under a name; None where there is nothing or it was freed."""
    try:
        return getattr(node, f"_saved_{name}", None)
    except RuntimeError:
        return None


def factor_of(node: Node) -> float:
    """The constant that a product or quotient applies to its one differentiable operand."""
    divides = name_of(node) == "Div"
    if divides and node.next_functions[0][0] is None:  # it divides the constant
        return math.nan
    value = _number(constant_of(node))
    if divides:
        return 1 / value if value else math.nan
    return value


def constant_of(node: Node) -> Any:
    """What an operation joins its one differentiable operand with; None where it has two of them."""
    positions = [position for position, _ in children(node)]
    return saved(node, "other" if positions == [0] else "self") if len(positions) == 1 else None


@torch.no_grad()
def _number(constant: Any) -> float:
    if isinstance(constant, int | float):
        return float(constant)
    if not isinstance(constant, Tensor) or not 0 < constant.numel() <= _LARGEST_FACTOR or constant.is_complex():
        return math.nan
    low, high, mean = torch.stack([*constant.float().aminmax(), constant.float().mean()]).tolist()
    return float(mean) if low >= 0 or high <= 0 else math.nan


def _bounds(node: Node, name: str) -> tuple[float, float]:
    if name in ("Clamp", "ClampMin", "ClampMax"):
        return _limit(node, "min", -math.inf), _limit(node, "max", math.inf)
    if name == "Hardtanh":
        return _limit(node, "min_val", -math.inf), _limit(node, "max_val", math.inf)
    if name in ("Minimum", "Maximum"):
        constant = constant_of(node)
        if isinstance(constant, Tensor) and constant.numel() == 1:
            value = float(constant)
            return (-math.inf, value) if name == "Minimum" else (value, math.inf)
    return -math.inf, math.inf


def _limit(node: Node, name: str, default: float) -> float:
    value = saved(node, name)
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else default
    return float(value) if isinstance(value, int | float) else default


@torch.no_grad()
def _share_beyond(node: Node, low: float, high: float) -> float:
    if math.isinf(low) and math.isinf(high):
        return 0.0
    values = saved(node, "self")
    if not isinstance(values, Tensor) or not values.numel():
        return math.nan
    return float(((values <= low) | (values >= high)).float().mean())


def _targets(node: Node) -> tuple[float, float]:
    targets = saved(node, "target")
    if not isinstance(targets, Tensor) or not targets.numel():
        return math.nan, math.nan
    low, high = torch.stack(targets.detach().float().aminmax()).tolist()
    return low, high


def _reduction(node: Node) -> str:
    number = saved(node, "reduction")
    return _REDUCTIONS[number] if isinstance(number, int) and 0 <= number < len(_REDUCTIONS) else ""
