"""What a series of experiments found, and how often the test set was looked at."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainwright.core import Measurement

# Student's t, two-sided 95 %, for 1 … 30 degrees of freedom; 1.96 + 2.5/df is within 0.2 % beyond.
_T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def student_t_95(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t with ``degrees`` ≥ 1 degrees of freedom."""
    return _T95[degrees - 1] if degrees <= len(_T95) else 1.96 + 2.5 / degrees


@dataclass(frozen=True, kw_only=True)
class PairedGains(Measurement):
    """What one change gained with each seed, everything else equal; positive is better, in ``unit``.

    ``changes``: the change as dotted settings. ``adopted``: whether it was kept; a change that was tried and dropped
    misleads nobody.
    """

    name: str
    gains: tuple[float, ...]
    unit: str
    adopted: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Mean gain over seeds; NaN without any."""
        return statistics.fmean(self.gains) if self.gains else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Paired 95 % t interval of the mean gain; infinite for fewer than two seeds."""
        if len(self.gains) < 2:
            return -math.inf, math.inf
        half = student_t_95(len(self.gains) - 1) * statistics.stdev(self.gains) / math.sqrt(len(self.gains))
        return self.mean - half, self.mean + half


@dataclass(frozen=True, kw_only=True)
class TestOpenings(Measurement):
    """How many distinct runs opened the test set whose data have this ``fingerprint``, the current run included."""

    __test__ = False  # not a test class, whatever its name makes pytest think

    count: int
    fingerprint: str
