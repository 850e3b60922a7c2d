"""Restore: whatever a trial did to a model, undo it bit for bit."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

_LARGEST = 1000
"""Entries of a container above which it is a module's data rather than its state, and left alone."""
GENERATORS = (np.random.Generator, np.random.RandomState, random.Random, torch.Generator)
"""Random generators that code may hold besides the global ones."""


@contextmanager
def restored(model: nn.Module, optimizer: Optimizer | None = None, tensors: Iterable[Tensor] = ()) -> Iterator[None]:
    """Put back weights, buffers, gradients, modes, hooks, optimizer state and random states when the block ends.

    ``tensors``: further tensors to put back, such as the batch, which a model with in-place layers may write to.

    Tensors are written back into the very same objects, so that views, tied weights and an optimizer's references stay
    valid. Also undone: ``requires_grad``, what a forward pass adds to its modules or keeps in their attributes (a
    hidden state or a random generator, say), the optimizer's groups and their settings. Layers in a plain list are
    found as well. Holds also when the block raises.
    """
    undo = _Snapshot(model, optimizer, tuple(tensors))
    try:
        yield
    finally:
        undo.restore()


class _Snapshot:
    def __init__(self, model: nn.Module, optimizer: Optimizer | None, extra: tuple[Tensor, ...]) -> None:
        modules = _modules(model)
        parameters = [p for p in _parameters(modules, optimizer) if not is_lazy(p)]
        buffers = [b for m in modules for b in m.buffers(recurse=False) if not is_lazy(b)]
        keep = _Keeper()
        self._tensors = [keep(tensor) for tensor in (*parameters, *buffers, *extra)]
        self._gradients = [(p, p.requires_grad, p.grad, keep(p.grad)) for p in parameters]
        # Modes, and dictionaries of parameters, buffers, modules and hooks, stand among a module's attributes.
        self._attributes = [keep(vars(module)) for module in modules]
        self._random = random_state()
        self._optimizer = optimizer
        groups = optimizer.param_groups if optimizer else []
        # Groups are put back into the same dictionaries: schedulers hold references to them.
        self._groups = [(g, keep({k: v for k, v in g.items() if k != "params"}), list(g["params"])) for g in groups]
        self._members = [g["params"] for g in groups]
        self._state = {key: keep(value) for key, value in optimizer.state.items()} if optimizer else {}
        self._settings = {k: v for k, v in vars(optimizer).items() if _is_plain(v)} if optimizer else {}

    def restore(self) -> None:
        for put_back in (*self._attributes, *self._tensors):
            put_back()
        for parameter, requires_grad, gradient, value in self._gradients:
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient
            value()
        if self._optimizer is not None:
            self._restore_optimizer(self._optimizer)
        set_random_state(self._random)

    def _restore_optimizer(self, optimizer: Optimizer) -> None:
        for (group, settings, members), params in zip(self._groups, self._members, strict=True):
            params[:] = members
            group.clear()
            group.update({"params": params, **settings()})
        optimizer.param_groups[:] = [group for group, *_ in self._groups]
        optimizer.state.clear()
        optimizer.state.update({key: value() for key, value in self._state.items()})
        vars(optimizer).update(self._settings)


def random_state() -> dict[str, Any]:
    """The states of Python's, NumPy's and torch's random generators."""
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 - the legacy global state is what user code may draw from
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """The inverse of :func:`random_state`."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


def keep_generator(generator: Any) -> Callable[[], None] | None:
    """What puts one of :data:`GENERATORS` back as it is now; None where it draws from the system and has no state."""
    if isinstance(generator, random.SystemRandom):
        return None
    if isinstance(generator, np.random.Generator):
        bits, numbers = generator.bit_generator, generator.bit_generator.state
        return lambda: setattr(bits, "state", numbers)
    if isinstance(generator, random.Random):
        return functools.partial(generator.setstate, generator.getstate())
    return functools.partial(generator.set_state, generator.get_state())


def _modules(model: nn.Module) -> list[nn.Module]:
    """The model's modules, and those it holds without having registered them."""
    found: dict[int, Any] = {}
    waiting: list[Any] = [model]
    while waiting:
        value = waiting.pop()
        if id(value) in found:
            continue
        if isinstance(value, nn.Module):
            found[id(value)] = value
            waiting += vars(value).values()
        elif isinstance(value, dict | list | tuple) and len(value) <= _LARGEST:
            found[id(value)] = value
            waiting += value.values() if isinstance(value, dict) else value
    return [value for value in found.values() if isinstance(value, nn.Module)]


def _parameters(modules: list[nn.Module], optimizer: Optimizer | None) -> list[Tensor]:
    found: dict[int, Tensor] = {id(p): p for module in modules for p in module.parameters(recurse=False)}
    for group in optimizer.param_groups if optimizer else ():
        found.update({id(p): p for p in group["params"]})
    return list(found.values())


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str | None)


class _Keeper:
    """Makes functions that put a value, and all that it holds, back as it is now, and return it.

    Tensors, dictionaries, lists and random generators stay the same objects. All else is kept as it is.
    """

    def __init__(self) -> None:
        self._known: dict[int, Callable[[], Any]] = {}

    def __call__(self, value: Any) -> Callable[[], Any]:
        if id(value) not in self._known:
            self._known[id(value)] = lambda: value  # what holds itself is not followed in a circle
            self._known[id(value)] = self._make(value)
        return self._known[id(value)]

    def _make(self, value: Any) -> Callable[[], Any]:
        if isinstance(value, Tensor):
            return _Tensor(value) if _is_writable(value) else lambda: value
        if isinstance(value, GENERATORS) and (undo := keep_generator(value)) is not None:
            return lambda: (undo(), value)[1]
        if not isinstance(value, dict | list | tuple) or len(value) > _LARGEST:
            return lambda: value
        if isinstance(value, dict):
            items = {key: self(item) for key, item in value.items()}
            return lambda: _refill(value, {key: put_back() for key, put_back in items.items()})
        parts = [self(item) for item in value]
        if isinstance(value, list):
            return lambda: _refill_list(value, [put_back() for put_back in parts])
        return lambda: ([put_back() for put_back in parts], value)[1]


def _is_writable(tensor: Tensor) -> bool:
    """Not so where the tensor has no memory yet, or several of its numbers share one place in memory."""
    return not is_lazy(tensor) and not any(
        stride == 0 and size > 1 for stride, size in zip(_strides(tensor), tensor.shape, strict=False)
    )


def _strides(tensor: Tensor) -> tuple[int, ...]:
    return tensor.stride() if tensor.layout == torch.strided else ()


class _Tensor:
    """Writes a tensor's values back into it."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._value = tensor, tensor.detach().clone()

    @torch.no_grad()
    def __call__(self) -> Tensor:
        self._tensor.detach().copy_(self._value)
        return self._tensor


def _refill(target: dict[Any, Any], items: dict[Any, Any]) -> dict[Any, Any]:
    target.clear()
    target.update(items)
    return target


def _refill_list(target: list[Any], items: list[Any]) -> list[Any]:
    target[:] = items
    return target
