"""Targets: what the given answers mean, and whether they can be learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError, UsageError, nearest
from trainwright.data.dataset import Task

FEW_VALUES = 20
"""Whole numbers with at most this many different values are taken for classes even where numbers are left out."""


@dataclass(frozen=True)
class Targets:
    """Class numbers (int64) or values (float32), [N], with what was decided on the way."""

    values: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    task: Task
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_targets(raw: npt.NDArray[Any], *, task: str = "auto", class_names: tuple[str, ...] = ()) -> Targets:
    """Decide the task where it is ``auto`` and bring the answers to class numbers or values.

    Texts and booleans are classes; whole numbers are classes when they are few or count 0, 1, 2, … without a gap;
    floats are values, unless they are just two whole numbers. With ``class_names`` whole numbers are positions in it.

    Raises ``DataError`` for missing answers, several answers per sample, one class, one value, and class numbers
    without a name.
    """
    if task not in ("auto", *Task):
        raise UsageError(
            f"data.task is '{task}'.{nearest(task, ['auto', *Task])}",
            expected="One of auto, classification, regression.",
            todo="Correct data.task.",
        )
    answers = _one_column(raw)
    _require_present(answers)
    which = Task(task) if task != "auto" else _guess_task(answers, class_names)
    return _values(answers) if which is Task.REGRESSION else _classes(answers, class_names)


def _one_column(raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if raw.ndim == 2 and raw.shape[1] == 1:
        return raw[:, 0]
    if raw.ndim == 2 and raw.dtype.kind in "biuf" and np.isin(raw, (0, 1)).all() and (raw.sum(axis=1) == 1).all():
        return np.asarray(raw.argmax(axis=1))  # one-hot
    if raw.ndim != 1:
        raise DataError(
            f"The targets have shape {raw.shape}: several numbers per sample.",
            expected="One class or one number per sample, [N] (or one-hot rows).",
            todo="Choose one of the columns as the target.",
        )
    return raw


def _require_present(answers: npt.NDArray[Any]) -> None:
    if answers.dtype.kind == "f":
        absent = ~np.isfinite(answers)
    elif answers.dtype.kind == "O":
        absent = np.array([a is None or (isinstance(a, float) and not np.isfinite(a)) for a in answers], dtype=bool)
    else:
        return
    if absent.any():
        rows = np.flatnonzero(absent)
        shown = ", ".join(str(r) for r in rows[:5]) + (", …" if len(rows) > 5 else "")
        raise DataError(
            f"{len(rows)} of {len(answers)} targets are missing or not finite, first in rows {shown}.",
            expected="An answer for every sample: there is nothing to learn from a sample without one.",
            todo="Fill in those targets or remove those rows.",
        )


def _guess_task(answers: npt.NDArray[Any], class_names: tuple[str, ...]) -> Task:
    if class_names or answers.dtype.kind in "bUSO":
        return Task.CLASSIFICATION
    values, counts = np.unique(answers, return_counts=True)
    whole = bool((values == np.round(values)).all())
    if answers.dtype.kind == "f":
        return Task.CLASSIFICATION if whole and len(values) <= 2 < len(answers) else Task.REGRESSION
    counted_from_zero = values[0] == 0 and values[-1] == len(values) - 1 and counts.min() >= 2
    few = len(values) <= FEW_VALUES and len(values) < len(answers)
    return Task.CLASSIFICATION if counted_from_zero or few else Task.REGRESSION


def _values(answers: npt.NDArray[Any]) -> Targets:
    try:
        values = answers.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The targets are to be numbers (regression), but {error}.",
            expected="A number for every sample.",
            todo="Correct those targets, or set data.task to classification.",
        ) from None
    if not np.isfinite(values).all():
        raise DataError(
            f"{int((~np.isfinite(values)).sum())} targets are too large for 32-bit numbers (3e38).",
            expected="Targets of a size that can be computed with.",
            todo="Choose another unit or take the logarithm of the target.",
        )
    if values.min() == values.max():
        raise DataError(
            f"Every target is {values[0]:g}.",
            expected="Targets that differ, or there is nothing to predict.",
            todo="Check the target column.",
        )
    return Targets(values, Task.REGRESSION)


def _classes(answers: npt.NDArray[Any], class_names: tuple[str, ...]) -> Targets:
    if class_names and answers.dtype.kind in "biuf":
        return _numbered(answers, class_names)
    if answers.dtype.kind == "O":
        answers = np.array([str(a) for a in answers])
    values, numbers = np.unique(answers, return_inverse=True)
    if len(values) < 2:
        raise DataError(
            f"All {len(answers)} samples are of one class: '{values[0]}'.",
            expected="At least two classes.",
            todo="Check the target, or bring samples of another class.",
        )
    names = tuple(_class_name(value) for value in values)
    if class_names:
        unknown = sorted(set(names) - set(class_names))
        if unknown:
            raise DataError(
                f"The class '{unknown[0]}' is not among the class names.{nearest(unknown[0], class_names)}",
                expected=f"Only {', '.join(class_names)}.",
                todo="Correct the targets or the class names.",
            )
        return Targets(np.array([class_names.index(n) for n in names])[numbers], Task.CLASSIFICATION, class_names)
    notes: tuple[str, ...] = ()
    if answers.dtype.kind in "iuf" and (values[0] != 0 or values[-1] != len(values) - 1):
        notes = (f"The class numbers {names[0]} to {names[-1]} were counted anew from 0 to {len(names) - 1}.",)
    return Targets(numbers.astype(np.int64), Task.CLASSIFICATION, names, notes)


def _class_name(value: Any) -> str:
    return f"{value:g}" if isinstance(value, np.floating) else str(value)


def _numbered(answers: npt.NDArray[Any], class_names: tuple[str, ...]) -> Targets:
    numbers = answers.astype(np.int64)
    wrong = np.flatnonzero((numbers != answers) | (numbers < 0) | (numbers >= len(class_names)))
    if len(wrong):
        raise DataError(
            f"{len(wrong)} class numbers do not fit the {len(class_names)} class names, first {answers[wrong[0]]} "
            f"in row {wrong[0]}.",
            expected=f"Whole numbers from 0 to {len(class_names) - 1}.",
            todo="Correct the targets or the class names.",
        )
    if len(np.unique(numbers)) < 2:
        raise DataError(
            f"All {len(numbers)} samples are of one class: '{class_names[numbers[0]]}'.",
            expected="At least two classes.",
            todo="Check the target, or bring samples of another class.",
        )
    return Targets(numbers, Task.CLASSIFICATION, class_names)
