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
