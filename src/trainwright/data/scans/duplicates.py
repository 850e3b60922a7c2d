"""Scans for samples that occur more than once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement
from trainwright.data.dataset import Dataset, IndexArray, Kind, Splits, Task
from trainwright.data.hashing import row_hashes
from trainwright.data.scans.chance import chance_of_equal
from trainwright.measures.duplicates import ConflictingLabels, DuplicateSamples, SplitOverlap

MAX_GROUPS = 10
MAX_ROWS = 10
MAX_OUTVOTED = 1000
"""Row numbers that are kept for a fix; beyond that many, leaving samples out is no fix."""

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class _Part:
    name: str
    rows: IndexArray
    whole: Hashes  # of inputs and target


def scan_duplicates(dataset: Dataset, splits: Splits | None) -> Iterator[Measurement]:
    """Equal samples within the training split and across splits, and equal inputs of different class.

    Samples that are NaN throughout are left out: they are empty rather than equal.
    """
    everything = Splits(np.arange(len(dataset), dtype=np.int64), _no_rows(), _no_rows())
    named = [(name, _not_empty(dataset, part)) for name, part in (splits or everything).items()]
    rows = np.concatenate([part for _, part in named])
    inputs = row_hashes(dataset.inputs[rows])
    whole = _combined(inputs, dataset.targets[rows])
    chance = _Chance(dataset, rows, has_equal=len(np.unique(inputs)) < len(inputs))
    parts, start = [], 0
    for name, part in named:
        parts.append(_Part(name, part, whole[start : start + len(part)]))
        start += len(part)
    yield _within(parts[0], chance.whole)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        if len(parts[i].rows) and len(parts[j].rows):
            yield _across(parts[i], parts[j], chance.whole)
    if dataset.task is Task.CLASSIFICATION:
        yield _conflicts(dataset, rows, inputs, chance.conflict)


def _no_rows() -> IndexArray:
    return np.empty(0, dtype=np.int64)


def _not_empty(dataset: Dataset, rows: IndexArray) -> IndexArray:
    first = dataset.inputs.reshape(len(dataset), -1)[rows, 0]
    suspects = rows[np.isnan(first)]  # only those whose first number is NaN need a full look
    if not len(suspects):
        return rows
    empty = suspects[np.isnan(dataset.inputs[suspects].reshape(len(suspects), -1)).all(axis=1)]
    return rows[~np.isin(rows, empty)]


def _combined(inputs: Hashes, targets: npt.NDArray[np.generic]) -> Hashes:
    return row_hashes(np.stack([inputs, row_hashes(targets)], axis=1))


class _Chance:
    """Chance that two samples are equal throughout, and that they are equal but for the class."""

    def __init__(self, dataset: Dataset, rows: IndexArray, *, has_equal: bool) -> None:
        self.whole = self.conflict = 0.0
        # two pictures or recordings that agree in every number are never two shots of the world
        if has_equal and dataset.kind is Kind.TABLE:
            columns = np.column_stack([dataset.inputs[rows], dataset.targets[rows]]).astype(np.float64)
            self.whole = chance_of_equal(columns)
            self.conflict = chance_of_equal(columns[:, :-1])


def _within(part: _Part, chance: float) -> DuplicateSamples:
    order, starts, sizes = _groups(part.whole)
    repeated = np.flatnonzero(sizes > 1)
    largest = repeated[np.argsort(-sizes[repeated], kind="stable")][:MAX_GROUPS]
    n = len(part.rows)
    return DuplicateSamples(
        split=part.name,
        n_samples=n,
        n_copies=int((sizes[repeated] - 1).sum()),
        n_groups=len(repeated),
        n_pairs=int((sizes * (sizes - 1) // 2).sum()),
        chance_pairs=chance * n * (n - 1) / 2,
        groups=tuple(
            tuple(np.sort(part.rows[order[starts[g] : starts[g] + sizes[g]]])[:MAX_ROWS].tolist()) for g in largest
        ),
    )


def _groups(hashes: Hashes) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Positions ordered so that equal ones stand together, where each group starts and how many it has."""
    order = np.argsort(hashes, kind="stable")
    _, starts, sizes = np.unique(hashes[order], return_index=True, return_counts=True)
    return order, starts.astype(np.int64), sizes.astype(np.int64)


def _across(first: _Part, second: _Part, chance: float) -> SplitOverlap:
    values, at, counts = np.unique(first.whole, return_index=True, return_counts=True)
    found = np.searchsorted(values, second.whole)
    found[found == len(values)] = 0
    shared = np.flatnonzero(values[found] == second.whole)
    shown = shared[:MAX_GROUPS]
    return SplitOverlap(
        first=first.name,
        second=second.name,
        n_second=len(second.rows),
        n_shared=len(shared),
        n_pairs=int(counts[found[shared]].sum()),
        chance_pairs=chance * len(first.rows) * len(second.rows),
        pairs=tuple((int(first.rows[at[found[i]]]), int(second.rows[i])) for i in shown),
    )


def _conflicts(dataset: Dataset, rows: IndexArray, inputs: Hashes, chance: float) -> ConflictingLabels:
    order, starts, sizes = _groups(inputs)
    groups, outvoted, n_rows, n_pairs = [], [], 0, 0
    for g in np.flatnonzero(sizes > 1):
        members = np.sort(rows[order[starts[g] : starts[g] + sizes[g]]])
        labels = dataset.targets[members].astype(np.int64)
        counts = np.bincount(labels)
        if counts.max() == len(members):
            continue
        most = counts.max()
        winner = int(counts.argmax()) if (counts == most).sum() == 1 else -1
        outvoted.append(members[labels != winner])
        n_rows += len(members)
        n_pairs += int((len(members) ** 2 - (counts.astype(np.int64) ** 2).sum()) // 2)
        groups.append((members, labels))
    all_outvoted = np.sort(np.concatenate([*outvoted, _no_rows()]))
    n = len(rows)
    return ConflictingLabels(
        n_samples=n,
        n_groups=len(groups),
        n_rows=n_rows,
        n_pairs=n_pairs,
        chance_pairs=chance * n * (n - 1) / 2,
        n_outvoted=len(all_outvoted),
        groups=tuple(
            (
                tuple(members[:MAX_ROWS].tolist()),
                tuple(dataset.class_names[label] for label in labels[:MAX_ROWS]),
            )
            for members, labels in groups[:MAX_GROUPS]
        ),
        outvoted=tuple(all_outvoted[:MAX_OUTVOTED].tolist()),
    )
