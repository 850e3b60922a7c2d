"""What the order of the samples gives away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class TargetOrder(Measurement):
    """How much a training sample's target tells of the next one's, in the order in which they are stored.

    ``association``: 0 for samples in random order, 1 for samples sorted by target. For classes it is the share of
    neighbours of equal class, less the share that chance gives, over the same for perfect sorting; for values it is the
    correlation of the ranks of neighbours. ``course``: mean target (class number or value) of up to 100 blocks of
    rows along the order. ``shuffle``: whether training will shuffle, None if not known.
    """

    n_samples: int
    association: float
    course: npt.NDArray[np.float64]
    shuffle: bool | None = None
