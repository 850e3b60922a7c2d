"""Scans: what can be measured of data and splits before any training."""

from __future__ import annotations

import numpy as np

from trainwright.core.measurement import Measurements
from trainwright.data.dataset import Dataset, Splits, Task
from trainwright.data.scans.duplicates import scan_duplicates
from trainwright.data.scans.features import scan_ranges, scan_values
from trainwright.data.scans.labels import scan_classes, scan_order, scan_shift
from trainwright.measures.files import SourceFiles

MAX_FILES = 20
"""Names of unreadable files that are kept; all are counted."""


def scan(
    dataset: Dataset,
    splits: Splits | None = None,
    *,
    scaling: str | None = None,
    missing: str | None = None,
    shuffle: bool | None = None,
) -> Measurements:
    """Measure everything the checks of data and splits need.

    Pass the data set and splits **after** ``selection.select`` and the settings that decide how the data will be
    handled (``data.scaling``, ``data.missing``, ``training.shuffle``); with them a check knows whether, say, features
    on different scales will be put right anyway. None: not known.

    Files, cells without a number and duplicates are counted over all splits; everything else is measured on the
    training rows (all rows without ``splits``), and of the test rows only classes are counted, for the comparison of
    splits.
    """
    train = splits.train if splits is not None else np.arange(len(dataset), dtype=np.int64)
    rows = np.concatenate([part for _, part in splits.items()]) if splits is not None else train
    found = Measurements([_scan_files(dataset)])
    if not len(rows):
        return found
    for measurement in (
        scan_values(dataset, rows, missing),
        *scan_duplicates(dataset, splits),
        *(scan_shift(dataset, splits) if splits is not None else ()),
    ):
        found.add(measurement)
    if len(train):
        found.add(scan_ranges(dataset, train, scaling))
        found.add(scan_order(dataset, train, shuffle))
    if len(train) and dataset.task is Task.CLASSIFICATION:
        found.add(scan_classes(dataset, train, "train"))
    return found


def _scan_files(dataset: Dataset) -> SourceFiles:
    return SourceFiles(
        n_read=len(dataset),
        n_unreadable=len(dataset.unreadable),
        unreadable=tuple((f.path, f.reason) for f in dataset.unreadable[:MAX_FILES]),
    )
