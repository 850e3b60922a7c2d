"""Preparation learns from training rows only and can be undone and stored."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainwright.core.errors import DataError, UsageError
from trainwright.data.dataset import Dataset, Kind, Task
from trainwright.data.preparation import Preparation
from trainwright.data.sources import load


def mixed() -> Dataset:
    inputs = np.array(
        [[1, 0, 5, np.nan], [3, 1, 5, 2], [np.nan, 2, 5, 4], [5, np.nan, 5, 6], [90, 0, 70, np.nan]], dtype=np.float32
    )
    return Dataset(
        name="mixed",
        inputs=inputs,
        targets=np.array([10, 20, 30, 40, 900], dtype=np.float32),
        kind=Kind.TABLE,
        task=Task.REGRESSION,
        feature_names=("size", "colour", "constant", "gap"),
        categories={"colour": ("red", "green", "blue")},
    )


TRAIN = np.arange(4)


def test_a_mixed_table_becomes_scaled_numbers_indicators_and_one_hot_columns() -> None:
    prepared = Preparation.fit(mixed(), TRAIN)
    assert prepared.feature_names == (
        "size", "constant", "gap", "size missing", "gap missing", "colour=red", "colour=green", "colour=blue",
    )  # fmt: skip
    x = prepared.inputs(mixed().inputs)
    assert x.dtype == np.float32
    assert x.shape == (5, 8)
    assert prepared.sample_shape == (8,)
    assert np.isfinite(x).all()
    assert x[:4, 1].tolist() == [0, 0, 0, 0]  # constant
    assert x[:, 3].tolist() == [0, 0, 1, 0, 0]
    assert x[0, 5:].tolist() == [1, 0, 0]
    assert x[3, 5:].tolist() == [0, 0, 0]  # colour unknown
    assert x[2, 0] == pytest.approx(0)  # the median 3 of 1, 3, 5 is their mean, too


@pytest.mark.parametrize("name", ["digits", "wine", "diabetes"])
@pytest.mark.parametrize("scaling", ["auto", "standardise", "range", "none"])
def test_statistics_come_from_train_rows_only(name: str, scaling: str) -> None:
    data = load(name)
    train = np.arange(0, len(data), 2)
    spoiled_inputs, spoiled_targets = data.inputs.copy(), data.targets.copy()
    spoiled_inputs[1::2] = 1e6
    spoiled_targets[1::2] = 2
    spoiled = replace(data, inputs=spoiled_inputs, targets=spoiled_targets)
    assert Preparation.fit(data, train, scaling=scaling) == Preparation.fit(spoiled, train, scaling=scaling)


def test_scalings_do_what_they_say() -> None:
    data, rows = load("wine"), np.arange(100)
    standard = Preparation.fit(data, rows).inputs(data.inputs[rows])
    assert standard.mean(axis=0) == pytest.approx(np.zeros(13), abs=1e-5)
    assert standard.std(axis=0) == pytest.approx(np.ones(13), abs=1e-4)
    ranged = Preparation.fit(data, rows, scaling="range").inputs(data.inputs[rows])
    assert (ranged.min(), ranged.max()) == (0, 1)
    assert (Preparation.fit(data, rows, scaling="none").inputs(data.inputs) == data.inputs).all()


def test_images_are_scaled_per_channel_and_tokens_left_alone() -> None:
    digits = load("digits")
    assert len(Preparation.fit(digits, np.arange(100)).center) == 1
    tokens = replace(digits, inputs=np.arange(20, dtype=np.float32).reshape(4, 5), kind=Kind.SEQUENCE, feature_names=())
    assert (Preparation.fit(tokens, np.arange(4)).inputs(tokens.inputs) == tokens.inputs).all()


def test_missing_cells_stay_where_asked() -> None:
    kept = Preparation.fit(mixed(), TRAIN, missing="keep")
    assert np.isnan(kept.inputs(mixed().inputs)[2, 0])
    assert not any("missing" in name for name in kept.feature_names)


@settings(deadline=None, max_examples=60)
@given(arrays(np.float32, st.integers(2, 30), elements=st.floats(-1e6, 1e6, width=32)))
def test_targets_come_back_in_their_units(values: np.ndarray) -> None:
    data = replace(mixed(), inputs=np.zeros((len(values), 4), dtype=np.float32), targets=values)
    prepared = Preparation.fit(data, np.arange(len(values)))
    assert prepared.unscale(prepared.targets(values)) == pytest.approx(
        values, rel=1e-4, abs=float(1e-6 * np.ptp(values) + 1e-4)
    )
    unscaled = Preparation.fit(data, np.arange(len(values)), scale_target=False)
    assert (unscaled.targets(values) == values).all()


def test_survives_json() -> None:
    prepared = Preparation.fit(mixed(), TRAIN)
    again = Preparation.from_dict(json.loads(json.dumps(prepared.to_dict())))
    assert again == prepared
    assert (again.inputs(mixed().inputs) == prepared.inputs(mixed().inputs)).all()


def test_wrong_use_is_explained() -> None:
    with pytest.raises(UsageError, match="Did you mean 'standardise'"):
        Preparation.fit(mixed(), TRAIN, scaling="standardize")
    with pytest.raises(DataError, match="no training rows"):
        Preparation.fit(mixed(), np.arange(0))
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        Preparation.fit(mixed(), TRAIN).inputs(np.zeros((2, 3)))


def test_columns_without_a_value_and_infinite_cells_spoil_nothing_else() -> None:
    data = mixed()
    inputs = data.inputs.copy()
    inputs[:, 3] = np.nan
    inputs[0, 0] = np.inf
    x = Preparation.fit(replace(data, inputs=inputs), TRAIN).inputs(inputs)
    assert np.isinf(x).sum() == 1
    assert np.isfinite(x[1:]).all()
