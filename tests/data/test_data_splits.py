"""Splits are disjoint, complete, proportional and repeatable."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwright.core.errors import DataError
from trainwright.data.dataset import Dataset, IndexArray, Kind, Task
from trainwright.data.sources import load
from trainwright.data.splits import make_splits


def dataset(targets: list[int], given_splits: Mapping[str, IndexArray] | None = None) -> Dataset:
    return Dataset(
        name="made up",
        inputs=np.arange(len(targets), dtype=np.float32)[:, None],
        targets=np.array(targets, dtype=np.int64),
        kind=Kind.TABLE,
        task=Task.CLASSIFICATION,
        class_names=tuple(str(i) for i in range(max(targets) + 1)),
        feature_names=("x",),
        given_splits=given_splits,
    )


@settings(deadline=None, max_examples=150)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    validation=st.floats(0.05, 0.45),
    test=st.floats(0, 0.45),
    stratify=st.booleans(),
    seed=st.integers(0, 5),
)
def test_splits_are_disjoint_complete_and_stratified(
    counts: list[int], validation: float, test: float, stratify: bool, seed: int
) -> None:
    targets = [label for label, n in enumerate(counts) for _ in range(n)]
    data = dataset(targets)
    if len(data) < 4:
        return
    splits = make_splits(data, validation=validation, test=test, stratify=stratify, seed=seed)
    together = np.concatenate([rows for _, rows in splits.items()])
    assert sorted(together) == list(range(len(data)))
    assert abs(len(splits.validation) - validation * len(data)) <= 1
    assert abs(len(splits.test) - test * len(data)) <= 1
    if stratify and len(data) > 10 * len(counts):
        for label, n in enumerate(counts):
            of_class = {name: int((data.targets[rows] == label).sum()) for name, rows in splits.items()}
            assert of_class["train"] >= 1
            assert abs(of_class["validation"] - len(splits.validation) * n / len(data)) < 2
            assert abs(of_class["test"] - len(splits.test) * n / len(data)) < 2


def test_every_class_can_be_trained_on_however_rare() -> None:
    splits = make_splits(dataset([0] * 50 + [1] + [2, 2]), validation=0.2, test=0.1, stratify=True, seed=0)
    assert set(np.array([0] * 50 + [1, 2, 2])[splits.train]) == {0, 1, 2}


def test_the_seed_decides() -> None:
    data = load("wine")
    first, again, other = (make_splits(data, validation=0.2, test=0.1, stratify=True, seed=s) for s in (0, 0, 1))
    assert first.train.tolist() == again.train.tolist() != other.train.tolist()


def test_regression_is_stratified_by_value() -> None:
    data = load("diabetes")
    splits = make_splits(data, validation=0.2, test=0.1, stratify=True, seed=3)
    means = [data.targets[rows].mean() for _, rows in splits.items()]
    assert np.ptp(means) < 8  # standard deviation of the target is 77


def test_digits_200_has_its_sizes_and_five_seeds_give_five_splits() -> None:
    data = load("digits-200")
    splits = [make_splits(data, validation=0.2, test=0.1, stratify=True, seed=s) for s in range(5)]
    assert {tuple(len(rows) for _, rows in s.items()) for s in splits} == {(200, 400, 1197)}
    assert len({tuple(s.train) for s in splits}) == 5
    assert all(np.bincount(data.targets[s.train]).min() >= 19 for s in splits)


def test_given_splits_are_kept_and_completed() -> None:
    rows = np.arange(100)
    whole = {"train": rows[:60][::-1], "validation": rows[60:80], "test": rows[80:]}
    splits = make_splits(dataset([0, 1] * 50, whole), validation=0.2, test=0.1, stratify=True, seed=0)
    assert splits.train.tolist() == whole["train"].tolist()
    partial = {"train": rows[:80], "test": rows[80:]}
    splits = make_splits(dataset([0, 1] * 50, partial), validation=0.2, test=0.1, stratify=True, seed=0)
    assert splits.test.tolist() == partial["test"].tolist()
    assert len(splits.validation) == 20
    assert set(splits.validation) <= set(partial["train"])


@pytest.mark.parametrize(
    ("data", "validation", "test", "words"),
    [
        (dataset([0, 1, 0, 1]), 0.6, 0.5, "leave nothing to train on"),
        (dataset([0, 1]), 0.2, 0.1, "has 2 samples to divide"),
        (dataset([0, 1, 0, 1], {"learn": np.arange(4)}), 0.2, 0.1, "brings the splits learn"),
        (dataset([0, 1, 0, 1], {"train": np.arange(0)}), 0.2, 0.1, "brings the splits train"),
    ],
)
def test_impossible_splits_are_refused(data: Dataset, validation: float, test: float, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        make_splits(data, validation=validation, test=test, stratify=True, seed=0)
    assert caught.value.todo
