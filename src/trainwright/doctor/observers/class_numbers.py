"""Whole numbers of a loader's batches that a loss of distances is given as its targets."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import is_same, tensors_of
from trainwright.doctor.events import LossCall
from trainwright.measures.door import VALUE_LOSSES
from trainwright.measures.labels import ClassNumbers

ENOUGH = 1000
"""Targets that are counted."""


class Numbers:
    """Counts the targets of the first batches, as long as each is a whole number for an output of its own."""

    def __init__(self) -> None:
        self._batch: Any = None
        self._counts: Counter[int] = Counter()
        self._loss = ""
        self._over = False
        self._typed = True

    def came(self, batch: Any) -> None:
        """A loader gave a batch."""
        self._batch = None if self._over else batch

    def trained(self, call: LossCall) -> None:
        """A loss of training; that of a loader's batch, if one came since the latest."""
        batch, self._batch = self._batch, None
        if self._over or batch is None:
            return
        found = _whole_numbers(batch, call)
        self._over = found is None or self._loss not in ("", call.name)
        if found is None or self._over:
            self._counts.clear()
            return
        self._loss = call.name
        self._typed &= not found.is_floating_point()
        self._counts.update(map(int, found.flatten().tolist()))
        self._over = self._counts.total() >= ENOUGH

    def measurement(self) -> ClassNumbers | None:
        """What was counted so far; None where the targets are something else."""
        if not self._counts:
            return None
        values = sorted(self._counts)
        return ClassNumbers(
            loss_name=self._loss,
            n_samples=self._counts.total(),
            lowest=values[0],
            highest=values[-1],
            counts=tuple(self._counts[value] for value in values),
            typed=self._typed,
        )


def _whole_numbers(batch: Any, call: LossCall) -> Tensor | None:
    """The whole numbers of a batch, one for each sample, that a loss of distances compares one output each with."""
    targets = call.targets.detach()
    if (
        call.name not in VALUE_LOSSES
        or not targets.dim()
        or not targets.numel() == len(targets) == call.outputs.numel()
    ):
        return None
    for tensor in tensors_of(batch):
        if tensor.is_complex() or tensor.dtype == torch.bool or not is_same(tensor, targets):
            continue
        if not tensor.is_floating_point() or bool((tensor == tensor.round()).all()):
            return tensor
    return None
