"""Weights that came from elsewhere: what was loaded, and what they were made for."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class WeightLoad(Measurement):
    """One call of ``load_state_dict``.

    ``module``: class of the module it was called on. ``n_expected``: entries that the module has. ``missing``:
    entries that were not given, ``unexpected``: given entries that the module does not have. ``renamed``: pairs of a
    missing and an unexpected entry of equal shape that differ only by a prefix.
    """

    module: str
    n_expected: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class WeightLoads(Measurement):
    """Every recorded load into the model or a part of it, oldest first."""

    loads: tuple[WeightLoad, ...]


@dataclass(frozen=True, kw_only=True)
class RunningStatistics(Measurement):
    """The first batch normalisation that came with running statistics, beside what the batch brings to it.

    ``name``: of the layer, empty where no layer has any. ``variance_ratio``: median over channels of the batch's
    variance divided by the running variance. ``mean_shift``: median over channels of the distance between the batch's
    mean and the running mean, in running standard deviations. ``input_mean``, ``input_std``, ``input_min``,
    ``input_max``: of the model's inputs.
    """

    name: str
    n_samples: int
    variance_ratio: float
    mean_shift: float
    input_mean: float
    input_std: float
    input_min: float
    input_max: float
