"""Tape: calls and operations of a script's step as they were recorded, and how an operation is made again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainwright.doctor.batch import map_tensors

_DIVIDING_IN_PLACE = (torch.Tensor.__itruediv__, torch.Tensor.div_)
DIVIDING = (torch.Tensor.__truediv__, torch.Tensor.div, torch.div, *_DIVIDING_IN_PLACE)
_MULTIPLYING_IN_PLACE = (torch.Tensor.__imul__, torch.Tensor.mul_)
SCALING = (*DIVIDING, torch.Tensor.__mul__, torch.Tensor.mul, torch.mul, *_MULTIPLYING_IN_PLACE)
RESHAPING = (torch.Tensor.view, torch.Tensor.reshape, torch.reshape)


@dataclass
class Operation:
    """One call of a torch function or of a loss module, with what it returned."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any


@dataclass
class ModelCall:
    """One call of a module from outside any other: what went in and came out, and the autocast it ran under.

    ``place``: operations of its pass that came before. ``again``: how the call is made again with other inputs, where
    it stands for several.
    """

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any
    autocast: tuple[str, torch.dtype] | None
    place: int = 0
    again: Callable[[nn.Module, Any], Any] | None = None


@dataclass
class Pass:
    """What led to one ``backward``: model calls, operations on what they returned, and the tensor differentiated."""

    calls: list[ModelCall] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    root: Tensor | None = None


def repeat(operation: Operation, values: Mapping[int, Any], count: int, rows: int) -> Any:
    """Make an operation again: ``values`` for the tensors of these ids, ``rows`` samples in place of ``count``."""
    args = map_tensors(operation.args, lambda tensor: values.get(id(tensor), tensor))
    kwargs = map_tensors(operation.kwargs, lambda tensor: values.get(id(tensor), tensor))
    if operation.function in RESHAPING:
        args = (args[0], *_for_rows(args[1:], count, rows))
    if operation.function in DIVIDING:
        args = tuple(rows if isinstance(arg, int) and arg == count else arg for arg in args)
    return operation.function(*args, **kwargs)


def autocasting(state: tuple[str, torch.dtype] | None) -> contextlib.AbstractContextManager[Any]:
    """The autocast that was on, or nothing."""
    return contextlib.nullcontext() if state is None else torch.autocast(state[0], dtype=state[1])


def _for_rows(shape: tuple[Any, ...], count: int, rows: int) -> tuple[Any, ...]:
    """A shape written for ``count`` samples, for ``rows`` of them."""
    if shape and isinstance(shape[0], list | tuple):
        return (type(shape[0])(_for_rows(tuple(shape[0]), count, rows)), *shape[1:])
    if shape and isinstance(shape[0], int) and shape[0] > 0 and shape[0] % count == 0:
        return (shape[0] // count * rows, *shape[1:])
    return shape
