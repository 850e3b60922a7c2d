"""Healthy benches of tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.clinic.bench import Bench

SHARES = (0.7, 0.2)
"""Of train and validation; the rest is for the test."""


def divide(n: int, rng: np.random.Generator) -> dict[str, npt.NDArray[np.int64]]:
    """Random train, validation and test rows, 70/20/10."""
    order = rng.permutation(n).astype(np.int64)
    first, second = int(SHARES[0] * n), int(sum(SHARES) * n)
    return {"train": order[:first], "validation": order[first:second], "test": order[second:]}


def wine(seed: int) -> Bench:
    """178 wines, 13 measurements on scales from tenths to thousands, 3 cultivars."""
    from sklearn.datasets import load_wine

    return _from_sklearn("wine", load_wine(), seed)


def breast_cancer(seed: int) -> Bench:
    """569 tumours, 30 measurements, 2 classes in the ratio 63 to 37."""
    from sklearn.datasets import load_breast_cancer

    return _from_sklearn("breast-cancer", load_breast_cancer(), seed)


def diabetes(seed: int) -> Bench:
    """442 patients, 10 measurements that come scaled alike, a value to predict: progression, 25 to 346."""
    from sklearn.datasets import load_diabetes

    return _from_sklearn("diabetes", load_diabetes(), seed)


def survey(seed: int) -> Bench:
    """800 answers to 6 yes-or-no and multiple-choice questions.

    Healthy but tricky: so coarse that equal rows, rows in two splits and equal answers with different outcome are
    natural, the more so as the answers go together.
    """
    rng = np.random.default_rng(seed)
    n, levels = 800, (2, 2, 3, 3, 4, 5)
    attitude = rng.normal(size=n)
    answers = np.stack([_answer(attitude, k, rng) for k in levels], axis=1)
    outcome = rng.random(n) < 1 / (1 + np.exp(-1.5 * attitude))
    return Bench(
        name="survey",
        seed=seed,
        inputs=answers.astype(np.float32),
        targets=outcome.astype(np.int64),
        kind="table",
        task="classification",
        splits=divide(n, rng),
        class_names=("no", "yes"),
        feature_names=tuple(f"question {i + 1}" for i in range(len(levels))),
    )


def _answer(attitude: npt.NDArray[np.float64], levels: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    leaning = attitude + rng.normal(size=len(attitude))
    borders = np.quantile(leaning, np.arange(1, levels) / levels)
    return np.searchsorted(borders, leaning).astype(np.int64)


def skewed(seed: int) -> Bench:
    """500 rows of 8 measurements with long tails, 3 classes in the ratio 11 to 6 to 3.

    Healthy but tricky: imbalanced, though every class has enough samples to be learnt.
    """
    rng = np.random.default_rng(seed)
    targets = rng.choice(3, size=500, p=(0.55, 0.3, 0.15)).astype(np.int64)
    centres = rng.normal(size=(3, 8)) * 1.5
    return Bench(
        name="skewed",
        seed=seed,
        inputs=np.exp(0.5 * (centres[targets] + rng.normal(size=(500, 8)))).astype(np.float32),
        targets=targets,
        kind="table",
        task="classification",
        splits=divide(500, rng),
        class_names=("common", "uncommon", "rare"),
        feature_names=tuple(f"measurement {i + 1}" for i in range(8)),
    )


def _from_sklearn(name: str, bunch: Any, seed: int) -> Bench:
    classes = bunch.target.dtype.kind == "i"
    return Bench(
        name=name,
        seed=seed,
        inputs=bunch.data.astype(np.float32),
        targets=bunch.target.astype(np.int64 if classes else np.float32),
        kind="table",
        task="classification" if classes else "regression",
        splits=divide(len(bunch.data), np.random.default_rng(seed)),
        class_names=tuple(str(c) for c in bunch.target_names) if classes else (),
        feature_names=tuple(str(f) for f in bunch.feature_names),
    )


HEALTHY: tuple[Callable[[int], Bench], ...] = (wine, breast_cancer, diabetes, survey, skewed)
"""Every healthy bench of tables."""
