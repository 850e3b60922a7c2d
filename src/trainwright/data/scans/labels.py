"""Scans of the targets: how many of each class, in which order, and how the splits compare."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement
from trainwright.data.dataset import Dataset, IndexArray, Splits, Task
from trainwright.measures.labels import ClassCounts
from trainwright.measures.order import TargetOrder
from trainwright.measures.splits import ClassShift, TargetShift

MAX_BLOCKS = 100


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
    """How the targets of validation and test compare with those of train; test values are not looked at."""
    given = dataset.given_splits is not None
    for second, rows in (("validation", splits.validation), ("test", splits.test)):
        if not len(rows) or not len(splits.train):
            continue
        if dataset.task is Task.CLASSIFICATION:
            yield ClassShift(
                first="train",
                second=second,
                class_names=dataset.class_names,
                first_counts=_counts(dataset, splits.train),
                second_counts=_counts(dataset, rows),
                given=given,
            )
        elif second != "test":
            yield _target_shift(dataset.targets[splits.train], dataset.targets[rows], second, given=given)


def _target_shift(
    first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], name: str, *, given: bool
) -> TargetShift:
    a, b = np.sort(first.astype(np.float64)), np.sort(second.astype(np.float64))
    everywhere = np.concatenate([a, b])
    below_a = np.searchsorted(a, everywhere, side="right") / len(a)
    below_b = np.searchsorted(b, everywhere, side="right") / len(b)
    return TargetShift(
        first="train",
        second=name,
        n_first=len(a),
        n_second=len(b),
        distance=float(np.abs(below_a - below_b).max()),
        first_mean=float(a.mean()),
        second_mean=float(b.mean()),
        given=given,
    )
