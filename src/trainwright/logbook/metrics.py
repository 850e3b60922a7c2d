"""The metrics log: one JSON object per line, append only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from trainwright.logbook.files import cannot_write, damaged, make_folder


class MetricsLog:
    """Appends records to a file and flushes each, so that a killed process loses at most the line it was writing.

    Such a cut-off last line is removed when the log is opened again. ``is_new``: there was no record before. All
    methods raise ``RunFolderError`` where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        try:
            _cut_incomplete_line(path)
            self.is_new = not path.is_file() or not path.stat().st_size
            self._file: BinaryIO = path.open("ab")
        except OSError as error:
            raise cannot_write(path, error) from error

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record; ``step`` counts optimizer steps where the record has one."""
        try:
            self._file.write(json.dumps(dict(record), separators=(",", ":")).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        try:
            self._file.close()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cut_incomplete_line(path: Path) -> None:
    if not path.is_file():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All records that count, oldest first; an empty list where there is no file.

    A cut-off last line is passed over. A line ``{"event": "resumed", "step": s}`` says that training went on from
    step ``s``: records of later steps before it were repeated and are left out, as is the line itself.
    Raises ``RunFolderError`` for damage anywhere else.
    """
    if not path.exists():
        return []
    *lines, _cut_off = path.read_bytes().split(b"\n")
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            raise damaged(path, f"line {number} is no JSON") from None
        if record.get("event") == "resumed":
            records = [r for r in records if r.get("step", 0) <= record["step"]]
        else:
            records.append(record)
    return records
