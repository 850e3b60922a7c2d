"""Whether the same beginning leads to the same end, and whether more capacity leads to another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Repetition(Measurement):
    """The same thing done twice, with all weights, data and random states (Python's, NumPy's, torch's) alike at first.

    ``subject``: what was done, in words, in ``steps`` optimizer steps each. ``first``, ``second``: losses on the way,
    in the loss's unit. ``differing``: what was seen to differ first, in words; empty where both ended with the same
    weights, equal to the bit. ``precision``: spacing of numbers near 1 in the outputs' dtype. ``device``: where it was
    computed.
    """

    subject: str
    steps: int
    first: Array
    second: Array
    differing: str
    precision: float
    device: str


@dataclass(frozen=True, kw_only=True)
class CapacityRun:
    """A training of a model made with ``value`` for its keyword: ``losses`` of every epoch, in the loss's unit."""

    value: int
    n_parameters: int
    losses: Array


@dataclass(frozen=True, kw_only=True)
class CapacityEffect(Measurement):
    """Two trainings with one seed that differ only in ``keyword``, which should scale the model's capacity."""

    keyword: str
    small: CapacityRun
    large: CapacityRun
