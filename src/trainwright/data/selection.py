"""Selection: leaving out samples and features, as the configuration of the data asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError, nearest
from trainwright.data.dataset import Dataset, IndexArray, Kind, Splits
from trainwright.data.hashing import row_hashes


def select(
    dataset: Dataset,
    splits: Splits,
    *,
    drop_samples: Iterable[int] = (),
    drop_features: Iterable[str] = (),
    deduplicate: bool = False,
    missing: str = "impute",
) -> tuple[Dataset, Splits]:
    """The data set without some features and the splits without some rows.

    Row numbers never change: samples are left out of the splits, not of the arrays, so findings, fixes and pictures
    keep pointing at the same sample. ``deduplicate`` keeps the first of each group of samples with equal inputs and
    target, in the order train, validation, test. ``missing="drop"`` leaves out rows with a NaN cell.

    Raises ``DataError`` for a row or feature that does not exist and when a split would lose all its samples.
    """
    leave_out = _rows_to_leave_out(dataset, drop_samples)
    smaller = _without_features(dataset, tuple(drop_features))
    if missing == "drop":
        leave_out |= np.isnan(smaller.inputs.reshape(len(smaller), -1)).any(axis=1)
    kept = Splits(*(rows[~leave_out[rows]] for _, rows in splits.items()))
    if deduplicate:
        kept = _without_copies(smaller, kept)
    _require_samples_left(splits, kept)
    return smaller, kept


def _rows_to_leave_out(dataset: Dataset, drop_samples: Iterable[int]) -> npt.NDArray[np.bool_]:
    rows = np.fromiter(drop_samples, dtype=np.int64)
    wrong = rows[(rows < 0) | (rows >= len(dataset))]
    if len(wrong):
        raise DataError(
            f"data.drop_samples names row {wrong[0]}, but '{dataset.name}' has {len(dataset)} samples.",
            expected=f"Row numbers from 0 to {len(dataset) - 1}.",
            todo="Correct data.drop_samples.",
        )
    mask = np.zeros(len(dataset), dtype=np.bool_)
    mask[rows] = True
    return mask


def _without_features(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    if not names:
        return dataset
    if dataset.kind is not Kind.TABLE:
        raise DataError(
            f"data.drop_features names '{names[0]}', but the samples of '{dataset.name}' are of kind {dataset.kind}.",
            expected="Only tables have features that can be left out.",
            todo="Empty data.drop_features.",
        )
    for name in names:
        if name not in dataset.feature_names:
            raise DataError(
                f"data.drop_features names '{name}', which '{dataset.name}' does not have."
                f"{nearest(name, dataset.feature_names)}",
                expected=f"Some of its {len(dataset.feature_names)} features.",
                todo="Correct data.drop_features.",
            )
    keep = [i for i, name in enumerate(dataset.feature_names) if name not in names]
    if not keep:
        raise DataError(
            f"data.drop_features names all {len(dataset.feature_names)} features of '{dataset.name}'.",
            expected="At least one feature is left to learn from.",
            todo="Shorten data.drop_features.",
        )
    return replace(
        dataset,
        inputs=np.ascontiguousarray(dataset.inputs[:, keep]),
        feature_names=tuple(dataset.feature_names[i] for i in keep),
        categories={k: v for k, v in dataset.categories.items() if k not in names},
    )


def _without_copies(dataset: Dataset, splits: Splits) -> Splits:
    rows = np.concatenate([part for _, part in splits.items()])
    hashes = row_hashes(dataset.inputs[rows], dataset.targets[rows])
    _, first = np.unique(hashes, return_index=True)
    is_first = np.zeros(len(rows), dtype=np.bool_)
    is_first[first] = True
    parts: list[IndexArray] = []
    start = 0
    for _, part in splits.items():
        parts.append(part[is_first[start : start + len(part)]])
        start += len(part)
    return Splits(*parts)


def _require_samples_left(before: Splits, after: Splits) -> None:
    for (name, old), (_, new) in zip(before.items(), after.items(), strict=True):
        if len(old) and not len(new):
            raise DataError(
                f"Leaving out samples takes all {len(old)} of the {name} split.",
                expected="Every split keeps at least one sample.",
                todo="Relax data.drop_samples, data.deduplicate or data.missing.",
            )
