"""Data sets from arrays: what is taken for what, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from trainwright.core.errors import DataError, UsageError
from trainwright.data.dataset import Kind, Task
from trainwright.data.sources import from_arrays

Y = np.array([0, 1, 2] * 4)


@pytest.mark.parametrize(
    ("inputs", "kind", "shape"),
    [
        (np.zeros((12, 5)), Kind.TABLE, (5,)),
        (np.zeros(12), Kind.TABLE, (1,)),
        (np.zeros((12, 7, 3)), Kind.SEQUENCE, (7, 3)),
        (np.zeros((12, 8, 8)), Kind.IMAGE, (1, 8, 8)),
        (np.zeros((12, 3, 9, 9), dtype=np.uint8), Kind.IMAGE, (3, 9, 9)),
        (np.zeros((12, 9, 9, 3), dtype=np.uint8), Kind.IMAGE, (3, 9, 9)),
        (torch.zeros(12, 4, dtype=torch.float64, requires_grad=True), Kind.TABLE, (4,)),
        (torch.zeros(12, 4, dtype=torch.bfloat16), Kind.TABLE, (4,)),
        (torch.zeros(12, 4, dtype=torch.int64), Kind.SEQUENCE, (4,)),
    ],
)
def test_kinds(inputs: Any, kind: Kind, shape: tuple[int, ...]) -> None:
    data = from_arrays(inputs, Y, name="x")
    assert (data.kind, data.sample_shape) == (kind, shape)
    assert data.inputs.dtype == np.float32


@pytest.mark.parametrize(
    ("targets", "task", "classes"),
    [
        (Y, Task.CLASSIFICATION, ("0", "1", "2")),
        (torch.tensor(Y), Task.CLASSIFICATION, ("0", "1", "2")),
        (Y[:, None], Task.CLASSIFICATION, ("0", "1", "2")),
        (np.eye(3)[Y], Task.CLASSIFICATION, ("0", "1", "2")),
        (Y + 1, Task.CLASSIFICATION, ("1", "2", "3")),
        (np.array(["cat", "dog", "cow"])[Y], Task.CLASSIFICATION, ("cat", "cow", "dog")),
        (Y > 1, Task.CLASSIFICATION, ("False", "True")),
        ((Y > 1).astype(float), Task.CLASSIFICATION, ("0", "1")),
        (Y * 0.5, Task.REGRESSION, ()),
        (np.arange(12) ** 2 + 100, Task.REGRESSION, ()),
    ],
)
def test_tasks(targets: Any, task: Task, classes: tuple[str, ...]) -> None:
    data = from_arrays(np.zeros((12, 2)), targets, name="x")
    assert (data.task, data.class_names) == (task, classes)
    assert data.targets.dtype == (np.int64 if classes else np.float32)


def test_class_names_may_name_an_absent_class() -> None:
    data = from_arrays(np.zeros((12, 2)), Y, name="x", class_names=("a", "b", "c", "d"))
    assert data.n_outputs == 4


@pytest.mark.parametrize(
    ("inputs", "targets", "options", "words"),
    [
        (np.zeros((11, 2)), Y, {}, "11 inputs .* but targets of shape"),
        (np.zeros((0, 2)), Y[:0], {}, "there is no sample"),
        (np.array([["a", "b"]] * 12), Y, {}, "dtype <U1"),
        (np.array([[1, "b"]] * 12, dtype=object), Y, {}, "example 1 of type int"),
        (np.zeros((12, 2), dtype=complex), Y, {}, "dtype complex128"),
        ([[1, 2], [3]] * 6, Y, {}, "unequal length"),
        (np.zeros((12, 2)), np.where(Y == 1, np.nan, Y), {}, "4 of 12 targets are missing .* rows 1, 4, 7, 10"),
        (np.zeros((12, 2)), np.array([None, "a", "b"] * 4, dtype=object), {}, "4 of 12 targets are missing"),
        (np.zeros((12, 2)), Y * 0, {}, "All 12 samples are of one class: '0'"),
        (np.zeros((12, 2)), Y * 0.0 + 3.5, {}, "Every target is 3.5"),
        (np.zeros((12, 2)), np.zeros((12, 2)) + 0.3, {}, "several numbers per sample"),
        (np.zeros((12, 2)), Y, {"class_names": ("a", "b")}, "4 class numbers do not fit the 2 class names, first 2"),
        (np.zeros((12, 2)), Y, {"feature_names": ("a",)}, "1 feature names"),
        (np.zeros((12, 2)), Y, {"given_splits": {"train": [0, 1], "test": [1, 2]}}, "name 1 rows twice"),
        (np.zeros((12, 2)), Y, {"given_splits": {"train": [0, 99]}}, "point at row 99 of 12"),
        (np.zeros((12, 2, 2, 2, 2)), Y, {}, "5 dimensions"),
        (np.zeros((12, 2)), np.array(["x"] * 12), {"task": "regression"}, "could not convert"),
    ],
)
def test_bad_arrays_are_explained(inputs: Any, targets: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        from_arrays(inputs, targets, name="x", **options)
    assert caught.value.expected
    assert caught.value.todo


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'regression'"):
        from_arrays(np.zeros((12, 2)), Y, name="x", task="regresion")


def test_the_callers_arrays_are_not_changed_and_the_fingerprint_tells_data_apart() -> None:
    x, y = load_digits(return_X_y=True)
    before = x.copy()
    first, again = from_arrays(x, y, name="a"), from_arrays(x, y, name="b")
    other = from_arrays(x, (y + 1) % 10, name="a")
    assert (x == before).all()
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()
