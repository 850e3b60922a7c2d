"""What is known of the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class ClassCounts(Measurement):
    """Samples per class of one split: ``counts`` [C] beside ``class_names`` [C]."""

    split: str
    class_names: tuple[str, ...]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ClassNumbers(Measurement):
    """Integers of the batches that a loss of distances (``loss_name``) compares the only output of each of
    ``n_samples`` with: from ``lowest`` to ``highest``; ``counts``: samples of each value that comes."""

    loss_name: str
    n_samples: int
    lowest: int
    highest: int
    counts: tuple[int, ...]
