"""Leaving out samples and features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trainwright.core.errors import DataError
from trainwright.data.dataset import Splits
from trainwright.data.hashing import row_hashes
from trainwright.data.selection import select
from trainwright.data.sources import load
from trainwright.data.splits import make_splits

WINE = load("wine")
SPLITS = make_splits(WINE, validation=0.2, test=0.1, stratify=True, seed=0)


def test_rows_keep_their_numbers() -> None:
    gone = [int(SPLITS.train[0]), int(SPLITS.test[0])]
    data, splits = select(WINE, SPLITS, drop_samples=gone, drop_features=("ash", "hue"))
    assert len(data) == len(WINE)
    assert data.sample_shape == (11,)
    assert "ash" not in data.feature_names
    assert splits.train.tolist() == SPLITS.train[1:].tolist()
    assert splits.test.tolist() == SPLITS.test[1:].tolist()
    assert splits.validation.tolist() == SPLITS.validation.tolist()


def test_nothing_asked_changes_nothing() -> None:
    data, splits = select(WINE, SPLITS)
    assert data is WINE
    assert splits.train.tolist() == SPLITS.train.tolist()


def test_deduplicate_keeps_the_first_and_prefers_train() -> None:
    inputs, targets = WINE.inputs.copy(), WINE.targets.copy()
    t, v = SPLITS.train, SPLITS.validation
    for copy, source in ((t[5], t[2]), (v[0], t[2]), (v[3], v[1])):
        inputs[copy], targets[copy] = inputs[source], targets[source]
    inputs[v[4]] = inputs[t[0]]
    targets[v[4]] = (targets[t[0]] + 1) % 3  # equal inputs with another class are no copy
    _, splits = select(replace(WINE, inputs=inputs, targets=targets), SPLITS, deduplicate=True)
    assert set(t) - set(splits.train) == {t[5]}
    assert set(v) - set(splits.validation) == {v[0], v[3]}


def test_rows_with_missing_cells_can_be_dropped() -> None:
    inputs = WINE.inputs.copy()
    inputs[SPLITS.train[:3], 4] = np.nan
    _, splits = select(replace(WINE, inputs=inputs), SPLITS, missing="drop")
    assert splits.train.tolist() == SPLITS.train[3:].tolist()


def test_mistakes_are_explained() -> None:
    with pytest.raises(DataError, match="row 999"):
        select(WINE, SPLITS, drop_samples=[999])
    with pytest.raises(DataError, match="Did you mean 'alcohol'"):
        select(WINE, SPLITS, drop_features=["alcool"])
    with pytest.raises(DataError, match="all 13 features"):
        select(WINE, SPLITS, drop_features=WINE.feature_names)
    with pytest.raises(DataError, match="all 18 of the test split"):
        select(WINE, SPLITS, drop_samples=SPLITS.test.tolist())
    digits = load("digits")
    rows = np.arange(len(digits))
    with pytest.raises(DataError, match="kind image"):
        select(digits, Splits(rows[:9], rows[9:12], rows[12:]), drop_features=["grey"])


def test_hashes_know_equal_from_unequal() -> None:
    rows = np.array([[0.0, 1], [-0.0, 1], [np.nan, 1], [np.nan, 1], [1, 0]], dtype=np.float32)
    hashes = row_hashes(rows).tolist()
    assert hashes[0] == hashes[1]
    assert hashes[2] == hashes[3]
    assert len(set(hashes)) == 3
