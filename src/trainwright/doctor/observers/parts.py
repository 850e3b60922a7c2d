"""What a training loss that is put together from several loss functions is made of: the weight of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from trainwright.doctor.events import LossCall
from trainwright.doctor.observers.scores import mean_value
from trainwright.doctor.observers.series import Samples, to_numbers

FEWEST_MORE = 3
"""Steps that are seen beyond one for each weight, so that weights which merely happen to fit do not."""
EXACT = 1e-3
"""Largest difference, as a share of the loss, between what went backward and the weighted sum."""


class Parts:
    """Watches the sampled steps whose loss comes from several calls of loss functions."""

    def __init__(self) -> None:
        self._seen: Samples[tuple[dict[str, float], float]] = Samples()

    def see(self, step: int, root: Tensor, calls: Sequence[LossCall]) -> None:
        """What went backward, and the loss functions called for it. Calls of one function count together."""
        whole, *values = to_numbers([root, *map(mean_value, calls)])
        sums: defaultdict[str, float] = defaultdict(float)
        for call, value in zip(calls, values, strict=True):
            sums[call.name] += value
        self._seen.add(step, (sums, whole))

    def __len__(self) -> int:
        return len(self._seen)

    def weights(self) -> dict[str, float] | None:
        """By how much each loss function's mean counts in what goes backward, by least squares over the steps seen;
        None where no fixed weights explain every one of them (a further term, weights that change)."""
        names = sorted({name for sums, _ in self._seen.values for name in sums})
        if not names or len(self._seen) < len(names) + FEWEST_MORE:
            return None
        sums = np.array([[found.get(name, 0.0) for name in names] for found, _ in self._seen.values])
        whole = np.array([value for _, value in self._seen.values])
        if not (np.isfinite(sums).all() and np.isfinite(whole).all()):
            return None
        weights, _, rank, _ = np.linalg.lstsq(sums, whole, rcond=None)
        if rank < len(names) or (np.abs(sums @ weights - whole) > EXACT * np.abs(whole)).any():
            return None
        return dict(zip(names, weights.tolist(), strict=True))
