"""What is known of the values of features, pixels and channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement

Kind = Literal["image", "table", "sequence"]


@dataclass(frozen=True, kw_only=True)
class NonFiniteCells(Measurement):
    """Cells that hold no finite number, in all splits together.

    ``n_nan``, ``n_inf``: cells; ``nan_rows``, ``inf_rows``: the first row numbers of the ``n_nan_rows``, ``n_inf_rows``
    samples that hold them; ``empty_rows``: rows of ``n_empty_rows`` samples that are NaN throughout.
    ``nan_features``, ``inf_features``: names of the first features concerned, worst first, with their number of cells.
    ``missing``: how missing cells of a table will be handled (``impute``, ``drop``, ``keep``), None if not known.
    """

    kind: Kind
    n_samples: int
    n_nan: int
    n_inf: int
    n_nan_rows: int
    n_inf_rows: int
    n_empty_rows: int
    nan_rows: tuple[int, ...] = ()
    inf_rows: tuple[int, ...] = ()
    empty_rows: tuple[int, ...] = ()
    nan_features: tuple[tuple[str, int], ...] = ()
    inf_features: tuple[tuple[str, int], ...] = ()
    missing: str | None = None


@dataclass(frozen=True, kw_only=True)
class FeatureRanges(Measurement):
    """Smallest and largest finite value of each feature or channel over the training samples.

    ``low``, ``high``, ``std``: [F] in raw units, NaN for a feature without any value; ``names``: [F]; ``categorical``:
    [F], whether the feature holds numbers of categories. ``scaling``: how the features will be scaled
    (``data.scaling``), None if not known.
    """

    kind: Kind
    n_samples: int
    names: tuple[str, ...]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]
    categorical: npt.NDArray[np.bool_]
    scaling: str | None = None

    @property
    def consistent(self) -> bool:
        """Whether every array has one entry per name."""
        lengths = {len(self.names), len(self.low), len(self.high), len(self.std), len(self.categorical)}
        return len(lengths) == 1

    @property
    def widths(self) -> npt.NDArray[np.float64]:
        """Highest less lowest value of each feature, [F], NaN where they are not known."""
        known = np.isfinite(self.low) & np.isfinite(self.high)
        found = np.full(len(self.low), np.nan)
        found[known] = self.high[known] - self.low[known]
        return found

    @property
    def pixel_like(self) -> bool:
        """Whether this is a table of pixels: at least 16 features of which most share one lowest and one highest value.

        In such a table a feature that is always 0 is a corner of the picture, and small spread is the rim.
        """
        if not self.consistent:
            return False
        known = np.isfinite(self.low) & np.isfinite(self.high)
        if known.sum() < 16:
            return False
        ends = [np.unique(values[known], return_counts=True)[1].max() / known.sum() for values in (self.low, self.high)]
        return bool(min(ends) >= 0.5)
