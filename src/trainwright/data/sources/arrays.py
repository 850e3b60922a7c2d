"""Data sets from arrays or tensors that the user already has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError
from trainwright.data.dataset import Dataset, FloatArray, IndexArray, Kind
from trainwright.data.sources.targets import read_targets

GREY_SIDE = 8
"""Square [N, S, S] arrays from this side on are taken for grey images rather than sequences."""


def from_arrays(
    inputs: Any,
    targets: Any,
    *,
    name: str,
    task: str = "auto",
    kind: str = "auto",
    class_names: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    given_splits: Mapping[str, Any] | None = None,
) -> Dataset:
    """A data set of NumPy arrays or torch tensors.

    ``inputs``: [N], [N, F] table, [N, T, F] sequence, [N, C, H, W] or [N, H, W, C] image, square [N, H, W] grey image;
    a 2-D int64 tensor of torch is taken for tokens. ``kind`` (image, table, sequence) overrules that guess.
    ``targets``: [N] or [N, 1] class numbers, names or values. ``given_splits``: split name → row numbers.

    Raises ``DataError`` for lengths that differ, arrays of Python objects, complex numbers, missing or unusable labels,
    a single class, names that do not fit and splits that overlap or point outside.
    """
    tokens = kind == "auto" and str(getattr(inputs, "dtype", "")) == "torch.int64" and getattr(inputs, "ndim", 0) == 2
    raw = _as_array(inputs, "inputs")
    _require_numbers(raw)
    answers = _as_array(targets, "targets")
    if raw.ndim == 0 or len(raw) == 0:
        raise DataError(
            f"The inputs of '{name}' have shape {raw.shape}: there is no sample.",
            expected="One row per sample.",
            todo="Check how the arrays are loaded.",
        )
    if answers.ndim == 0 or len(answers) != len(raw):
        raise DataError(
            f"'{name}' has {len(raw)} inputs (shape {raw.shape}) but targets of shape {answers.shape}.",
            expected="As many targets as inputs, in the same order.",
            todo="Check where rows were added or lost in only one of them.",
        )
    shaped, which, notes = _shape_samples(raw, "sequence" if tokens else kind, name)
    read = read_targets(answers, task=task, class_names=tuple(class_names))
    return Dataset(
        name=name,
        inputs=shaped,
        targets=read.values,
        kind=which,
        task=read.task,
        class_names=read.class_names,
        feature_names=_names(shaped, which, tuple(feature_names)),
        given_splits=_read_splits(given_splits, len(raw), name),
        notes=(*notes, *read.notes),
    )


def _as_array(values: Any, what: str) -> npt.NDArray[Any]:
    if hasattr(values, "detach"):  # a torch tensor, without importing torch here
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
        return np.asarray(values.numpy())
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"The {what} are rows of unequal length ({error}).",
            expected="One array in which every sample has the same shape.",
            todo="Pad or cut the samples to one length.",
        ) from None


def _require_numbers(raw: npt.NDArray[Any]) -> None:
    if raw.dtype.kind in "biuf":
        return
    example = raw.reshape(-1)[0] if raw.size else None
    raise DataError(
        f"The inputs have dtype {raw.dtype}, for example {example!r} of type {type(example).__name__}.",
        expected="Real numbers: integers, floats or booleans.",
        todo="Turn texts and categories into numbers first, or load the data from a CSV file, which does it for you.",
    )


def _shape_samples(raw: npt.NDArray[Any], kind: str, name: str) -> tuple[FloatArray, Kind, tuple[str, ...]]:
    notes: list[str] = []
    if raw.ndim == 1:
        raw = raw[:, None]
    which = Kind(kind) if kind != "auto" else _guess_kind(raw, name)
    if which is Kind.IMAGE and raw.ndim == 3:
        raw = raw[:, None]
        notes.append(f"Samples of shape {raw.shape[2:]} are taken for grey images.")
    elif which is Kind.IMAGE and raw.shape[-1] in (1, 3, 4) and raw.shape[1] not in (1, 3, 4):
        raw = np.moveaxis(raw, -1, 1)
        notes.append("The colour channels stood last and were moved to the front: [N, C, H, W].")
    fits = {Kind.IMAGE: (4,), Kind.TABLE: (2,), Kind.SEQUENCE: (2, 3)}[which]
    if raw.ndim not in fits or 0 in raw.shape:
        raise DataError(
            f"The inputs of '{name}' have shape {raw.shape}, which is no array of {which} samples.",
            expected="[N, F] for tables, [N, T, F] or [N, T] for sequences, [N, C, H, W] for images; none empty.",
            todo="Reshape the inputs, or say kind='image', 'table' or 'sequence'.",
        )
    with np.errstate(over="ignore"):  # a number beyond float32 becomes Inf, which the audit reports with its row
        return np.ascontiguousarray(raw, dtype=np.float32), which, tuple(notes)


def _guess_kind(raw: npt.NDArray[Any], name: str) -> Kind:
    if raw.ndim == 3:
        return Kind.IMAGE if raw.shape[1] == raw.shape[2] >= GREY_SIDE else Kind.SEQUENCE
    guess = {2: Kind.TABLE, 4: Kind.IMAGE}.get(raw.ndim)
    if guess is None:
        raise DataError(
            f"The inputs of '{name}' have {raw.ndim} dimensions (shape {raw.shape}).",
            expected="[N, F] for tables, [N, T, F] for sequences, [N, C, H, W] for images.",
            todo="Reshape the inputs.",
        )
    return guess


def _names(inputs: FloatArray, kind: Kind, names: tuple[str, ...]) -> tuple[str, ...]:
    width = inputs.shape[1] if kind is Kind.IMAGE else inputs.shape[-1]
    if kind is Kind.SEQUENCE and inputs.ndim == 2:
        width = 0
    if names and (len(names) != width or len(set(names)) != width):
        raise DataError(
            f"{len(names)} feature names ({len(set(names))} different) were given for {width} features.",
            expected="One name per feature, each different.",
            todo="Correct feature_names.",
        )
    stem = "channel" if kind is Kind.IMAGE else "feature"
    return names or tuple(f"{stem} {i}" for i in range(width))


def _read_splits(given: Mapping[str, Any] | None, n: int, name: str) -> dict[str, IndexArray] | None:
    if given is None:
        return None
    splits = {key: np.asarray(rows, dtype=np.int64).reshape(-1) for key, rows in given.items()}
    together = np.concatenate([*splits.values(), np.empty(0, dtype=np.int64)])
    outside = together[(together < 0) | (together >= n)]
    repeated = len(together) - len(np.unique(together))
    if len(outside) or repeated:
        problem = f"point at row {outside[0]} of {n}" if len(outside) else f"name {repeated} rows twice"
        raise DataError(
            f"The given splits of '{name}' {problem}.",
            expected=f"Row numbers from 0 to {n - 1}, each in at most one split.",
            todo="Correct the splits.",
        )
    return splits
