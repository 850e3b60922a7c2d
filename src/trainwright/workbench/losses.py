"""Losses: the built-in ones and a user's own, with outputs brought to the shape of the targets first."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from trainwright.core import ModelError, UsageError
from trainwright.data.dataset import Task
from trainwright.doctor.setup import recognise_loss
from trainwright.workbench.config import LossConfig

LossFunction = Callable[[Tensor, Tensor], Tensor]


class Loss:
    """A mean loss over a batch: ``loss(outputs, targets) -> scalar``.

    Classification: outputs [N, C], targets int64 [N]. Regression: outputs [N] or [N, 1], targets float32 [N]; the loss
    itself receives both as [N], so that nothing is ever broadcast to [N, N].
    """

    def __init__(self, name: str, function: LossFunction, task: Task) -> None:
        self.name = name
        self.function = function
        self.task = task

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.function(fit_outputs(outputs, targets, self.task), targets)

    def to(self, device: torch.device) -> Loss:
        """The same loss with its own tensors (class weights) on ``device``."""
        if not isinstance(self.function, nn.Module):
            return self
        return Loss(self.name, copy.deepcopy(self.function).to(device), self.task)


def fit_outputs(outputs: Tensor, targets: Tensor, task: Task) -> Tensor:
    """Outputs in the shape the targets need; ``ModelError`` with both shapes where they do not fit."""
    n = len(targets)
    if task is Task.REGRESSION:
        if outputs.shape in ((n,), (n, 1)):
            return outputs.reshape(n)
        wanted = f"[{n}] or [{n}, 1]: one number for each sample"
    elif outputs.ndim == 2 and len(outputs) == n:
        return outputs
    else:
        wanted = f"[{n}, classes]: one number for each sample and class"
    raise ModelError(
        f"The model's output has shape {list(outputs.shape)} for a batch of {n} samples.",
        expected=f"Shape {wanted}.",
        todo="Change the last layer or how it is flattened.",
    )


def make_loss(config: LossConfig, task: Task, own: LossFunction | None, *, smoothing: bool = True) -> Loss:
    """The configured loss; without ``smoothing`` as it is used to judge, not to train.

    Raises ``UsageError`` for a loss that cannot be used for the task.
    """
    if config.name == "python":
        return Loss(_name_of(own), _own(config, own, smoothing=smoothing), task)
    name = config.name
    if name == "auto":
        name = "cross_entropy" if task is Task.CLASSIFICATION else "mse"
    if name == "cross_entropy" and task is Task.REGRESSION:
        raise UsageError(
            "loss.name is 'cross_entropy', but the target is a number (regression).",
            expected="mse or huber.",
            todo="Set loss.name to auto, or data.task to classification.",
        )
    label_smoothing = config.label_smoothing if smoothing else 0.0
    if config.label_smoothing and name != "cross_entropy":
        raise no_smoothing(name)
    return Loss(name, _built_in(name, task, label_smoothing), task)


def no_smoothing(name: str) -> UsageError:
    """The error for label smoothing with a loss that has no labels to smooth."""
    return UsageError(
        f"loss.label_smoothing needs cross entropy, but the loss is '{name}'.",
        expected="loss.name cross_entropy, or an own nn.CrossEntropyLoss.",
        todo="Set loss.label_smoothing to 0.",
    )


def _built_in(name: str, task: Task, label_smoothing: float) -> LossFunction:
    if name == "cross_entropy":
        return lambda outputs, targets: F.cross_entropy(outputs, targets, label_smoothing=label_smoothing)
    function: LossFunction = F.mse_loss if name == "mse" else F.huber_loss
    if task is Task.REGRESSION:
        return function
    return lambda outputs, targets: function(outputs, F.one_hot(targets, outputs.shape[1]).to(outputs.dtype))


def _own(config: LossConfig, own: LossFunction | None, *, smoothing: bool) -> LossFunction:
    if own is None:
        raise UsageError(
            "loss.name is 'python', but the experiment brings no loss of its own.",
            expected="Experiment(loss=...) or a built-in loss.",
            todo="Set loss.name to auto.",
        )
    if not config.label_smoothing:
        return own
    if not isinstance(own, nn.CrossEntropyLoss):
        raise no_smoothing(_name_of(own))
    changed = copy.deepcopy(own)
    changed.label_smoothing = config.label_smoothing if smoothing else 0.0
    return changed


def _name_of(own: LossFunction | None) -> str:
    return "python" if own is None else recognise_loss(own)
