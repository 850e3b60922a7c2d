"""Series of bounded length, however long the run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MOST_POINTS = 2_000
"""Of a thinned series; full, neighbours are averaged, so that it holds between half of this and this."""
MOST_SAMPLES = 240
"""Of a list of samples; full, every second one is dropped."""
WAITING = 16
"""Scalars that may wait on an accelerator before they cross to the host together."""

Array = npt.NDArray[np.float64]
T = TypeVar("T")


class Thinned:
    """A long series of numbers: when it is full, neighbours are averaged and each point stands for twice as many."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._width = 1
        self._x: list[float] = []
        self._y: list[float] = []
        self._sum_x = self._sum_y = 0.0
        self._n_open = 0

    def add(self, x: float, y: float) -> None:
        """One more value; ``x`` ascends."""
        self._sum_x += x
        self._sum_y += y
        self._n_open += 1
        if self._n_open < self._width:
            return
        self._x.append(self._sum_x / self._width)
        self._y.append(self._sum_y / self._width)
        self._sum_x, self._sum_y, self._n_open = 0.0, 0.0, 0
        if len(self._x) >= self._most:
            self._x = [(a + b) / 2 for a, b in zip(self._x[::2], self._x[1::2], strict=True)]
            self._y = [(a + b) / 2 for a, b in zip(self._y[::2], self._y[1::2], strict=True)]
            self._width *= 2

    def arrays(self) -> tuple[Array, Array]:
        """Places and values so far; what is not yet a whole block is its own, shorter one."""
        if not self._n_open:
            return np.array(self._x), np.array(self._y)
        return np.array([*self._x, self._sum_x / self._n_open]), np.array([*self._y, self._sum_y / self._n_open])

    def __len__(self) -> int:
        return len(self._x) + bool(self._n_open)


class Samples(Generic[T]):
    """Samples of something, each with its step: when the list is full, every second one is dropped."""

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self._most = most
        self.steps: list[int] = []
        self.values: list[T] = []

    def add(self, step: int, value: T) -> None:
        """One more; the first and the latest are always kept."""
        self.steps.append(step)
        self.values.append(value)
        if len(self.steps) > self._most:
            kept = [*range(0, len(self.steps) - 1, 2), len(self.steps) - 1]
            self.steps = [self.steps[i] for i in kept]
            self.values = [self.values[i] for i in kept]

    def __len__(self) -> int:
        return len(self.steps)


class Later:
    """Scalars on a device, handed on as numbers in the order they came; on the CPU at once, else in bundles."""

    def __init__(self, take: Callable[[Any, float], None]) -> None:
        self._take = take
        self._waiting: list[tuple[Any, Tensor]] = []

    def add(self, tag: Any, value: Tensor) -> None:
        """A tensor of one element; ``tag`` is handed on with its number."""
        if not self._waiting and value.is_cpu:
            self._take(tag, float(value.item()))
            return
        self._waiting.append((tag, value.detach()))
        if len(self._waiting) >= WAITING:
            self.flush()

    def flush(self) -> None:
        """Hand on all that waits, in one transfer for each device."""
        waiting, self._waiting = self._waiting, []
        for (tag, _), number in zip(waiting, to_numbers([value for _, value in waiting]), strict=True):
            self._take(tag, number)


def to_numbers(values: list[Tensor]) -> list[float]:
    """Tensors of one element as numbers; those on one device cross together."""
    found = [math.nan] * len(values)
    by_device: dict[Any, list[int]] = {}
    for position, value in enumerate(values):
        by_device.setdefault(value.device, []).append(position)
    for positions in by_device.values():
        joined = torch.stack([values[i].reshape(()).to(torch.float64) for i in positions])
        for position, number in zip(positions, joined.tolist(), strict=True):
            found[position] = number
    return found
