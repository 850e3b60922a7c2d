"""How often two rows of a table are equal by chance alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MAX_COLUMNS = 100
"""A table of more columns is left alone: its rows practically never agree by chance."""

Hashes = npt.NDArray[np.uint64]


def chance_of_equal(columns: npt.NDArray[np.float64]) -> float:
    """Estimated chance that two different rows of a table [N, F] agree in every column, copying apart.

    The table itself tells, by its near misses: pairs of rows that agree in all columns but one. If P pairs agree but
    for column j, and two values of column j agree with chance c, then about P c / (1 - c) pairs agree altogether
    without anyone having copied a row. The column that explains most is believed. A table of measurements has no near
    misses, so its duplicates are copies; a survey of yes and no has thousands.
    """
    n, width = columns.shape
    if n < 2 or width > MAX_COLUMNS:
        return 0.0
    cells = np.stack([_codes(columns[:, j], j) for j in range(width)])
    whole = cells.sum(axis=0, dtype=np.uint64)  # wraps around, which is as good a hash
    equal = _pairs(whole)
    explained, every = 0.0, n * (n - 1) / 2
    for cell in cells:
        near_misses = _pairs(whole - cell) - equal
        agree = _pairs(cell) / every
        if agree < 1:
            explained = max(explained, near_misses * agree / (1 - agree))
    return float(explained / every)


def _codes(column: npt.NDArray[np.float64], position: int) -> Hashes:
    """A scrambled 64-bit number per value, different in each column (the finaliser of SplitMix64)."""
    bits = np.where(np.isnan(column), np.nan, column + 0.0).view(np.uint64)
    mixed = bits + np.uint64((position + 1) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _pairs(hashes: Hashes) -> int:
    """Pairs of equal numbers."""
    sizes = np.unique(hashes, return_counts=True)[1].astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())
