"""Columns of a table from which the target can be read off, though not to the last digits."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainwright.measures.batches import ColumnLeaks

MOST_ROWS, MOST_COLUMNS = 1000, 256
FEWEST_ROWS, FEWEST_COLUMNS = 100, 4
"""Fewer columns are a formula to be learnt rather than a table."""
FEWEST_OF_A_CLASS, MOST_CLASSES = 10, 50
FEWEST_STEPS = 3
"""Values of a column that follows the target: of two one would be a yes or no that happens to part it."""

Rows = NDArray[np.float64]


class Leaks:
    """Observes the first rows of tables that are trained on, with a target each."""

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._n = 0
        self._may_leak: Tensor | None = None
        self._found: tuple[int, ColumnLeaks] | None = None

    @torch.no_grad()
    def trained(self, rows: Tensor, targets: Tensor) -> None:
        """``rows`` [N, F] of numbers with ``targets`` [N] or [N, 1]; anything else is passed over."""
        fits = rows.dim() == 2 and FEWEST_COLUMNS <= rows.shape[1] <= MOST_COLUMNS and targets.numel() == len(rows)
        if not fits or self._n >= MOST_ROWS or (self._rows and self._rows[0].shape[1] != rows.shape[1]):
            return
        self._rows.append(rows.detach().double().cpu())
        self._targets.append(targets.detach().reshape(-1).double().cpu())
        self._n += len(rows)

    @torch.no_grad()
    def trained_over_time(self, series: Tensor, targets: Tensor) -> None:
        """``series`` [N, T, F]: features that are the same at all times of a sample are columns of a table, beside the
        means of the others, which are no columns. Such as have another number of features are passed over."""
        known = self._may_leak
        if self._n >= MOST_ROWS or (known is not None and (len(known) != series.shape[2] or not known.any())):
            return
        still = (series == series[:, :1]).flatten(0, 1).all(0)
        self._may_leak = still if known is None else known & still
        if series.shape[1] > 1 and bool(self._may_leak.any()):
            self.trained(series.mean(1), targets)

    def measurement(self) -> ColumnLeaks | None:
        """What the rows tell so far; None where they are too few."""
        if self._n >= FEWEST_ROWS and (self._found is None or self._found[0] != self._n):
            rows, targets = torch.cat(self._rows), torch.cat(self._targets)
            may_leak = torch.ones(rows.shape[1], dtype=torch.bool) if self._may_leak is None else self._may_leak.cpu()
            self._found = self._n, _judge(rows.numpy(), targets.numpy(), may_leak.numpy())
        return None if self._found is None else self._found[1]


def _judge(rows: Rows, targets: Rows, may_leak: NDArray[np.bool_]) -> ColumnLeaks:
    """``may_leak`` [F]: the columns from which the target might be read off."""
    _, different = np.unique(rows, axis=0, return_index=True)  # the second epoch holds the same ones
    rows, targets = rows[different], targets[different]
    n_values = len(np.unique(targets))
    column, left, beside = _nearest(rows, targets, may_leak) if n_values > MOST_CLASSES else (None, 1.0, 1.0)
    rounded, n_steps = _steps(rows, targets, may_leak) if n_values > MOST_CLASSES else (None, 0)
    parting, area, area_beside = _separation(rows, targets, may_leak) if n_values == 2 else (None, 0.5, 0.5)
    return ColumnLeaks(
        n_rows=len(rows),
        n_columns=rows.shape[1],
        nearest=column,
        left=left,
        beside=beside,
        rounded=rounded,
        n_steps=n_steps,
        parting=parting,
        area=area,
        area_beside=area_beside,
        telling=_telling(rows, targets, may_leak) if 2 <= n_values <= MOST_CLASSES else (),
    )


def _nearest(rows: Rows, targets: Rows, may_leak: NDArray[np.bool_]) -> tuple[int | None, float, float]:
    """(the column most like the target, by values or by ranks; the share of the variance it leaves; the share that it
    leaves of the column most like itself)."""
    varied = np.flatnonzero(rows.std(0) > 0)
    if len(varied) < FEWEST_COLUMNS or not may_leak[varied].any():
        return None, 1.0, 1.0
    rows = rows[:, varied]
    left = np.minimum(_left(rows, targets), _left(_ranks(rows), _ranks(targets)))
    left = np.where(may_leak[varied], left, 1.0)
    column = int(left.argmin())
    beside = np.delete(_left(rows, rows[:, column]), column).min()
    return int(varied[column]), float(left[column]), float(beside)


def _ranks(values: Rows) -> Rows:
    """The rank of each number within its column [F] of ``values`` [N, F]; equal ones share theirs."""
    return np.apply_along_axis(_ranks_of, 0, values)


def _ranks_of(values: Rows) -> Rows:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    ranks: Rows = (last - (counts - 1) / 2)[place]
    return ranks


def _separation(rows: Rows, targets: Rows, may_leak: NDArray[np.bool_]) -> tuple[int | None, float, float]:
    """(the column that parts two classes best, its area under the ROC curve, that of the next best column)."""
    inside = targets == targets.max()
    n, m = int(inside.sum()), int((~inside).sum())
    if min(n, m) < FEWEST_OF_A_CLASS or not may_leak.any():
        return None, 0.5, 0.5
    # Mann and Whitney: from the sum of ranks of one class.
    areas = (_ranks(rows)[inside].sum(0) - n * (n + 1) / 2) / (n * m)
    areas = np.maximum(areas, 1 - areas)
    best = int(np.where(may_leak, areas, 0).argmax())
    return best, float(areas[best]), float(np.delete(areas, best).max())


def _left(rows: Rows, values: Rows) -> Rows:
    """One minus the squared correlation of each column [F] of ``rows`` [N, F] with ``values`` [N]."""
    centred, wanted = rows - rows.mean(0), values - values.mean()
    shared = (centred * wanted[:, None]).sum(0) ** 2 / ((centred**2).sum(0) * (wanted**2).sum())
    left: Rows = np.maximum(0.0, 1 - shared)
    return left


def _steps(rows: Rows, targets: Rows, may_leak: NDArray[np.bool_]) -> tuple[int | None, int]:
    """(a column that takes several values and grows, or falls, with the targets without exception; how many)."""
    changes = np.diff(rows[np.argsort(targets, kind="stable")], axis=0)
    n_changes = (changes != 0).sum(0)
    is_monotone = ((changes >= 0).all(0) | (changes <= 0).all(0)) & may_leak
    found = np.flatnonzero(is_monotone & (n_changes + 1 >= FEWEST_STEPS))
    return (int(found[0]), int(n_changes[found[0]]) + 1) if len(found) else (None, 0)


def _telling(rows: Rows, targets: Rows, may_leak: NDArray[np.bool_]) -> tuple[int, ...]:
    """Columns that together tell each class, or all but one: a column is constant in a class and takes that value in no
    other."""
    classes, counts = np.unique(targets, return_counts=True)
    if counts.min() < FEWEST_OF_A_CLASS:
        return ()
    told = [_tell(rows[targets == each], rows[targets != each], may_leak) for each in classes]
    if sum(column is None for column in told) > 1:
        return ()
    return tuple(sorted({column for column in told if column is not None}))


def _tell(inside: Rows, outside: Rows, may_leak: NDArray[np.bool_]) -> int | None:
    """The first column that ``may_leak``, is constant in ``inside`` and never takes that value in ``outside``."""
    constant = may_leak & (inside == inside[0]).all(0) & (outside != inside[0]).all(0)
    return int(constant.argmax()) if constant.any() else None
