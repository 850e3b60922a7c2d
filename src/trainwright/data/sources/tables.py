"""Tables from CSV, TSV and Parquet files."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError, nearest
from trainwright.data.dataset import Dataset, Kind, Task
from trainwright.data.sources.columns import Column, read_column
from trainwright.data.sources.targets import Targets, read_targets

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = (",", ";", "\t", "|")
SNIFFED_LINES = 20
SNIFFED_CHARACTERS = 1_000_000
MIN_ROWS = 3
PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class _Raw:
    frame: pl.DataFrame
    numbers: npt.NDArray[np.int64]  # of the line (text) or row (Parquet) that each row of the frame was read from
    unit: str
    notes: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        return f"{self.unit} {self.numbers[row]}"


def load_table(path: Path, *, target: str | None = None, task: str = "auto") -> Dataset:
    """A table with one row per sample; ``target`` is the last column where none is named.

    Texts with few different values become categories; dates, texts with many values and numbering columns are passed
    over and named in ``notes``, as are cells of other columns that hold no number and so count as missing.

    Raises ``DataError`` for files that cannot be read, repeated column names, a target that does not exist or lacks
    values, and tables without rows or usable columns.
    """
    raw = _read_parquet(path) if path.suffix.lower() in PARQUET else _read_text(path)
    frame = raw.frame
    if frame.height < MIN_ROWS:
        raise DataError(
            f"The table {path} has {frame.height} rows of data.",
            expected=f"At least {MIN_ROWS}: one each to train, validate and test on.",
            todo="Check that the file is complete.",
        )
    name = _target_name(path, frame.columns, target)
    answers = _read_target(raw, name, task)
    columns = [read_column(frame[c], raw.place) for c in frame.columns if c != name]
    kept = [c for c in columns if c.values is not None]
    notes = (*raw.notes, *answers.notes, *(note for c in columns for note in c.notes))
    if not kept:
        raise DataError(
            f"The table {path} has no usable column besides its target '{name}'. {' '.join(notes)}",
            expected="At least one column of numbers or of categories.",
            todo="Choose another target, or turn texts and dates into numbers.",
        )
    return Dataset(
        name=path.stem,
        inputs=_stack(kept),
        targets=answers.values,
        kind=Kind.TABLE,
        task=answers.task,
        class_names=answers.class_names,
        feature_names=tuple(c.name for c in kept),
        target_name=name,
        categories={c.name: c.categories for c in kept if c.categories},
        origin=tuple(raw.place(row) for row in range(frame.height)),
        description=f"{frame.height:,} rows of {len(kept)} usable columns from {path.name}.",
        notes=notes,
    )


def _stack(columns: list[Column]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a number beyond float32 becomes Inf, which the audit reports with its row
        return np.column_stack([np.asarray(c.values) for c in columns]).astype(np.float32)


def _target_name(path: Path, columns: list[str], target: str | None) -> str:
    if len(columns) < 2:
        raise DataError(
            f"The table {path} has only one column, '{columns[0]}'.",
            expected="At least one input column and a target column.",
            todo="Check the separator of the file; commas, semicolons, tabs and bars are recognised.",
        )
    if target is None:
        return columns[-1]
    if target not in columns:
        raise DataError(
            f"The table {path} has no column '{target}'.{nearest(target, columns)}",
            expected=f"One of {', '.join(columns[:20])}{', …' if len(columns) > 20 else ''}.",
            todo="Correct the target.",
        )
    return target


def _read_target(raw: _Raw, name: str, task: str) -> Targets:
    column = read_column(raw.frame[name], raw.place, is_target=True)
    values = column.values
    if values is None:
        raise DataError(
            f"The target '{name}' cannot be predicted: {' '.join(column.notes)}",
            expected="A column of numbers, or of texts with few different values.",
            todo="Name another column as the target.",
        )
    absent = np.flatnonzero(np.isnan(values))
    if len(absent):
        shown = ", ".join(raw.place(int(row)) for row in absent[:5]) + (", …" if len(absent) > 5 else "")
        raise DataError(
            f"{len(absent)} of {len(values)} rows have no usable value of the target '{name}': {shown}."
            f"{' ' + ' '.join(column.notes) if column.notes else ''}",
            expected="An answer in every row: there is nothing to learn from a row without one.",
            todo="Fill in those cells, remove those rows, or name another target.",
        )
    if column.categories and task == Task.REGRESSION:
        raise DataError(
            f"The task is regression, but the target '{name}' holds texts such as '{column.categories[0]}'.",
            expected="A number in every row.",
            todo="Set data.task to classification, or name another target.",
        )
    if column.categories:
        answers: npt.NDArray[Any] = np.array(column.categories)[values.astype(np.int64)]
    else:
        whole = bool((values == np.round(values)).all() and np.abs(values).max() < 2**53)
        answers = values.astype(np.int64) if whole else values
    return read_targets(answers, task=task)


def _read_parquet(path: Path) -> _Raw:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
        return _Raw(frame, np.arange(frame.height), "row")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet: {_first_line(error)}.",
            expected="A complete Parquet file.",
            todo="Write or fetch the file again.",
        ) from None


def _read_text(path: Path) -> _Raw:
    import polars as pl

    text, notes = _decode(path)
    n_blank = len(text) - len(text.lstrip("\r\n"))
    blank_lines, text = text[:n_blank].count("\n"), text[n_blank:]
    lines = [line for line in text[:SNIFFED_CHARACTERS].split("\n")[: 2 * SNIFFED_LINES] if line.strip()]
    if not lines:
        raise DataError(
            f"The file {path} is empty.",
            expected="A first line with the names of the columns, and a line per sample.",
            todo="Write or fetch the file again.",
        )
    separator = _separator(lines)
    header = _cells(lines[0], separator)
    has_header = not all(_is_number(cell) for cell in header)
    if has_header:
        _require_distinct(path, header)
    else:
        notes = (*notes, "The first line holds only numbers, so the columns were numbered: column 1, column 2, …")
    names = [(cell or f"unnamed {i + 1}") if has_header else f"column {i + 1}" for i, cell in enumerate(header)]
    try:
        frame = pl.read_csv(
            io.BytesIO(text.encode()),
            separator=separator,
            has_header=False,
            skip_rows=int(has_header),
            new_columns=names,
            schema_overrides=dict.fromkeys(names, pl.String),
            infer_schema=False,
        )
    except pl.exceptions.NoDataError:
        frame = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    except pl.exceptions.PolarsError as error:
        place = _first_long_line(text, separator, len(header))
        raise DataError(
            f"{path} cannot be read as a table: {place or _first_line(error)}.",
            expected=f"{len(header)} cells in every line, separated by {separator!r}, as in the first.",
            todo="Correct the lines that have more cells, or quote cells that contain the separator.",
        ) from None
    numbers = np.arange(frame.height, dtype=np.int64) + 1 + blank_lines + int(has_header)
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
    frame = frame.filter(~blank)
    # a separator at the end of every line makes a last column without name or value
    empty = [n for n, cell in zip(names, header, strict=True) if not cell and frame[n].null_count() == frame.height]
    return _Raw(frame.drop(empty), numbers[~blank], "line", notes)


def _first_long_line(text: str, separator: str, width: int) -> str:
    """Which line has more cells than the first."""
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    with contextlib.suppress(csv.Error):
        for cells in reader:
            if len(cells) > width:
                return f"line {reader.line_num} has {len(cells)} cells"
    return ""


def _decode(path: Path) -> tuple[str, tuple[str, ...]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.",
            expected="A readable file.",
            todo="Check the permissions of the file.",
        ) from None
    if b"\x00" in data[:1000] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(
            f"{path} is no text file: it holds zero bytes.",
            expected="A table as text, or a Parquet file that ends in .parquet.",
            todo="Export the table as CSV.",
        )
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return _with_newlines(data.decode(encoding)), ()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        note = f"The file is not UTF-8 (line {line}) and was read as Windows-1252; check accented letters."
        return _with_newlines(data.decode("cp1252", errors="replace")), (note,)


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _separator(lines: list[str]) -> str:
    """The separator by which most of the first lines have the same number of cells, and the more cells the better."""
    sample = lines[:SNIFFED_LINES]

    def merit(separator: str) -> tuple[float, int]:
        widths = [len(_cells(line, separator)) for line in sample]
        first = widths[0]
        return (sum(w == first for w in widths) / len(widths) if first > 1 else 0.0, first)

    return max(SEPARATORS, key=merit)


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:  # a cell longer than any table has
        return [line]


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?", cell) is not None


def _require_distinct(path: Path, header: list[str]) -> None:
    repeated = sorted({cell for cell in header if cell and header.count(cell) > 1})
    if repeated:
        raise DataError(
            f"{header.count(repeated[0])} columns of {path} are called '{repeated[0]}'.",
            expected="A different name for each column.",
            todo="Rename or remove the repeated columns.",
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
