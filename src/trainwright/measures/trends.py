"""Level, noise and trend of a series of numbers: what every judgement of a curve rests on."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

TO_DEVIATION = 1.4826
"""A normal distribution's standard deviation as a multiple of its median absolute deviation."""


def noise(values: Array) -> float:
    """Standard deviation of the noise between neighbours, any smooth trend taken out (second differences).

    Robust: single jumps do not count. 0 for fewer than three values.
    """
    if len(values) < 3:
        return 0.0
    second = np.diff(values, 2)
    return float(TO_DEVIATION * np.median(np.abs(second - np.median(second))) / math.sqrt(6))


def spread(values: Array) -> float:
    """The same with everything that jumps: root mean square. 0 for fewer than three values."""
    return float(np.sqrt(np.mean(np.diff(values, 2) ** 2) / 6)) if len(values) >= 3 else 0.0


def rises(values: Array, but: int = 0) -> float:
    """Root mean square of the upward moves between neighbours, downward ones counted as none; ``but`` the largest
    few."""
    upward = np.sort(np.diff(values).clip(min=0))
    counted = upward[: max(0, len(upward) - but)]
    return float(np.sqrt(np.mean(counted**2))) if len(counted) else 0.0


def lowest_level(values: Array, width: int = 3) -> float:
    """The lowest mean of ``width`` consecutive values, so that one lucky value is no level."""
    width = min(width, len(values))
    return float(np.convolve(values, np.full(width, 1 / width), mode="valid").min())


def slope(values: Array) -> tuple[float, float]:
    """Change from the first to the last value along the line of least squares, and its standard error."""
    n = len(values)
    if n < 3:
        return 0.0, math.inf
    x = np.linspace(-0.5, 0.5, n)
    rise = float(x @ (values - values.mean()) / (x @ x))
    left = values - values.mean() - rise * x
    return rise, math.sqrt(float(left @ left) / (n - 2) / float(x @ x))
