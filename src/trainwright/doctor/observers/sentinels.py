"""Sentinels: one number, far away from all others of its column, that stands in several rows for "not known"."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

MOST_ROWS = 2048
MOST_COLUMNS = 256
FEWEST_ROWS, FEWEST_VALUES = 100, 8
"""Rows with other values, and different values among them: categories and indicators have fewer."""
FEWEST_COPIES = 3
"""Different rows with the very same number, which no outlier that was measured leaves."""

NOTHING = (-1, math.nan, 0, 0.0)


class Sentinels:
    """Keeps the first rows of a table that enters the model in training."""

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._n_rows = self._n_judged = 0
        self._farthest = NOTHING

    def trained(self, inputs: Tensor) -> None:
        """Inputs [N, F] of a training batch; other shapes are passed over, where far values may be padding."""
        room = MOST_ROWS - self._n_rows
        if room <= 0 or inputs.dim() != 2 or inputs.shape[1] > MOST_COLUMNS or not inputs.is_floating_point():
            return
        if not self._rows or self._rows[0].shape[1] == inputs.shape[1]:
            self._rows.append(inputs[:room].detach().double())
            self._n_rows += len(self._rows[-1])

    def farthest(self) -> tuple[int, float, int, float]:
        """(column, number, rows that hold it, distance); the distance is from the number to the nearest other value of
        its column, in ranges of all the others. (-1, NaN, 0, 0) where no column has one."""
        if self._n_judged < self._n_rows >= FEWEST_ROWS:
            rows = torch.cat(self._rows).unique(dim=0)  # type: ignore[no-untyped-call]
            found = _candidates(rows) if bool(torch.isfinite(rows).all()) else ()
            self._farthest = max((NOTHING, *found), key=lambda each: each[3])
            self._n_judged = self._n_rows
        return self._farthest


def _candidates(rows: Tensor) -> Iterator[tuple[int, float, int, float]]:
    for column, values in enumerate(rows.T):
        for sign in (1.0, -1.0):
            highest = (sign * values).max()
            others = values[sign * values < highest]
            n_copies = len(values) - len(others)
            if n_copies < FEWEST_COPIES or len(others) < FEWEST_ROWS or len(others.unique()) < FEWEST_VALUES:
                continue
            distance = (highest - (sign * others).max()) / (others.max() - others.min())
            yield column, sign * float(highest), n_copies, float(distance)
