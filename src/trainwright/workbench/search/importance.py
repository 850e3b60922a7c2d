"""Importance: which settings of a study mattered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST = 8
"""Trials below which neither a rank correlation nor a forest says anything."""


@dataclass(frozen=True)
class Importance:
    """How much one setting explains of the results of a study.

    ``share``: its part, in [0, 1], of the permutation importances of a random forest, so combined and curved effects
    count too; ``correlation``: Spearman's rank correlation with the result, in [−1, 1]; ``chance``: how likely a
    correlation this strong is without any effect.
    """

    setting: str
    share: float
    correlation: float
    chance: float


def importance_of(
    settings: tuple[str, ...], units: npt.NDArray[np.float64], results: npt.NDArray[np.float64], *, seed: int
) -> list[Importance]:
    """Importances, largest first; empty with fewer than :data:`FEWEST` trials or equal results.

    ``units`` [trials, settings] in [0, 1], ``results`` [trials], finite, of any scale: they are ranked first, so one
    disaster does not decide.
    """
    if len(results) < FEWEST or np.ptp(results) == 0:
        return []
    from scipy.stats import rankdata, spearmanr

    shares = _forest_shares(units, rankdata(results), seed)
    found = []
    for position, setting in enumerate(settings):
        column = units[:, position]
        if np.ptp(column) == 0:
            found.append(Importance(setting, 0.0, 0.0, 1.0))
            continue
        correlation, chance = spearmanr(column, results)
        found.append(Importance(setting, float(shares[position]), _number(correlation), _number(chance, 1.0)))
    return sorted(found, key=lambda item: (-item.share, item.setting))


def _number(value: float, otherwise: float = 0.0) -> float:
    return float(value) if math.isfinite(value) else otherwise


def _forest_shares(
    units: npt.NDArray[np.float64], ranks: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.float64]:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    forest = RandomForestRegressor(n_estimators=60, min_samples_leaf=2, random_state=seed, n_jobs=1).fit(units, ranks)
    measured = permutation_importance(forest, units, ranks, n_repeats=10, random_state=seed, n_jobs=1)
    positive: npt.NDArray[np.float64] = np.clip(measured.importances_mean, 0, None)
    total = float(positive.sum())
    return positive / total if total > 0 else positive
