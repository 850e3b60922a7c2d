"""Sums: mean and spread of what enters a model, feature by feature and all together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from trainwright.measures.batches import InputScale

TINY = 1e-12
"""Stands for a mean of 0."""


class Sums:
    """Sums of values and of their squares per feature, [F] each, kept on the device."""

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.squares: Tensor | None = None
        self.values = 0
        self.samples = 0
        self.shape: tuple[int, ...] = ()

    def add(self, inputs: Tensor) -> None:
        """Inputs [N, F], [N, C, H, W] (per channel) or [N, T, F] (per feature)."""
        if self.samples and tuple(inputs.shape[1:]) != self.shape:
            return
        axes = (0, 2, 3) if inputs.dim() == 4 else tuple(range(inputs.dim() - 1))
        wide = inputs.detach().double()
        total, squares = wide.sum(axes), wide.square().sum(axes)
        if self.total is None or self.squares is None:
            self.total, self.squares, self.shape = total, squares, tuple(inputs.shape[1:])
        else:
            self.total, self.squares = self.total + total, self.squares + squares
        self.values += inputs.numel() // max(1, total.numel())
        self.samples += len(inputs)

    def mean_and_std(self) -> tuple[Any, Any]:
        """[F] each, empty where nothing was seen."""
        if self.total is None or self.squares is None or not self.values:
            return np.empty(0), np.empty(0)
        mean = self.total / self.values
        spread = (self.squares / self.values - mean.square()).clamp_min(0).sqrt()
        return mean.cpu().numpy(), spread.cpu().numpy()

    def scale(self, *, normalised: bool) -> InputScale:
        """The size of all numbers together; there must be some."""
        assert self.total is not None
        assert self.squares is not None
        count = self.values * self.total.numel()
        means, spreads = self.mean_and_std()
        mean, square = float(self.total.sum()) / count, float(self.squares.sum()) / count
        return InputScale(
            mean=mean,
            spread=math.sqrt(max(0.0, square - mean * mean)),
            length=math.sqrt(square * math.prod(self.shape)),
            n_samples=self.samples,
            shape=self.shape,
            normalised=normalised,
            spread_of_features=float(np.sqrt(np.mean(spreads**2))),
            relative_spread=float(np.median(spreads / np.maximum(np.abs(means), TINY))),
        )
