"""From the rows of a log to a learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trainwright.core import UsageError
from trainwright.logbook.importers.columns import QUANTITIES, choose, direction, is_adversarial
from trainwright.logbook.importers.rows import Rows
from trainwright.measures.curves import Array, Curve, LearningCurve

CURVES = QUANTITIES[2:]
"""The quantities that are curves; the others count."""

SPARSE = 0.2
"""Share of NaN in a column from which NaN means "not taken here", if numbers follow it: tools write both so."""


@dataclass(frozen=True)
class ImportedLog:
    """A log that somebody else's program wrote, understood.

    ``recognised``: quantity → column. ``unused``: columns that mean nothing to the checks. ``notes``: what had to be
    passed over or assumed while reading.
    """

    source: str
    kind: str
    curve: LearningCurve
    recognised: Mapping[str, str]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def to_log(found: Rows, wanted: Mapping[str, str], baseline: float | None = None) -> ImportedLog:
    """Recognise the columns and make the curve; ``baseline``: loss of the best constant prediction.

    Raises ``UsageError`` where no column is a loss or a metric, or a recognised one holds text.
    """
    names = found.columns
    filled = {name: sum(name in row for row in found.rows) for name in names}
    chosen = choose(names, filled | dict.fromkeys(found.texts, 1), wanted)
    if not any(quantity in chosen for quantity in ("train_loss", "validation_loss", *CURVES[2:4])):
        raise UsageError(
            f"No column of {found.path} is known to be a loss or a metric. It has {', '.join(names[:30]) or 'none'}.",
            expected="A column like loss, train_loss, val_loss or accuracy.",
            todo="Say which is which, like --map train_loss=my_column",
        )
    _require_numbers(found, chosen)
    notes = list(found.notes)
    places, unit, steps_per_epoch = _places(found, chosen, notes)
    curves: dict[str, Any] = {name: _curve(found, chosen[name], places) for name in CURVES if name in chosen}
    metric, higher, measure_unit = _metric(curves, chosen)
    curve = LearningCurve(
        **curves,
        x_unit=unit,
        metric_name=metric,
        higher_is_better=higher,
        unit=measure_unit,
        baseline_train_loss=baseline,
        baseline_validation_loss=baseline,
        steps_per_epoch=steps_per_epoch,
        is_game=True if is_adversarial(names) else None,
        name=str(found.path),
    )
    unused = tuple(name for name in names if name not in chosen.values())
    return ImportedLog(str(found.path), found.kind, curve, chosen, unused, tuple(notes))


def _require_numbers(found: Rows, chosen: Mapping[str, str]) -> None:
    for quantity, column in chosen.items():
        if column in found.texts:
            place, text = found.texts[column]
            raise UsageError(
                f"The column '{column}' of {found.path} holds '{text[:40]}' in {place}.",
                expected=f"Numbers with a decimal point: the column is read as {quantity}.",
                todo="Correct the file, or name another column with --map.",
            )


def _places(
    found: Rows, chosen: Mapping[str, str], notes: list[str]
) -> tuple[Array, Literal["epoch", "step"], float | None]:
    """The place of each row, what it counts, and steps per epoch where both are logged.

    Epochs where each row of the training loss is an epoch of its own, otherwise steps; rows are counted where neither
    was logged. Counts begin with 1.
    """
    steps, epochs = (_column(found, chosen.get(name)) for name in ("step", "epoch"))
    judged = [name for name in CURVES[:4] if name in chosen]
    taken = np.isfinite(_column(found, chosen[judged[0]]))
    per_epoch = _per_epoch(steps, epochs)
    whole = epochs[taken & np.isfinite(epochs)]
    if len(whole) and len(whole) == taken.sum() and (np.diff(whole) >= 1).all():
        return _from_one(epochs), "epoch", per_epoch
    if np.isfinite(steps).any():
        known = steps[np.isfinite(steps)]
        if (np.diff(known) < 0).sum() >= 2 and np.isfinite(epochs).any():
            notes.append(f"'{chosen['step']}' begins again in every epoch, so rows are counted instead")
            return np.arange(1.0, len(found.rows) + 1), "step", None
        return _from_one(steps), "step", per_epoch
    if np.isfinite(epochs).any() and len(np.unique(whole)) == len(whole):
        return _from_one(epochs), "epoch", None
    notes.append("neither steps nor epochs were logged, so rows are counted")
    whole_rows = all(np.isfinite(_column(found, chosen[name])).mean() > 1 - SPARSE for name in judged)
    return np.arange(1.0, len(found.rows) + 1), "epoch" if whole_rows and len(judged) > 1 else "step", None


def _column(found: Rows, name: str | None) -> Array:
    return np.array([row.get(name, np.nan) if name else np.nan for row in found.rows], dtype=np.float64)


def _from_one(counts: Array) -> Array:
    known = counts[np.isfinite(counts)]
    return counts + 1 if len(known) and known.min() == 0 else counts


def _per_epoch(steps: Array, epochs: Array) -> float | None:
    """Steps that make an epoch, from the last step of the first and of the last epoch."""
    known = np.isfinite(steps) & np.isfinite(epochs)
    if not known.any():
        return None
    begin, end = float(epochs[known].min()), float(epochs[known].max())
    first, last = (float(steps[known & (epochs == each)].max()) for each in (begin, end))
    return max(1.0, round((last - first) / (end - begin), 2)) if end > begin and last > first else None


def _curve(found: Rows, column: str, places: Array) -> Curve:
    values = _column(found, column)
    logged = np.array([column in row for row in found.rows]) & np.isfinite(places)
    nan = np.isnan(values) & logged
    if nan.any() and nan.sum() > SPARSE * logged.sum() and np.isfinite(values[np.flatnonzero(nan)[0] :]).any():
        logged &= ~nan
    return Curve.of(places[logged], values[logged])


def _metric(curves: dict[str, Curve], chosen: Mapping[str, str]) -> tuple[str, bool | None, str]:
    """Name, direction and unit of the metric; accuracies are turned into percent."""
    column = chosen.get("validation_metric") or chosen.get("train_metric")
    if column is None:
        return "", None, ""
    name, higher = direction(column)
    if name != "accuracy":
        return name, higher, ""
    both = [curves[key] for key in ("train_metric", "validation_metric") if key in curves]
    if all(float(np.max(np.abs(each.finite.y), initial=0)) <= 1 for each in both):
        curves.update({key: Curve(curves[key].x, 100 * curves[key].y) for key in CURVES[2:4] if key in curves})
    return name, higher, "%"
