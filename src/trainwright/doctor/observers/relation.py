"""The first samples of a training with their targets, small enough to ask whether the ones tell the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from trainwright.measures.relation import FEWEST_ROWS, TargetRelation

MOST_ROWS = 500
"""Samples of a data set that are kept."""
WIDEST = 256
"""Features kept of each input; more of them are averaged with their neighbours."""
MOST_SETS = 5
BINS = 64
"""Counts kept of each input of token numbers, which share them by their remainder."""


class _Rows:
    """Samples of one data set."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self.targets: list[Tensor] = []
        self.n = 0  # seen

    def different(self) -> TargetRelation | None:
        """None where they are too few."""
        if sum(map(len, self.targets)) < FEWEST_ROWS:
            return None
        rows, targets = torch.cat(self.rows).numpy(), torch.cat(self.targets).numpy()
        _, first = np.unique(rows, axis=0, return_index=True)  # a later epoch holds the same ones
        finite = np.sort(first[np.isfinite(rows[first]).all(1) & np.isfinite(targets[first])])[:MOST_ROWS]
        return TargetRelation(rows=rows[finite], targets=targets[finite]) if len(finite) >= FEWEST_ROWS else None


class Relation:
    """Observes the first samples of each data set that is trained on, if each has one number as its target."""

    def __init__(self) -> None:
        self._sets: dict[int | None, _Rows] = {}
        self._latest: int | None = None

    def wants(self, source: int | None) -> bool:
        """Whether the next batch of this data set, which is trained on now, is to be kept."""
        self._latest, kept = source, self._sets.get(source)
        return len(self._sets) < MOST_SETS if kept is None else kept.n < MOST_ROWS

    @torch.no_grad()
    def trained(self, tensors: Sequence[Tensor], targets: Tensor | None, source: int | None) -> None:
        """The inputs of a training batch, the main one first, with their targets [N] or [N, 1]; ``source``: a number
        for the data."""
        n, kept = len(tensors[0]), self._sets.setdefault(source, _Rows())
        kept.n += n  # be they kept or not: what does not fit now will not later
        if targets is None or targets.numel() != n or n < 2:
            return
        rows = torch.cat([_features(each) for each in tensors if each.dim() and len(each) == n], 1)
        if kept.rows and kept.rows[0].shape[1] != rows.shape[1]:
            return
        kept.rows.append(rows.cpu())
        kept.targets.append(targets.detach().reshape(-1).double().cpu())

    def measurement(self) -> TargetRelation | None:
        """Of the data that were trained on last; None where they are too few."""
        latest = self._sets.get(self._latest)
        return latest.different() if latest is not None else None


def _features(given: Tensor) -> Tensor:
    """[N, F]: numbers as they are, or neighbours averaged; token numbers counted."""
    flat = given.detach().reshape(len(given), -1)
    if flat.is_floating_point() or flat.dtype == torch.bool:
        wide = flat.double()
        return wide if wide.shape[1] <= WIDEST else adaptive_avg_pool1d(wide[:, None], WIDEST)[:, 0]
    counts = torch.zeros(len(flat), BINS, dtype=torch.float64, device=flat.device)
    return counts.scatter_add_(1, flat.long().remainder(BINS), torch.ones_like(flat, dtype=torch.float64))
