"""Scans count right, keep to the training rows where they should, and are fast."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from trainwright.core.measurement import Measurements
from trainwright.data.dataset import Dataset, Splits
from trainwright.data.scans import scan
from trainwright.data.scans.chance import chance_of_equal
from trainwright.data.selection import select
from trainwright.data.sources import from_arrays, load
from trainwright.data.splits import make_splits
from trainwright.measures.duplicates import ConflictingLabels, DuplicateSamples, SplitOverlap
from trainwright.measures.features import FeatureRanges, NonFiniteCells
from trainwright.measures.labels import ClassCounts
from trainwright.measures.order import TargetOrder
from trainwright.measures.splits import TargetShift


def split(data: Dataset) -> Splits:
    return make_splits(data, validation=0.2, test=0.1, stratify=True, seed=0)


def test_bad_cells_are_counted_by_row_and_feature() -> None:
    wine = load("wine")
    inputs = wine.inputs.copy()
    inputs[[3, 50], 2] = np.nan
    inputs[7, :2] = np.inf
    inputs[100] = np.nan
    (found,) = scan(replace(wine, inputs=inputs), split(wine)).of(NonFiniteCells)
    assert (found.n_nan, found.n_inf, found.n_nan_rows, found.n_inf_rows, found.n_empty_rows) == (15, 2, 3, 1, 1)
    assert found.nan_rows == (3, 50, 100)
    assert found.inf_rows == (7,)
    assert found.empty_rows == (100,)
    assert found.nan_features[0] == ("ash", 3)


@pytest.mark.parametrize("name", ["digits", "wine", "diabetes"])
def test_nothing_but_counts_is_read_from_the_test_split(name: str) -> None:
    data = load(name)
    splits = split(data)
    spoiled_inputs, spoiled_targets = data.inputs.copy(), data.targets.copy()
    spoiled_inputs[splits.test] *= 1000
    if data.n_outputs == 1:
        spoiled_targets[splits.test] += 500
    spoiled = scan(replace(data, inputs=spoiled_inputs, targets=spoiled_targets), splits)
    untouched = scan(data, splits)
    for kind in (FeatureRanges, TargetOrder, ClassCounts, TargetShift):
        assert str(spoiled.of(kind)) == str(untouched.of(kind))


def test_copies_are_found_within_and_across_splits() -> None:
    data = load("diabetes")
    splits = split(data)
    t, v, e = splits.train, splits.validation, splits.test
    inputs, targets = data.inputs.copy(), data.targets.copy()
    for copy, source in ((t[1], t[0]), (t[2], t[0]), (v[0], t[0]), (e[0], t[5]), (e[1], v[7])):
        inputs[copy], targets[copy] = inputs[source], targets[source]
    data = replace(data, inputs=inputs, targets=targets)
    (within,) = scan(data, splits).of(DuplicateSamples)
    assert (within.n_copies, within.n_groups, within.n_pairs) == (2, 1, 3)
    assert set(within.groups[0]) == {t[0], t[1], t[2]}
    across = {(m.first, m.second): m for m in scan(data, splits).of(SplitOverlap)}
    assert [m.n_shared for m in across.values()] == [1, 1, 1]
    assert across["train", "validation"].n_pairs == 3
    assert across["validation", "test"].pairs == ((int(v[7]), int(e[1])),)
    clean = scan(*select(data, splits, deduplicate=True))
    assert all(m.n_shared == 0 for m in clean.of(SplitOverlap))
    assert clean.of(DuplicateSamples)[0].n_copies == 0


def test_conflicts_name_the_outvoted() -> None:
    x = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    y = np.arange(40) % 2
    x[[10, 12, 13]] = x[8]  # 8, 10, 12 are of class 0 and 13 of class 1
    x[21] = x[20]  # one of each
    (found,) = scan(from_arrays(x, y, name="x")).of(ConflictingLabels)
    assert (found.n_groups, found.n_rows, found.n_pairs) == (2, 6, 4)
    assert found.outvoted == (13, 20, 21)


def test_chance_explains_natural_duplicates_but_not_copied_measurements() -> None:
    rng = np.random.default_rng(0)
    survey = rng.integers(3, size=(500, 4)).astype(np.float64)
    pairs = 500 * 499 / 2
    assert chance_of_equal(survey) == pytest.approx(3.0**-4, rel=0.2)
    measurements = rng.normal(size=(500, 4))
    measurements[:50] = measurements[50:100]
    assert chance_of_equal(measurements) * pairs < 1e-6
    assert chance_of_equal(survey[:1]) == 0
    assert chance_of_equal(np.full((20, 3), np.nan)) == 0


def test_order_is_told_from_chance() -> None:
    wine, diabetes = load("wine"), load("diabetes")
    (order,) = scan(wine).of(TargetOrder)
    assert order.association == 1  # the wines come sorted
    by_value = np.argsort(diabetes.targets, kind="stable")
    data = from_arrays(diabetes.inputs[by_value], diabetes.targets[by_value], name="sorted")
    assert scan(data).of(TargetOrder)[0].association > 0.99
    assert abs(scan(diabetes).of(TargetOrder)[0].association) < 0.2


def test_tiny_and_strange_data_do_not_stop_a_scan() -> None:
    for n in (2, 3, 5):
        x, y = np.full((n, 2), np.nan, dtype=np.float32), np.arange(n) % 2
        found = scan(from_arrays(x, y, name="x"))
        assert isinstance(found, Measurements)
        assert np.isnan(found.of(FeatureRanges)[0].low).all()
    tokens = from_arrays(np.ones((6, 4)), np.arange(6) % 2, name="tokens", kind="sequence")
    assert len(scan(tokens)) >= 6
    none = np.arange(0)
    assert len(scan(load("wine"), Splits(none, none, none))) == 1


def test_large_data_are_scanned_in_seconds() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, size=(20_000, 784)).astype(np.float32)
    data = from_arrays(x, rng.integers(10, size=20_000), name="large")
    start = time.perf_counter()
    scan(data, split(data))
    assert time.perf_counter() - start < 10
