"""Seeds that random generators are given again and again while a program learns."""

from __future__ import annotations

from collections import Counter
from typing import Any

from trainwright.doctor.workers import seeds_of_each_sample
from trainwright.measures.system import SeededAgain

Seed = tuple[str, int]
"""The name of the function that was called, and the number it was given."""

MOST_ASKED = 4
"""Loaders with workers that are asked, as some programs make a new one in every epoch."""
MOST_SEEDS = 256
"""Different seeds between two steps; a program with more gives each sample its own."""


class Seeding:
    """Observes which seeds come in steps of training, and which when nothing is learnt."""

    def __init__(self) -> None:
        self._pending: Counter[Seed] = Counter()
        self._calls: Counter[Seed] = Counter()
        self._steps: Counter[Seed] = Counter()
        self._evaluated: set[Seed] = set()
        self._n_steps = self._n_evaluations = 0
        self._of_workers: dict[int, tuple[Seed, ...]] = {}

    def seeded(self, name: str, seed: Any) -> None:
        """A generator was made with a seed, or was given one."""
        if isinstance(seed, int) and len(self._pending) < MOST_SEEDS:
            self._pending[name, seed] += 1

    def started(self, loader: Any) -> None:
        """A pass over ``loader`` begins; what its worker processes do cannot be heard here, so that they are asked."""
        is_known = id(loader) in self._of_workers or len(self._of_workers) >= MOST_ASKED
        if getattr(loader, "num_workers", 0) and not is_known:
            self._of_workers[id(loader)] = seeds_of_each_sample(loader)

    def came(self, loader: Any) -> None:
        """A batch of ``loader``."""
        for name, seed in self._of_workers.get(id(loader), ()):
            self.seeded(name, seed)

    def trained(self) -> None:
        """A step was made."""
        self._n_steps += 1
        if self._pending:
            self._calls.update(self._pending)
            self._steps.update(self._pending.keys())
            self._pending.clear()
            if len(self._steps) > MOST_SEEDS:  # most came once only
                self._steps = Counter(dict(self._steps.most_common(MOST_SEEDS // 2)))
                self._calls = Counter({seed: self._calls[seed] for seed in self._steps})

    def evaluated(self) -> None:
        """A model was called and nothing is learnt from it."""
        self._n_evaluations += 1
        self._evaluated.update(self._pending.keys())
        self._pending.clear()
        if len(self._evaluated) > MOST_SEEDS:
            self._evaluated &= self._steps.keys()

    def found(self) -> SeededAgain | None:
        """The seed that most steps began with again, if any did."""
        own = [(n, seed) for seed, n in self._steps.items() if seed not in self._evaluated]
        if not own:
            return None
        n, (name, number) = max(own)
        return SeededAgain(
            function=name,
            seed=number,
            n_steps=self._n_steps,
            n_with=n,
            n_calls=self._calls[name, number],
            n_evaluations=self._n_evaluations,
            n_seeds=len({seed for often, (_, seed) in own if often >= n / 2}),
        )
