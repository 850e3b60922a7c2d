"""Whether inputs tell anything about their targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]
FEWEST_ROWS = 200
"""Samples without which nothing is said."""
NEIGHBOURS = 5
PERMUTATIONS = 200
MOST_CLASSES = 50
"""Whole numbers of more different values are ranked like any quantity."""
FAR = 5.0
"""Standard deviations at which features are cut, lest a few values make all the distances."""


@dataclass(frozen=True, kw_only=True)
class TargetRelation(Measurement):
    """Different training samples as the model got them: ``rows`` [N, F], reduced to a few hundred features, with the
    ``targets`` [N] of the same call."""

    rows: Array
    targets: Array

    @property
    def is_enough(self) -> bool:
        """Whether there are so many samples, each with a target, and all of them numbers."""
        if self.rows.ndim != 2 or len(self.rows) != len(self.targets) or len(self.rows) < FEWEST_ROWS:
            return False
        return bool(np.isfinite(self.rows).all() and np.isfinite(self.targets).all())

    @property
    def p_value(self) -> float:
        """How often targets that are dealt out anew are told by the inputs as well as the real ones.

        The better of two guesses, from the nearest neighbours and from all features linearly (a ridge regression, each
        sample left out in turn); the smaller share is doubled, as there are two. Permutation test after Golland and
        Fischl (2003).
        """
        rows, targets = _scaled(self.rows), _columns(self.targets)
        if not rows.shape[1] or not targets.shape[1]:
            return 1.0
        dice = np.random.Generator(np.random.PCG64(0))
        orders = [np.arange(len(rows)), *(dice.permutation(len(rows)) for _ in range(PERMUTATIONS))]
        dealt = np.stack([targets[order] for order in orders], axis=1)  # [N, P + 1, C]
        shares = [_share_as_good(merit(rows, dealt)) for merit in (_by_neighbours, _by_ridge)]
        return min(1.0, 2 * min(shares))


def _scaled(rows: Array) -> Array:
    spread = rows.std(0)
    kept = spread > 1e-12 * np.abs(rows).max(initial=0.0)
    scaled: Array = np.clip((rows[:, kept] - rows[:, kept].mean(0)) / spread[kept], -FAR, FAR)
    return scaled


def _columns(targets: Array) -> Array:
    """One centred column for each class, or one of ranks."""
    values, place = np.unique(targets, return_inverse=True)
    if len(values) < 2:
        return np.empty((len(targets), 0))
    whole = bool((values == np.round(values)).all())
    columns = np.eye(len(values))[place] if whole and len(values) <= MOST_CLASSES else place[:, None].astype(float)
    return np.asarray(columns - columns.mean(0), dtype=np.float64)


def _by_neighbours(rows: Array, targets: Array) -> Array:
    """How far the targets [N, P, C] of the nearest rows agree with a row's own, one number for each of P deals."""
    sizes = (rows**2).sum(1)
    distances = sizes[:, None] + sizes - 2 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    merit: Array = (targets[nearest].mean(1) * targets).sum((0, 2))
    return merit


def _by_ridge(rows: Array, targets: Array) -> Array:
    """The same for a linear fit that is penalised like one more standard deviation of noise in every feature."""
    n = len(rows)
    smooth = rows @ np.linalg.solve(rows.T @ rows + n * np.eye(rows.shape[1]), rows.T)
    flat = targets.reshape(n, -1)
    left = (flat - smooth @ flat) / (1 - smooth.diagonal())[:, None]
    merit: Array = -(left**2).reshape(targets.shape).sum((0, 2))
    return merit


def _share_as_good(merits: Array) -> float:
    """Share of the deals, the real one being the first, that do at least as well."""
    return float((merits >= merits[0]).mean())
