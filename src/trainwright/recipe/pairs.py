"""Pairs of trainings: with the same seed twice, which should agree, and at twice the capacity, which should not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from trainwright.measures.reproducibility import CapacityEffect, CapacityRun, Repetition
from trainwright.recipe.variants import scaled_capacity
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult, train


def repeat_training(experiment: Experiment, seed: int) -> Repetition:
    """Two trainings of one epoch with the same seed."""
    short = experiment.with_changes({"training.epochs": 1})
    first, second = (train(short, seed=seed) for _ in range(2))
    return Repetition(
        subject="Trainings of one epoch",
        first=_losses(first),
        second=_losses(second),
        differing=_difference(short, seed, first, second),
        precision=torch.finfo(torch.float32).eps,
        steps=first.steps,
        device="cuda" if short.config.training.device != "cpu" and torch.cuda.is_available() else "cpu",
    )


def _losses(result: TrainingResult) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([result.history[-1].train_loss, result.validation_loss], dtype=np.float64)


def _difference(experiment: Experiment, seed: int, first: TrainingResult, second: TrainingResult) -> str:
    if np.array_equal(first.validation_outputs, second.validation_outputs, equal_nan=True):
        return ""
    one, other = (experiment.build_model(seed).state_dict() for _ in range(2))
    starts_alike = all(torch.equal(value, other[name]) for name, value in one.items())
    return "the outputs after training" if starts_alike else "the initial weights"


def capacity_effect(experiment: Experiment, train_one: Callable[[Experiment], TrainingResult]) -> CapacityEffect | None:
    """What twice the capacity does to the training loss; None where the model has nothing to scale.

    ``train_one`` trains a variant of the experiment; both times with the same seed and for as many epochs.
    """
    small, large = (scaled_capacity(experiment, factor) for factor in (1, 2))
    if experiment.capacity is None or small is None or large is None:
        return None
    return CapacityEffect(keyword=experiment.capacity, small=_run(small, train_one), large=_run(large, train_one))


def _run(variant: Experiment, train_one: Callable[[Experiment], TrainingResult]) -> CapacityRun:
    result = train_one(variant)
    return CapacityRun(
        value=variant.config.model.width,
        n_parameters=result.n_parameters,
        losses=np.array([record.train_loss for record in result.history], dtype=np.float64),
    )
