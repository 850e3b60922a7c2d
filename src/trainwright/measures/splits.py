"""How the splits compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class ClassShift(Measurement):
    """Samples per class in two splits, [C] each.

    ``given``: the splits come with the data, so the program cannot divide them anew.
    """

    first: str
    second: str
    class_names: tuple[str, ...]
    first_counts: npt.NDArray[np.int64]
    second_counts: npt.NDArray[np.int64]
    given: bool


@dataclass(frozen=True, kw_only=True)
class TargetShift(Measurement):
    """How far the target values of two splits of a regression lie apart.

    ``distance``: the Kolmogorov–Smirnov statistic, the largest difference of the two cumulative distributions, 0 to 1;
    ``first_mean``, ``second_mean`` in target units. The test split is never compared: its values stay sealed.
    """

    first: str
    second: str
    n_first: int
    n_second: int
    distance: float
    first_mean: float
    second_mean: float
    given: bool
