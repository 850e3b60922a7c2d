"""Restore: whatever a trial did to a model, undo it bit for bit."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer


@contextmanager
def restored(model: nn.Module, optimizer: Optimizer | None = None, tensors: Iterable[Tensor] = ()) -> Iterator[None]:
    """Put back weights, buffers, gradients, modes, optimizer state and random states when the block ends.

    ``tensors``: further tensors to put back, such as the batch, which a model with in-place layers may write to.

    Tensors are written back into the very same objects, so that views, tied weights and an optimizer's references stay
    valid. Also undone: ``requires_grad``, the optimizer's groups and their settings. Holds also when the block raises.
    """
    undo = _Snapshot(model, optimizer, tuple(tensors))
    try:
        yield
    finally:
        undo.restore()


class _Snapshot:
    def __init__(self, model: nn.Module, optimizer: Optimizer | None, extra: tuple[Tensor, ...]) -> None:
        parameters = _parameters(model, optimizer)
        self._tensors = [(t, t.detach().clone()) for t in (*parameters, *model.buffers(), *extra)]
        self._gradients = [(p, p.requires_grad, p.grad, _deep(p.grad)) for p in parameters]
        self._buffers = [(m, dict(m._buffers)) for m in model.modules()]  # a forward pass may assign a new buffer
        self._modes = [(module, module.training) for module in model.modules()]
        self._random = random_state()
        self._optimizer = optimizer
        groups = optimizer.param_groups if optimizer else []
        # Groups are put back into the same dictionaries: schedulers hold references to them.
        self._groups = [(g, g["params"], list(g["params"]), _settings(g)) for g in groups]
        self._state = {key: _deep(value) for key, value in optimizer.state.items()} if optimizer else {}

    def restore(self) -> None:
        for module, buffers in self._buffers:
            module._buffers.clear()
            module._buffers.update(buffers)
        with torch.no_grad():
            for tensor, value in self._tensors:
                tensor.copy_(value)
        for parameter, requires_grad, gradient, value in self._gradients:
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient
            if gradient is not None:
                gradient.detach().copy_(value)
        for module, training in self._modes:
            module.training = training
        if self._optimizer is not None:
            self._restore_optimizer(self._optimizer)
        set_random_state(self._random)

    def _restore_optimizer(self, optimizer: Optimizer) -> None:
        for group, params, members, settings in self._groups:
            params[:] = members
            group.clear()
            group.update({"params": params, **settings})
        optimizer.param_groups[:] = [group for group, *_ in self._groups]
        optimizer.state.clear()
        optimizer.state.update(self._state)


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


def _parameters(model: nn.Module, optimizer: Optimizer | None) -> list[Tensor]:
    found: dict[int, Tensor] = {id(p): p for p in model.parameters()}
    for group in optimizer.param_groups if optimizer else ():
        found.update({id(p): p for p in group["params"]})
    return list(found.values())


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    return {key: _deep(value) for key, value in group.items() if key != "params"}


def _deep(value: Any) -> Any:
    """A copy whose tensors are clones (``deepcopy`` refuses tensors that take part in a graph)."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _deep(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_deep(item) for item in value)
    return copy.deepcopy(value)
