"""Splits: which rows are for training, for validation and for the one final test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError
from trainwright.data.dataset import Dataset, IndexArray, Splits, Task

SPLIT_NAMES = ("train", "validation", "test")
STRATA = 10
"""A regression is stratified by this many bands of equal size of the target."""


def make_splits(dataset: Dataset, *, validation: float, test: float, stratify: bool, seed: int) -> Splits:
    """Divide the rows at random, each part in ascending order of rows.

    ``validation`` and ``test`` are shares of all rows. Splits that the source brings are kept; of those it lacks,
    validation and test are taken from its train rows. With ``stratify`` each class (or tenth of the target values) is
    divided in proportion, to within one sample, and a class keeps one sample to train on as long as it has any.

    Raises ``DataError`` for shares that leave nothing to train on and for fewer than three samples.
    """
    if not 0 <= test < 1 or not 0 <= validation < 1 or validation + test >= 1:
        raise DataError(
            f"The shares validation {validation:g} and test {test:g} leave nothing to train on.",
            expected="Both at least 0 and together less than 1.",
            todo="Lower data.validation or data.test.",
        )
    rng = np.random.default_rng(seed)
    if dataset.given_splits is not None:
        return _complete(dataset, dataset.given_splits, (validation, test), stratify=stratify, rng=rng)
    rows = np.arange(len(dataset), dtype=np.int64)
    given = dataset.given_sizes
    sizes = (given["validation"], given["test"]) if given else _sizes(validation, test, len(rows))
    return _divide(dataset, rows, sizes, stratify=stratify, rng=rng)


def _sizes(validation: float, test: float, n: int) -> tuple[int, int]:
    """Rows for validation and test, rounded so that one of three or more rows is left to train on."""
    n_validation, n_test = _share(validation, n), _share(test, n)
    while n_validation + n_test >= n > 2:
        if n_validation >= n_test:
            n_validation -= 1
        else:
            n_test -= 1
    return n_validation, n_test


def _share(share: float, n: int) -> int:
    """Rounded number of rows, at least one where a share is asked for."""
    return 0 if share == 0 else max(1, int(share * n + 0.5))


def _complete(
    dataset: Dataset,
    given: Mapping[str, IndexArray],
    shares: tuple[float, float],
    *,
    stratify: bool,
    rng: np.random.Generator,
) -> Splits:
    """The given splits and, of validation and test, those that are lacking."""
    unknown = set(given) - set(SPLIT_NAMES)
    if unknown or "train" not in given or not len(given["train"]):
        raise DataError(
            f"The source '{dataset.name}' brings the splits {', '.join(sorted(given)) or 'none'}.",
            expected="At least 'train' with some samples, and besides it only 'validation' and 'test'.",
            todo="Rename or add the split.",
        )
    n = sum(len(rows) for rows in given.values())
    missing_validation = 0 if "validation" in given else _share(shares[0], n)
    missing_test = 0 if "test" in given else _share(shares[1], n)
    train = np.asarray(given["train"], dtype=np.int64)
    if missing_validation or missing_test:
        carved = _divide(dataset, np.sort(train), (missing_validation, missing_test), stratify=stratify, rng=rng)
    else:
        carved = Splits(train, _none(), _none())
    return Splits(
        carved.train,
        np.asarray(given.get("validation", carved.validation), dtype=np.int64),
        np.asarray(given.get("test", carved.test), dtype=np.int64),
    )


def _none() -> IndexArray:
    return np.empty(0, dtype=np.int64)


def _divide(
    dataset: Dataset, rows: IndexArray, sizes: tuple[int, int], *, stratify: bool, rng: np.random.Generator
) -> Splits:
    """Draw ``sizes`` = (validation, test) rows; the rest is for training."""
    n_validation, n_test = sizes
    if len(rows) <= n_validation + n_test:
        raise DataError(
            f"'{dataset.name}' has {len(rows)} samples to divide, of which {n_validation} would be for validation and "
            f"{n_test} for the test.",
            expected="At least one sample is left to train on.",
            todo="Bring more data, or lower data.validation and data.test.",
        )
    strata = _strata(dataset, rows) if stratify else np.zeros(len(rows), dtype=np.int64)
    counts = np.bincount(strata)
    tests = _allocate(counts, n_test, counts, rng)
    validations = _allocate(counts, n_validation, counts - tests, rng)
    order = rng.permutation(len(rows))
    order = order[np.argsort(strata[order], kind="stable")]
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)  # position within its own stratum
    of = strata[order]
    is_test = place < tests[of]
    is_validation = ~is_test & (place < (tests + validations)[of])
    chosen = rows[order]
    return Splits(np.sort(chosen[~is_test & ~is_validation]), np.sort(chosen[is_validation]), np.sort(chosen[is_test]))


def _strata(dataset: Dataset, rows: IndexArray) -> npt.NDArray[np.int64]:
    targets = dataset.targets[rows]
    if dataset.task is Task.CLASSIFICATION:
        return np.unique(targets, return_inverse=True)[1].astype(np.int64)
    bands = max(1, min(STRATA, len(rows) // STRATA))
    rank: npt.NDArray[np.int64] = np.empty(len(rows), dtype=np.int64)
    rank[np.argsort(targets, kind="stable")] = np.arange(len(rows))
    return (rank * bands // len(rows)).astype(np.int64)


def _allocate(
    counts: npt.NDArray[np.int64], total: int, free: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Divide ``total`` over strata in proportion to ``counts`` by largest remainder, [strata].

    The last free sample of a stratum stays for training, unless the total cannot be reached otherwise.
    """
    quota = counts * (total / counts.sum())
    allocated: npt.NDArray[np.int64] = np.minimum(np.floor(quota + 1e-9).astype(np.int64), np.maximum(free - 1, 0))
    shuffled = rng.permutation(len(counts))  # equal remainders are served in random order, not by class number
    for keep in (1, 0):
        while allocated.sum() < total:
            open_strata = shuffled[(free - keep - allocated)[shuffled] > 0]
            if not len(open_strata):
                break
            remainder = (quota - allocated)[open_strata]
            served = open_strata[np.argsort(-remainder, kind="stable")][: total - allocated.sum()]
            allocated[served] += 1
    return allocated
