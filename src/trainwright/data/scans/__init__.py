"""Scans: what can be measured of data and splits before any training."""

from __future__ import annotations

from trainwright.core.measurement import Measurements
from trainwright.data.dataset import Dataset, Splits


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
    """
    return Measurements()
