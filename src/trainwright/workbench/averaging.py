"""Averages of weights: a moving one during training, a uniform one over checkpoints."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainwright.core import ModelError
from trainwright.workbench.evaluate import evaluating


class MovingAverage:
    """Exponential moving average of a model's parameters; buffers are those of the model.

    The decay grows as (1 + t) / (10 + t) up to the configured one, so that a short run is not dominated by its
    initial weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._averaged = [p.data for p in self.model.parameters()]
        self._current = [p.data for p in model.parameters()]
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    def update(self) -> None:
        """Move towards the model's present parameters; once per optimizer step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._averaged, self._current, 1 - decay)

    def averaged_model(self) -> nn.Module:
        """The model with averaged parameters and the present buffers; the same object every time."""
        for mine, theirs in self._buffers:
            mine.copy_(theirs)
        return self.model


def uniform_average(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several state dicts of one architecture; integer entries are those of the last.

    Batch-norm statistics of averaged weights are wrong until :func:`recompute_batch_norm` was called. Raises
    ``ModelError`` for no states or states that do not match.
    """
    names = {tuple(state) for state in states}
    if len(names) != 1 or len({tuple(tuple(t.shape) for t in state.values()) for state in states}) != 1:
        raise ModelError(
            f"The weights of {len(states)} models cannot be averaged: they do not have the same names and shapes.",
            expected="At least one state dict, all of one architecture.",
            todo="Average only checkpoints of one configuration.",
        )
    average: dict[str, Tensor] = {}
    for name, last in states[-1].items():
        if last.is_floating_point():
            average[name] = torch.stack([state[name].double() for state in states]).mean(dim=0).to(last.dtype)
        else:
            average[name] = last.clone()
    return average


def recompute_batch_norm(model: nn.Module, inputs: Tensor, batch_size: int = 256) -> None:
    """Set the running statistics of all batch-norm layers to those of ``inputs``, which are to be training samples.

    Parameters, modes and momenta stay as they are. Does nothing for a model without batch norm.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    device = next(model.parameters()).device
    with evaluating(model), torch.no_grad():
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
            layer.training = True
        for part in _full_batches(inputs, batch_size):
            model(part.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _full_batches(inputs: Tensor, batch_size: int) -> list[Tensor]:
    """Batches of equal size, since every batch counts the same; the rest is left out unless there is nothing else."""
    whole = len(inputs) // batch_size * batch_size
    return list(torch.split(inputs[: whole or len(inputs)], batch_size))
