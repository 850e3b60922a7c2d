"""Trial of the targets: are they whole numbers, as classes are numbered, under a loss of distances?"""

from __future__ import annotations

import torch
from torch import Tensor

from trainwright.core import CannotEvaluate
from trainwright.doctor.batch import tensors_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.door import observe_door
from trainwright.measures.door import VALUE_LOSSES, LossDoor
from trainwright.measures.labels import ClassNumbers


def count_class_numbers(setup: Setup) -> ClassNumbers:
    """Count the values of the integer tensor that a loss of distances compares the only output with.

    Raises ``CannotEvaluate`` for other losses, several outputs of a sample, and targets that come as fractions.
    """
    door = observe_door(setup)
    if door.loss_name not in VALUE_LOSSES:
        raise CannotEvaluate(f"{door.loss_name} is no loss of distances")
    targets = next((t for t in tensors_of((setup.targets, setup.inputs)) if _enters(t, door)), None)
    if targets is None:
        raise CannotEvaluate("the loss compares nothing that comes as one integer for each sample")
    values, counts = torch.unique(targets, return_counts=True)
    return ClassNumbers(
        loss_name=door.loss_name,
        n_samples=targets.numel(),
        lowest=int(values[0]),
        highest=int(values[-1]),
        counts=tuple(counts.tolist()),
    )


def _enters(tensor: Tensor, door: LossDoor) -> bool:
    """Whether an integer tensor is what entered the loss as numbers, by their count and range."""
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool or not tensor.numel():
        return False
    if tensor.numel() != len(tensor) or not tensor.numel() == door.n_targets == door.n_rows * door.n_classes:
        return False
    return (float(tensor.min()), float(tensor.max())) == (door.target_minimum, door.target_maximum)
