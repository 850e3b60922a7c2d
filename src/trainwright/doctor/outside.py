"""Outside: what the user's code keeps besides modules and tensors that are restored.

A generator in a closure, a counter in a global object or an iterator make two passes begin differently, although
nothing about them is random.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

from trainwright.doctor.losses import Returned
from trainwright.doctor.restore import GENERATORS, keep_generator

_MOST = 20_000
"""Values looked at; a search that finds more has left the user's own code."""
_LARGEST = 1000
"""Entries of a container above which it is data."""
_LARGEST_SUM = 1_000_000
"""Numbers of an array above which its content is not compared."""
_LIBRARIES = sys.stdlib_module_names | {"torch", "numpy"}
_RESTORED = ("_parameters", "_buffers")
"""Attributes of modules that :func:`trainwright.doctor.restore.restored` puts back."""


class Outside:
    """What can be reached from ``roots`` (modules, functions, objects) through attributes, closures and globals."""

    def __init__(self, *roots: Any) -> None:
        self._roots = roots
        reached = list(_reached(roots))
        self._is_whole = len(reached) < _MOST
        generators = [value for value in reached if isinstance(value, GENERATORS)]
        self._put_back = [undo for undo in map(keep_generator, generators) if undo is not None]
        self._before = self._marks()

    def restore(self) -> None:
        """Put the generators back."""
        for undo in self._put_back:
            undo()

    def has_moved(self) -> bool:
        """Whether anything else is not, or may not be, as it was."""
        return not self._is_whole or self._before != self._marks()

    def _marks(self) -> list[Any]:
        return [_mark(value) for value in _reached(self._roots)]


def _mark(value: Any) -> Any:
    """Something that differs when the value has changed; of an iterator, whose place nobody can read, always."""
    if isinstance(value, bool | int | str | bytes | None):
        return value
    if isinstance(value, float):
        return repr(value)  # NaN, too, is as it was
    if isinstance(value, Tensor):
        return repr(value.detach().sum().item()) if 0 < value.numel() <= _LARGEST_SUM else value.numel()
    if isinstance(value, np.ndarray):
        return repr(value.sum()) if value.dtype.kind in "biufc" and value.size <= _LARGEST_SUM else value.shape
    return object() if isinstance(value, Iterator) else type(value)


def _reached(roots: tuple[Any, ...]) -> Iterator[Any]:
    return itertools.islice(_reachable(roots), _MOST)


def _reachable(roots: tuple[Any, ...]) -> Iterator[Any]:
    seen: dict[int, Any] = {}
    waiting = deque(roots)
    while waiting:
        value = waiting.popleft()
        if isinstance(value, bool | int | float | str | bytes | None):
            yield value
        elif id(value) not in seen:
            seen[id(value)] = value  # kept, so that an id names one value
            yield value
            waiting += _held(value)


def _held(value: Any) -> list[Any]:
    """What a value holds."""
    for kinds, held in _HOLDING:
        if isinstance(value, kinds):
            return held(value)
    if isinstance(value, (Tensor, np.ndarray, Returned, ModuleType, type, *GENERATORS)):
        return []
    if isinstance(value, nn.Module):
        kept = [part for name, part in vars(value).items() if name not in _RESTORED]
        return [part for part in kept if not (isinstance(part, dict) and not part)] + _of_classes(value)
    return [] if _is_foreign(type(value)) else [*getattr(value, "__dict__", {}).values(), *_of_classes(value)]


def _of_classes(value: Any) -> list[Any]:
    """Methods and attributes of the user's classes."""
    own = [kind for kind in type(value).__mro__ if not _is_foreign(kind)]
    return [part for kind in own for name, part in vars(kind).items() if not _is_dunder(name) or callable(part)]


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_foreign(thing: Any) -> bool:
    return str(getattr(thing, "__module__", None)).partition(".")[0] in _LIBRARIES


def _of_function(function: FunctionType) -> list[Any]:
    if _is_foreign(function):
        return []
    held = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    held += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    names = _names(function.__code__)
    for value in [function.__globals__[name] for name in names if name in function.__globals__]:
        within = isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in _LIBRARIES
        held += [vars(value)[name] for name in names if name in vars(value)] if within else [value]
    return held


def _names(code: CodeType) -> dict[str, None]:
    """Names that a function, and those written within it, look up."""
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part)]
    return dict.fromkeys([*code.co_names, *inner])


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _of_container(value: Any) -> list[Any]:
    return (list(value.values()) if isinstance(value, Mapping) else list(value)) if len(value) <= _LARGEST else []


_HOLDING: tuple[tuple[Any, Callable[[Any], list[Any]]], ...] = (
    (FunctionType, _of_function),
    (MethodType, lambda value: [value.__self__, value.__func__]),
    (BuiltinMethodType, lambda value: [value.__self__]),
    (functools.partial, lambda value: [value.func, *value.args, *value.keywords.values()]),
    ((staticmethod, classmethod), lambda value: [value.__func__]),
    (property, lambda value: [value.fget]),
    ((dict, list, tuple, set, frozenset, deque), _of_container),
)
