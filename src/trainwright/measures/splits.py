"""How the splits compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class TargetShift(Measurement):
    """Samples of two splits counted by target, [G] each.

    ``groups``: [G] names of classes or, for a regression (``bands``), bands of values that hold equally many samples of
    ``first``. ``given``: the splits come with the data, so the program cannot divide them anew.
    """

    first: str
    second: str
    groups: tuple[str, ...]
    first_counts: npt.NDArray[np.int64]
    second_counts: npt.NDArray[np.int64]
    bands: bool
    given: bool
