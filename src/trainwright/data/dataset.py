"""Dataset: raw samples as they came, before any preparation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]


class Kind(StrEnum):
    """What one sample is. image: [C, H, W]; table: [F]; sequence: [T, F]."""

    IMAGE = "image"
    TABLE = "table"
    SEQUENCE = "sequence"


class Task(StrEnum):
    """What is predicted: one of several classes, or one number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


@dataclass(frozen=True)
class UnreadableFile:
    """A file that was passed over, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Samples and targets in memory.

    ``inputs``: float32, [N, C, H, W], [N, F], [N, T, F], or token numbers [N, T] of kind sequence; table cells may be
    NaN (missing); a categorical column holds the position of its category in ``categories[column]``. ``targets``:
    int64 class numbers or float32 values, [N]. ``origin``: for each sample where it came from (file, row).
    ``given_splits``: split name → row numbers, where the source brings its own split; ``given_sizes``: split name →
    number of rows, where the source fixes only the sizes and the seed chooses the rows. Pixels keep the range of the
    source. ``notes``: what the source decided while reading (columns passed over, texts turned into categories, …).
    """

    name: str
    inputs: FloatArray
    targets: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    kind: Kind
    task: Task
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_name: str = "target"
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origin: tuple[str, ...] = ()
    given_splits: Mapping[str, IndexArray] | None = None
    given_sizes: Mapping[str, int] | None = None
    unreadable: tuple[UnreadableFile, ...] = ()
    description: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one raw sample."""
        return self.inputs.shape[1:]

    @property
    def n_outputs(self) -> int:
        """Classes of a classification, or 1."""
        return len(self.class_names) if self.task is Task.CLASSIFICATION else 1

    def fingerprint(self) -> str:
        """SHA-256 over inputs and targets; names the data in the logbook and in the count of test openings."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256()
        for array in (self.inputs, self.targets):
            digest.update(str((array.shape, array.dtype)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Splits:
    """Row numbers of the three parts; disjoint, together at most all rows."""

    train: IndexArray
    validation: IndexArray
    test: IndexArray

    def items(self) -> tuple[tuple[str, IndexArray], ...]:
        """Name and rows of each part."""
        return (("train", self.train), ("validation", self.validation), ("test", self.test))
