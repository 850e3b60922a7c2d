"""Readers of logs that are text: CSV (Lightning's ``metrics.csv`` among them), JSON Lines and JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from trainwright.core import UsageError
from trainwright.logbook.importers.rows import Rows, as_number, read_text

DELIMITERS = ",;\t|"


def read_csv(path: Path) -> Rows:
    """A table with one line of column names; comma, semicolon, tab or bar between the cells."""
    lines = read_text(path).splitlines()
    delimiter = max(DELIMITERS, key=lines[0].count)
    header = [name.strip() for name in next(csv.reader(lines[:1], delimiter=delimiter))]
    if all(as_number(name) is not None for name in header):
        raise UsageError(
            f"The first line of {path} holds numbers only: {lines[0][:80]}.",
            expected="A first line with the names of the columns, like epoch,train_loss,val_loss.",
            todo="Add such a line.",
        )
    found = Rows(path, "CSV")
    try:
        for number, cells in enumerate(csv.reader(lines[1:], delimiter=delimiter), start=2):
            if any(cell.strip() for cell in cells):
                found.add(dict(zip(header, cells, strict=False)), f"line {number}")
    except csv.Error as error:
        raise UsageError(f"The log {path} is no table: {error}.", expected="Comma-separated values.") from error
    return found


def read_json_lines(path: Path) -> Rows:
    """One JSON object on each line; a cut-off last line is passed over.

    After a line ``{"event": "resumed", "step": s}``, as this package writes it, records of later steps before it count
    no more: they were repeated.
    """
    found = Rows(path, "JSON Lines")
    lines = [(n, line) for n, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()]
    for number, line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            if number == lines[-1][0] and found.rows:
                found.notes.append(f"line {number} is cut off and was passed over")
                break
            raise _no_record(path, number, line) from None
        if not isinstance(record, Mapping):
            raise _no_record(path, number, line)
        step = as_number(record.get("step"))
        if record.get("event") == "resumed" and step is not None:
            found.rows = [row for row in found.rows if row.get("step", 0) <= step]
        else:
            found.add(record, f"line {number}")
    return found


def _no_record(path: Path, number: int, line: str) -> UsageError:
    return UsageError(
        f"Line {number} of {path} is no JSON object: {line[:80]}",
        expected="""One object on each line, like {"epoch": 1, "train_loss": 0.7}.""",
    )


def read_json(path: Path) -> Rows:
    """Hugging Face's ``trainer_state.json``, a list of records, or an object of lists such as Keras' history."""
    try:
        data = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"The log {path} is no JSON: {error}.",
            expected="Hugging Face's trainer_state.json, a list of records, or an object of lists.",
            todo="If each line is an object of its own, name the file .jsonl.",
        ) from None
    return rows_of(data, path)


def rows_of(data: Any, path: Path) -> Rows:
    """The rows of what a JSON file held, or of a mapping of columns given from Python."""
    if isinstance(data, Mapping) and isinstance(data.get("log_history"), list):
        found = Rows(path, "Hugging Face trainer_state")
        # The last entry sums up the whole training: its mean loss is no point of the curve.
        records = [r for r in data["log_history"] if isinstance(r, Mapping) and "train_runtime" not in r]
    elif isinstance(data, list) and all(isinstance(record, Mapping) for record in data):
        found, records = Rows(path, "JSON"), data
    elif isinstance(data, Mapping) and any(isinstance(column, list | tuple) for column in data.values()):
        columns = {name: column for name, column in data.items() if isinstance(column, list | tuple)}
        found = Rows(path, "JSON")
        records = [dict(zip(columns, values, strict=True)) for values in zip_longest(*columns.values())]
    else:
        raise UsageError(
            f"The log {path} holds no training.",
            expected="Hugging Face's trainer_state.json, a list of records, or an object of lists.",
        )
    for number, record in enumerate(records, start=1):
        found.add(record, f"record {number}")
    return found
