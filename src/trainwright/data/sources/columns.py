"""Columns of a table: numbers, categories, or nothing a network can use as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "?")
"""Texts that stand for a missing cell."""
MISSING_NUMBER = (*MISSING, "None", "none", "-")
"""Texts that stand for a missing cell among numbers, but may be a category among texts."""
MOSTLY = 0.9
"""A text column is one of numbers (or dates) when at least this share of its known cells are."""
MAX_CATEGORIES = 50
MAX_CATEGORY_SHARE = 0.5
"""Texts of which more than half are different describe single samples rather than kinds of them."""
TRUE, FALSE = ("true", "yes"), ("false", "no")
NUMBERING = re.compile(
    r"^$|^(unnamed(:? ?\d+)?|index|id|row|row ?(id|number|names?)|rownames|.*[_ ]id)$", re.IGNORECASE
)

Place = Callable[[int], str]


@dataclass(frozen=True)
class Column:
    """``values`` float64 [N] with NaN where missing, or None for a column passed over; ``notes`` say why."""

    name: str
    values: npt.NDArray[np.float64] | None
    categories: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_column(series: pl.Series, place: Place, *, is_target: bool = False) -> Column:
    """Read one column; ``place`` names a row in messages. A target is never passed over for being a numbering."""
    import polars as pl

    dtype = series.dtype
    if dtype.is_temporal():
        return _passed_over(series.name, "holds dates or times")
    if dtype.is_numeric() or dtype == pl.Boolean:
        column = Column(series.name, series.cast(pl.Float64).to_numpy().astype(np.float64))
    elif dtype in (pl.String, pl.Categorical, pl.Enum):
        column = _read_texts(series.cast(pl.String), place, is_target=is_target)
    else:
        return _passed_over(series.name, f"holds values of type {dtype}")
    if not is_target and _is_numbering(column):
        return _passed_over(series.name, "numbers the rows")
    return column


def _passed_over(name: str, why: str) -> Column:
    return Column(name, None, notes=(f"Column '{name}' {why} and was passed over.",))


def _is_numbering(column: Column) -> bool:
    """Whole numbers, each different, that count up row by row or have the name of an identifier."""
    values = column.values
    if values is None or column.categories or not np.isfinite(values).all() or (values != np.round(values)).any():
        return False
    if len(np.unique(values)) < len(values):
        return False
    return bool((np.diff(values) == 1).all()) or NUMBERING.match(column.name) is not None


def _read_texts(series: pl.Series, place: Place, *, is_target: bool) -> Column:
    import polars as pl

    stripped = series.str.strip_chars()
    maybe_numbers = pl.select(pl.when(~stripped.is_in(MISSING_NUMBER)).then(stripped)).to_series()
    numbers = _to_numbers(maybe_numbers)
    n_numbers = len(numbers) - numbers.null_count()
    texts = pl.select(pl.when(~stripped.is_in(MISSING)).then(stripped)).to_series()
    known = len(texts) - texts.null_count()
    if not known or (n_numbers and n_numbers >= MOSTLY * (len(maybe_numbers) - maybe_numbers.null_count())):
        return _numbers(series.name, maybe_numbers, numbers, place)
    if _count_dates(texts) >= MOSTLY * known:
        return _passed_over(series.name, "holds dates")
    distinct = texts.drop_nulls().unique().sort()
    truth = _truth_values(series.name, texts, distinct.to_list())
    if truth is not None and not is_target:
        return truth
    if len(distinct) > MAX_CATEGORIES * (20 if is_target else 1) or len(distinct) > max(3, MAX_CATEGORY_SHARE * known):
        return _passed_over(series.name, f"holds {len(distinct)} different texts in {known} rows")
    categories = tuple(str(value) for value in distinct)
    positions = {value: float(i) for i, value in enumerate(categories)}
    values = np.array([positions.get(value, np.nan) for value in texts.to_list()])
    return Column(series.name, values, categories)


def _to_numbers(texts: pl.Series) -> pl.Series:
    import polars as pl

    numbers = texts.cast(pl.Float64, strict=False)
    with_comma = texts.str.replace(r"^([-+]?\d+),(\d+)$", "$1.$2").cast(pl.Float64, strict=False)
    return with_comma if with_comma.null_count() < numbers.null_count() else numbers


def _numbers(name: str, texts: pl.Series, numbers: pl.Series, place: Place) -> Column:
    wrong = np.flatnonzero((texts.is_not_null() & numbers.is_null()).to_numpy())
    values: npt.NDArray[Any] = numbers.fill_null(float("nan")).to_numpy()
    notes: tuple[str, ...] = ()
    if len(wrong):
        shown = ", ".join(f"'{texts[int(row)]}' in {place(int(row))}" for row in wrong[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        notes = (f"Column '{name}' holds texts where numbers belong, which count as missing: {shown}{more}.",)
    return Column(name, values.astype(np.float64), notes=notes)


def _count_dates(texts: pl.Series) -> int:
    pattern = r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    return int(texts.str.contains(pattern).sum() or 0)


def _truth_values(name: str, texts: pl.Series, distinct: list[str]) -> Column | None:
    lowered = {value.lower() for value in distinct}
    if len(lowered) != 2 or len(distinct) != 2 or not lowered <= {*TRUE, *FALSE}:
        return None
    is_true = texts.str.to_lowercase().is_in(TRUE)
    values = np.array([np.nan if value is None else float(value) for value in is_true.to_list()])
    return Column(name, values)
