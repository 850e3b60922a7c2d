"""Scans of the values of features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainwright.data.dataset import Dataset, FloatArray, IndexArray, Kind
from trainwright.measures.features import FeatureRanges, NonFiniteCells

MAX_ROWS = 1000
"""Row numbers that are kept for a fix; beyond that many, leaving samples out is no fix."""
MAX_FEATURES = 5
CHUNK = 4096
"""Samples looked at together, so that the masks of large data sets stay small."""


def _chunks(dataset: Dataset, rows: IndexArray) -> Iterator[tuple[IndexArray, FloatArray]]:
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        yield part, dataset.inputs[part]


def _by_feature(dataset: Dataset, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """[n, ...] samples as [features, n, ...]: channels of images, columns of tables and sequences."""
    if dataset.kind is Kind.SEQUENCE and values.ndim == 2:
        return values[None]
    return np.moveaxis(values, 1 if dataset.kind is Kind.IMAGE else -1, 0)


def _feature_names(dataset: Dataset) -> tuple[str, ...]:
    width = len(_by_feature(dataset, dataset.inputs[:1]))
    return dataset.feature_names if len(dataset.feature_names) == width else tuple(f"feature {i}" for i in range(width))


def scan_values(dataset: Dataset, rows: IndexArray, missing: str | None) -> NonFiniteCells:
    """Count NaN and Inf in ``rows``."""
    names = _feature_names(dataset)
    nan_cells, inf_cells = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
    nan_rows, inf_rows, empty_rows = [], [], []
    for part, values in _chunks(dataset, rows):
        if np.isfinite(values).all():
            continue
        nan, inf = np.isnan(values), np.isinf(values)
        nan_cells += _by_feature(dataset, nan).reshape(len(names), -1).sum(axis=1)
        inf_cells += _by_feature(dataset, inf).reshape(len(names), -1).sum(axis=1)
        nan_rows.append(part[nan.reshape(len(part), -1).any(axis=1)])
        inf_rows.append(part[inf.reshape(len(part), -1).any(axis=1)])
        empty_rows.append(part[nan.reshape(len(part), -1).all(axis=1)])
    of_nan, of_inf, of_empty = (_sorted(r) for r in (nan_rows, inf_rows, empty_rows))
    return NonFiniteCells(
        kind=dataset.kind.value,
        n_samples=len(rows),
        n_nan=int(nan_cells.sum()),
        n_inf=int(inf_cells.sum()),
        n_nan_rows=len(of_nan),
        n_inf_rows=len(of_inf),
        n_empty_rows=len(of_empty),
        nan_rows=tuple(of_nan[:MAX_ROWS].tolist()),
        inf_rows=tuple(of_inf[:MAX_ROWS].tolist()),
        empty_rows=tuple(of_empty[:MAX_ROWS].tolist()),
        nan_features=_worst(names, nan_cells),
        inf_features=_worst(names, inf_cells),
        missing=missing,
    )


def _sorted(parts: list[IndexArray]) -> IndexArray:
    return np.sort(np.concatenate([*parts, np.empty(0, dtype=np.int64)]))


def _worst(names: tuple[str, ...], cells: npt.NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
    order = np.argsort(-cells, kind="stable")[:MAX_FEATURES]
    return tuple((names[i], int(cells[i])) for i in order if cells[i])


def scan_ranges(dataset: Dataset, train: IndexArray, scaling: str | None) -> FeatureRanges:
    """Lowest, highest and standard deviation of each feature over the training rows."""
    names = _feature_names(dataset)
    low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    count, total, squares = (np.zeros(len(names)) for _ in range(3))
    shift: npt.NDArray[np.float64] | None = None
    for _, raw in _chunks(dataset, train):
        columns = _by_feature(dataset, raw).reshape(len(names), -1).astype(np.float64)
        known = np.isfinite(columns)
        n = known.sum(axis=1)
        low = np.minimum(low, np.where(known, columns, np.inf).min(axis=1))
        high = np.maximum(high, np.where(known, columns, -np.inf).max(axis=1))
        if shift is None:  # squares are summed about a value near the mean, or a large mean would drown the spread
            shift = np.where(known, columns, 0).sum(axis=1) / np.maximum(n, 1)
        centred = np.where(known, columns - shift[:, None], 0)
        count += n
        total += centred.sum(axis=1)
        squares += (centred**2).sum(axis=1)
    seen = count > 0
    mean = total / np.maximum(count, 1)
    std = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0))
    return FeatureRanges(
        kind=dataset.kind.value,
        n_samples=len(train),
        names=names,
        low=np.where(seen, low, np.nan),
        high=np.where(seen, high, np.nan),
        std=np.where(seen, std, np.nan),
        categorical=np.array([name in dataset.categories for name in names], dtype=np.bool_),
        scaling=scaling,
    )
