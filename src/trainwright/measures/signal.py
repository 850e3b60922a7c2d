"""What flows through the network: numbers that stopped being numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class NonFinite(Measurement):
    """Where the first NaN or Inf arose within the first ``steps`` own steps.

    ``kind``: ``none``, ``input``, ``target``, ``parameter``, ``activation``, ``loss`` or ``gradient``. ``where``:
    module or parameter. ``step``: number of steps made before, −1 where ``kind`` is none. ``n_bad`` of ``n_values``
    values at that place. ``samples``: rows of the batch that carry it. ``largest_before``: largest finite magnitude
    that entered the place. ``cure``: settings with which the same steps stayed finite, found by trying; empty where
    none was found.
    """

    kind: str
    where: str
    step: int
    steps: int
    n_bad: int
    n_values: int
    samples: tuple[int, ...]
    largest_before: float
    learning_rate: float
    cure: Mapping[str, Any] = field(default_factory=dict)
