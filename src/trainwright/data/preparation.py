"""Preparation: from raw samples to the numbers a network sees, fitted on training rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError, UsageError, nearest
from trainwright.data.dataset import Dataset, FloatArray, IndexArray, Kind, Task

SCALINGS = ("auto", "standardise", "range", "none")
MISSING = ("impute", "drop", "keep")


@dataclass(frozen=True)
class Preparation:
    """What was learnt from the training rows; plain numbers, the same for every split.

    ``raw_shape`` is the shape of a raw sample, ``sample_shape`` that of a prepared one, ``feature_names`` name the
    columns of a prepared table. ``center`` and ``scale`` hold one number per raw feature (table, sequence) or channel
    (image), in raw units. ``fill`` is what a missing cell of a raw table column becomes; ``indicators`` are the
    columns that also get a 0/1 column telling which cells were missing; ``categorical`` maps a raw column to the
    number of its categories, of which each becomes a 0/1 column. ``target_center`` and ``target_scale`` are in target
    units.
    """

    kind: Kind
    task: Task
    raw_shape: tuple[int, ...]
    sample_shape: tuple[int, ...]
    feature_names: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    fill: tuple[float, ...] = ()
    indicators: tuple[int, ...] = ()
    categorical: Mapping[int, int] | None = None
    target_center: float = 0.0
    target_scale: float = 1.0

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        rows: IndexArray,
        *,
        scaling: str = "auto",
        missing: str = "impute",
        scale_target: bool = True,
    ) -> Preparation:
        """Learn from ``rows`` of the data set, which are to be the training rows, and look at no others.

        ``scaling``: ``auto`` and ``standardise`` give mean 0 and standard deviation 1, ``range`` gives 0 to 1; per
        feature of tables and sequences, per channel of images; constant features become 0; token numbers and the 0/1
        columns of categories stay as they are. ``missing``: ``impute`` fills table cells with the median and adds an
        indicator column for each feature that lacks values in ``rows``; otherwise NaN stays NaN. A missing category
        is 0 in all its columns either way. The target of a regression is standardised with ``scale_target``.

        Raises ``UsageError`` for an unknown choice and ``DataError`` when ``rows`` is empty.
        """
        _require_choice("data.scaling", scaling, SCALINGS)
        _require_choice("data.missing", missing, MISSING)
        if not len(rows):
            raise DataError(
                f"There are no training rows of '{dataset.name}' to fit the preparation on.",
                expected="At least one training sample.",
                todo="Lower data.validation and data.test, or bring more data.",
            )
        raw = dataset.inputs[rows]
        target_center, target_scale = _target_statistics(dataset, rows) if scale_target else (0.0, 1.0)
        categorical = _categorical_columns(dataset)
        numeric = [i for i in range(dataset.sample_shape[0]) if i not in categorical]
        center, scale = _statistics(raw, dataset.kind, scaling)
        indicators: tuple[int, ...] = ()
        fill: tuple[float, ...] = ()
        if dataset.kind is Kind.TABLE and missing == "impute":
            fill = tuple(_median(raw[:, i]) for i in range(raw.shape[1]))
            indicators = tuple(i for i in numeric if np.isnan(raw[:, i]).any())
        names = _prepared_names(dataset, numeric, indicators, categorical)
        return cls(
            kind=dataset.kind,
            task=dataset.task,
            raw_shape=dataset.sample_shape,
            sample_shape=(len(names),) if dataset.kind is Kind.TABLE else dataset.sample_shape,
            feature_names=names,
            center=center,
            scale=scale,
            fill=fill,
            indicators=indicators,
            categorical={i: len(dataset.categories[dataset.feature_names[i]]) for i in categorical},
            target_center=target_center,
            target_scale=target_scale,
        )

    def inputs(self, raw: npt.NDArray[Any]) -> FloatArray:
        """Prepared samples, float32 [N, *sample_shape], of raw ones [N, *raw_shape].

        Raises ``DataError`` where the raw samples have another shape than those the preparation was fitted on.
        """
        if tuple(raw.shape[1:]) != self.raw_shape:
            raise DataError(
                f"Samples of shape {tuple(raw.shape[1:])} cannot be prepared.",
                expected=f"Shape {self.raw_shape}, as the training samples had.",
                todo="Bring the samples to that shape, or prepare and train anew.",
            )
        if self.kind is Kind.TABLE:
            return self._table(raw)
        axes = (1, -1, 1, 1) if self.kind is Kind.IMAGE else (1, 1, -1)
        if self.kind is Kind.SEQUENCE and len(self.raw_shape) == 1:
            return raw.astype(np.float32)
        center = np.asarray(self.center, dtype=np.float32).reshape(axes)
        scale = np.asarray(self.scale, dtype=np.float32).reshape(axes)
        return ((raw - center) / scale).astype(np.float32, copy=False)

    def _table(self, raw: npt.NDArray[Any]) -> FloatArray:
        categorical = self.categorical or {}
        numeric = [i for i in range(self.raw_shape[0]) if i not in categorical]
        values = raw[:, numeric].astype(np.float64)
        if self.fill:
            values = np.where(np.isnan(values), np.asarray(self.fill)[numeric], values)
        values = (values - np.asarray(self.center)[numeric]) / np.asarray(self.scale)[numeric]
        parts = [values, np.isnan(raw[:, list(self.indicators)])]
        parts += [raw[:, [i]] == np.arange(n) for i, n in categorical.items()]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def targets(self, raw: npt.NDArray[Any]) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
        """Class numbers int64 [N], or values scaled to the training targets' spread, float32 [N]."""
        if self.task is Task.CLASSIFICATION:
            return raw.astype(np.int64)
        scaled = (raw.astype(np.float64) - self.target_center) / self.target_scale
        return scaled.astype(np.float32)

    def unscale(self, predictions: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Predictions of scaled targets, any shape, in target units."""
        return np.asarray(predictions, dtype=np.float64) * self.target_scale + self.target_center

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "categorical": list((self.categorical or {}).items())}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preparation:
        """The inverse of :meth:`to_dict`, also after a trip through JSON."""
        lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list | tuple)}
        categorical = {int(i): int(n) for i, n in data["categorical"]}
        kinds = {"kind": Kind(data["kind"]), "task": Task(data["task"])}
        return cls(**{**data, **lists, **kinds, "categorical": categorical})


def _require_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(
            f"{setting} is '{value}'.{nearest(value, choices)}",
            expected=f"One of {', '.join(choices)}.",
            todo=f"Correct {setting}.",
        )


def _categorical_columns(dataset: Dataset) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(dataset.feature_names) if name in dataset.categories)


def _prepared_names(
    dataset: Dataset, numeric: list[int], indicators: tuple[int, ...], categorical: tuple[int, ...]
) -> tuple[str, ...]:
    if dataset.kind is not Kind.TABLE:
        return dataset.feature_names
    names = dataset.feature_names
    one_hot = [f"{names[i]}={value}" for i in categorical for value in dataset.categories[names[i]]]
    return (*(names[i] for i in numeric), *(f"{names[i]} missing" for i in indicators), *one_hot)


def _target_statistics(dataset: Dataset, rows: IndexArray) -> tuple[float, float]:
    if dataset.task is Task.CLASSIFICATION:
        return 0.0, 1.0
    values = dataset.targets[rows].astype(np.float64)
    spread = float(values.std()) if values.min() < values.max() else 1.0
    return float(values.mean()), spread


def _median(column: npt.NDArray[np.float32]) -> float:
    """Median of the values that are there; 0 for a column without any."""
    known = column[np.isfinite(column)]
    return float(np.median(known)) if len(known) else 0.0


def _statistics(raw: FloatArray, kind: Kind, scaling: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Centre and scale of each feature or channel, over the finite values."""
    if kind is Kind.SEQUENCE and raw.ndim == 2:
        return (), ()
    columns = raw.swapaxes(0, 1) if kind is Kind.IMAGE else np.moveaxis(raw, -1, 0)
    if scaling == "none":
        return (0.0,) * len(columns), (1.0,) * len(columns)
    both = [_range(c) if scaling == "range" else _moments(c) for c in columns]
    return tuple(c for c, _ in both), tuple(s for _, s in both)


def _finite(column: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    mask = np.isfinite(column)
    return column if mask.all() else column[mask]


def _range(column: npt.NDArray[np.float32]) -> tuple[float, float]:
    known = _finite(column)
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return low, (high - low) or 1.0


def _moments(column: npt.NDArray[np.float32]) -> tuple[float, float]:
    known = _finite(column)
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if low == high:  # compared exactly: the computed deviation of equal numbers need not be 0
        return low, 1.0
    return float(known.mean(dtype=np.float64)), float(known.std(dtype=np.float64)) or 1.0
