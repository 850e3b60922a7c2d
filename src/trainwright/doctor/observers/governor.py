"""Governor: how often to look closely, so that watching stays within its budget."""

from __future__ import annotations

import time

DENSE = 32
"""A closer look at most every ``step / DENSE`` steps: all of the first ones, then ever fewer per step, about twenty for
each doubling of the run."""
SPARSE = 4
"""However little the budget allows, a closer look every ``step / SPARSE`` steps: three for each doubling."""
GRACE = 0.1
"""Seconds that may be spent beyond the budget, so that short runs are seen at all."""


class Governor:
    """Decides which steps are looked at closely.

    ``budget``: share of the run's time that all watching together may cost. ``every``: look at every so many steps
    instead, whatever it costs.
    """

    def __init__(self, budget: float, every: int | None = None) -> None:
        self.budget = budget
        self.spent = 0.0
        self._every = every
        self._started = time.perf_counter()
        self._last = -1
        self._dear = 0.0
        self._before = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def spend(self, seconds: float) -> None:
        """Watching took so long."""
        self.spent += seconds

    def wants(self, step: int) -> bool:
        """Whether to look closely at this step; call once a step, then :meth:`looked` when the look is over."""
        if self._every is not None:
            return step % self._every == 0
        gap = step - self._last
        if gap < max(1, step // DENSE) or (gap < max(1, step // SPARSE) and not self.affords(self._dear)):
            return False
        self._last = step
        self._before = self.spent
        return True

    def looked(self) -> None:
        """The look is over: remember what it cost."""
        cost = self.spent - self._before
        self._dear = cost if self._dear == 0.0 else 0.7 * self._dear + 0.3 * cost

    def affords(self, seconds: float) -> bool:
        """Whether something that takes so long fits the budget now."""
        return self._every is not None or self.spent + seconds <= self.budget * self.elapsed + GRACE
