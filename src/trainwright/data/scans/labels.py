"""Scans of the targets: how many of each class, in which order, and how the splits compare."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement
from trainwright.data.dataset import Dataset, IndexArray, Splits, Task
from trainwright.measures.labels import ClassCounts
from trainwright.measures.order import TargetOrder
from trainwright.measures.splits import TargetShift

MAX_BLOCKS = 100
BANDS = 5
"""Bands of values by which two splits of a regression are compared."""


def _counts(dataset: Dataset, rows: IndexArray) -> npt.NDArray[np.int64]:
    return np.bincount(dataset.targets[rows].astype(np.int64), minlength=len(dataset.class_names)).astype(np.int64)


def scan_classes(dataset: Dataset, rows: IndexArray, split: str) -> ClassCounts:
    """Samples per class in ``rows``."""
    return ClassCounts(split=split, class_names=dataset.class_names, counts=_counts(dataset, rows))


def scan_order(dataset: Dataset, train: IndexArray, shuffle: bool | None) -> TargetOrder:
    """How much a target tells of the next one."""
    targets = dataset.targets[train].astype(np.float64)
    blocks = np.array_split(targets, min(MAX_BLOCKS, len(targets)))
    associate = _class_association if dataset.task is Task.CLASSIFICATION else _rank_association
    return TargetOrder(
        n_samples=len(train),
        association=associate(targets) if len(train) > 2 else float("nan"),
        course=np.array([block.mean() for block in blocks]),
        shuffle=shuffle,
    )


def _class_association(targets: npt.NDArray[np.float64]) -> float:
    n = len(targets)
    counts = np.unique(targets, return_counts=True)[1]
    by_chance = float((counts * (counts - 1)).sum() / (n * (n - 1)))
    sorted_share = (n - len(counts)) / (n - 1)
    if sorted_share <= by_chance:
        return 0.0
    share = float((targets[1:] == targets[:-1]).mean())
    return (share - by_chance) / (sorted_share - by_chance)


def _rank_association(targets: npt.NDArray[np.float64]) -> float:
    values, numbers, counts = np.unique(targets, return_inverse=True, return_counts=True)
    if len(values) < 2:
        return 0.0
    ranks = (np.cumsum(counts) - counts / 2)[numbers]  # equal values share their middle rank
    before, after = ranks[:-1], ranks[1:]
    spread = float(before.std() * after.std())
    return float(((before - before.mean()) * (after - after.mean())).mean()) / spread if spread > 0 else 0.0


def scan_shift(dataset: Dataset, splits: Splits) -> Iterator[Measurement]:
    """How the targets of validation and test compare with those of train; values of the test are not looked at."""
    for name, rows in (("validation", splits.validation), ("test", splits.test)):
        if not len(rows) or not len(splits.train):
            continue
        if dataset.task is Task.CLASSIFICATION:
            groups = dataset.class_names
            counts = tuple(_counts(dataset, part) for part in (splits.train, rows))
        elif name != "test":
            groups, counts = _bands(dataset.targets[splits.train], dataset.targets[rows])
        else:
            continue
        yield TargetShift(
            first="train",
            second=name,
            groups=groups,
            first_counts=counts[0],
            second_counts=counts[1],
            bands=dataset.task is Task.REGRESSION,
            given=dataset.given_splits is not None,
        )


def _bands(
    first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]
) -> tuple[tuple[str, ...], tuple[npt.NDArray[np.int64], ...]]:
    """Names of bands that hold equally many values of ``first``, and the counts of both splits in them."""
    values = first.astype(np.float64)
    borders = np.unique(np.quantile(values, np.arange(1, BANDS) / BANDS))
    edges = [f"{e:.4g}" for e in borders]
    names = (f"below {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges)), f"from {edges[-1]}")
    counts = tuple(
        np.bincount(np.searchsorted(borders, part.astype(np.float64), side="right"), minlength=len(names))
        for part in (values, second)
    )
    return names, counts
