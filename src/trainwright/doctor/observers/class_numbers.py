"""Whole numbers that a loss of distances is given as its targets: those of a loader's batches, if there is a loader."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import is_same, tensors_of
from trainwright.doctor.events import LossCall
from trainwright.measures.door import VALUE_LOSSES
from trainwright.measures.labels import ClassNumbers

ENOUGH = 1000
"""Targets that are counted."""
AHEAD = 2
"""Batches that a loader may give before a loss of the first one is computed: some take the next one ahead."""


class Numbers:
    """Counts the targets of the first batches, as long as each is a whole number for an output of its own."""

    def __init__(self) -> None:
        self._batches: deque[Any] = deque(maxlen=AHEAD)
        self._counts: Counter[int] = Counter()
        self._loss = ""
        self._over = False
        self._typed = True
        self._loads = False

    def came(self, batch: Any) -> None:
        """A loader gave a batch."""
        self._loads = True
        if not self._over:
            self._batches.append(batch)

    def trained(self, call: LossCall) -> None:
        """A loss of training; that of a loader's batch, if one came since the latest."""
        if self._over or (self._loads and not self._batches):
            return
        found = self._found(call) if self._loads else _whole_numbers(call.targets, call)
        self._over = found is None or self._loss not in ("", call.name)
        if found is None or self._over:
            self._counts.clear()
        else:
            self._loss = call.name
            self._typed &= not found.is_floating_point()
            self._counts.update(map(int, found.flatten().tolist()))
            self._over = self._counts.total() >= ENOUGH
        if self._over:
            self._batches.clear()  # none is needed, and none is to be held

    def _found(self, call: LossCall) -> Tensor | None:
        """The whole numbers of the first batch whose are the targets; those that came before it are over."""
        while self._batches:
            if (found := _whole_numbers(self._batches.popleft(), call)) is not None:
                return found
        return None

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
