"""What a log holds before anybody has said what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainwright.core import UsageError

Row = dict[str, float]

MISSING = frozenset({"", "-", "none", "null", "n/a", "na"})
"""Words that stand for no value, in lower case."""


@dataclass
class Rows:
    """Rows of numbers by column name; a row lacks the columns that it has no number for.

    ``texts``: where a column held something that is no number: column → (place, what stood there). ``notes``: what the
    reader of the finding should know about how the log was read.
    """

    path: Path
    kind: str
    rows: list[Row] = field(default_factory=list)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """All column names, in the order in which they came."""
        return list(dict.fromkeys(name for row in self.rows for name in row) | dict.fromkeys(self.texts))

    def add(self, record: Mapping[str, Any], place: str) -> None:
        """Append a record, groups in it flattened (``{"train": {"loss": 1}}`` is ``train/loss``)."""
        row: Row = {}
        self._fill(row, record, "", place)
        self.rows.append(row)

    def _fill(self, row: Row, record: Mapping[str, Any], prefix: str, place: str) -> None:
        for key, value in record.items():
            name = f"{prefix}{key}"
            if isinstance(value, Mapping):
                self._fill(row, value, f"{name}/", place)
                continue
            number = as_number(value)
            if number is not None:
                row[name] = number
            elif isinstance(value, str) and value.strip().lower() not in MISSING:
                self.texts.setdefault(name, (place, value))


def as_number(value: Any) -> float | None:
    """The number that a cell means; None for an empty one and for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def read_bytes(path: Path) -> bytes:
    """The content of a file; ``UsageError`` where it cannot be read or is empty."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The log {path} cannot be read: {error.strerror or error}.",
            expected="A file that exists and may be read.",
            todo="Check the path and its permissions.",
        ) from error
    if not content.strip():
        raise UsageError(f"The log {path} is empty.", expected="A log with at least one row.")
    return content


def read_text(path: Path) -> str:
    """The same as text in UTF-8."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The log {path} is no text: byte {error.start} is no UTF-8.",
            expected="CSV, JSON or JSON Lines in UTF-8, or TensorBoard's event files (named events.out.tfevents…).",
        ) from error
