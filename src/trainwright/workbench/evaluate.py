"""Predictions of a model and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainwright.core import DataError
from trainwright.data.dataset import Task


@dataclass(frozen=True)
class Metric:
    """The number a person reads: accuracy in percent, or root mean squared error in target units."""

    name: str
    higher_is_better: bool
    unit: str


@dataclass(frozen=True)
class Score:
    """``loss``: mean cross entropy in nats, or mean squared error in squared target units; ``metric``: accuracy in
    percent, or root mean squared error in target units.
    """

    loss: float
    metric: float


def metric_of(task: Task | str, target_name: str = "target") -> Metric:
    """The metric of a task."""
    if Task(task) is Task.CLASSIFICATION:
        return Metric("accuracy", higher_is_better=True, unit="%")
    return Metric("RMSE", higher_is_better=False, unit=f"units of {target_name}")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def predict(model: nn.Module, inputs: Tensor, batch_size: int = 1024) -> Tensor:
    """Outputs for all inputs, on the CPU, in evaluation mode and without gradients; modes are put back afterwards."""
    parameter = next(model.parameters(), None)
    device = inputs.device if parameter is None else parameter.device
    with evaluating(model), torch.no_grad():
        # Detached because a view of a parameter keeps wanting gradients even here.
        outputs = [model(part.to(device)).detach().float().cpu() for part in torch.split(inputs, batch_size)]
    return torch.cat(outputs)


def score(task: Task | str, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Score:
    """Loss and metric over a whole set.

    Classification: ``outputs`` logits [N, C], ``targets`` class numbers [N]. Regression: ``outputs`` predictions [N] or
    [N, 1] and ``targets`` [N], both in target units. Raises ``DataError`` where the lengths differ or N is 0.
    """
    targets = np.asarray(targets)
    if len(outputs) != len(targets) or not len(targets):
        raise DataError(
            f"{len(outputs)} outputs cannot be scored against {len(targets)} targets.",
            expected="As many outputs as targets, at least one.",
            todo="Score the same samples.",
        )
    values = np.asarray(outputs, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # a model that diverged has a score too: infinite or NaN
        if Task(task) is Task.REGRESSION:
            squared = float(np.mean((values.reshape(len(targets)) - targets.astype(np.float64)) ** 2))
            return Score(loss=squared, metric=squared**0.5)
        own = values[np.arange(len(targets)), targets.astype(np.int64)]
        loss = float(np.mean(log_sum_exp(values) - own))
    return Score(loss=loss, metric=100.0 * float(np.mean(values.argmax(axis=1) == targets)))


def log_sum_exp(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Over the last axis, without overflow."""
    top = logits.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.asarray(np.log(np.exp(logits - top).sum(axis=-1)) + top[..., 0])


def probabilities(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Softmax over the last axis: logits [..., C] → probabilities [..., C]."""
    values = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.exp(values - log_sum_exp(values)[..., None]))
