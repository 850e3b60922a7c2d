"""Logs of trainings that other programs wrote: found, read and understood. Neither torch nor TensorBoard is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainwright.core import UsageError
from trainwright.core.errors import nearest
from trainwright.logbook.importers.columns import PARTS
from trainwright.logbook.importers.curves import ImportedLog, to_log
from trainwright.logbook.importers.rows import Rows
from trainwright.logbook.importers.tensorboard import read_events
from trainwright.logbook.importers.text import read_csv, read_json, read_json_lines, rows_of

__all__ = ["ImportedLog", "log_of_columns", "read_logs"]

READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
}

MOST_LOGS = 100
"""Logs that one folder may hold; more are hardly meant."""


def log_of_columns(
    columns: Mapping[str, Any], wanted: Mapping[str, str] | None = None, baseline: float | None = None
) -> ImportedLog:
    """A log given as columns (lists or arrays of equal length), such as the ``history`` of Keras."""
    lists = {name: list(column) for name, column in columns.items() if hasattr(column, "__iter__")}
    return to_log(rows_of(lists, Path("the given columns")), wanted or {}, baseline)


def read_logs(path: Path, wanted: Mapping[str, str] | None = None, baseline: float | None = None) -> list[ImportedLog]:
    """The logs in a file or below a folder, ``wanted``: quantity → column where a name does not tell.

    Raises ``UsageError`` where there is none, for a file that cannot be understood, and for one that is damaged. Below
    a folder, files without a loss or metric are passed over.
    """
    wanted = wanted or {}
    if path.is_dir():
        return _search(path, wanted, baseline)
    if not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(
            f"There is no log {path}.{nearest(path.name, beside)}",
            expected="A CSV, JSON, JSON Lines or TensorBoard event file, or a folder with such files.",
        )
    return [to_log(_reader(path)(path), wanted, baseline)]


def _reader(path: Path) -> Callable[[Path], Rows]:
    if _is_events(path):
        return read_events
    if path.suffix.lower() not in READERS:
        raise UsageError(
            f"The log {path} is of no known kind: '{path.suffix}'.",
            expected=f"{', '.join(READERS)}, or TensorBoard's events.out.tfevents….",
            todo="Rename the file by what it holds.",
        )
    return READERS[path.suffix.lower()]


def _is_events(path: Path) -> bool:
    return "tfevents" in path.name


def _search(folder: Path, wanted: Mapping[str, str], baseline: float | None) -> list[ImportedLog]:
    found, passed_over = [], []
    for rows in _all_rows(folder):
        try:
            found.append(to_log(rows(), wanted, baseline))
        except UsageError as error:
            passed_over.append(error.happened)
    if len(found) > MOST_LOGS:
        raise UsageError(
            f"{folder} holds {len(found)} logs.",
            expected=f"At most {MOST_LOGS}.",
            todo="Name one of the folders below it.",
        )
    if not found:
        reasons = " ".join(passed_over[:3]) or "No file in it is named like a log."
        raise UsageError(
            f"No log was found below {folder}. {reasons}",
            expected=f"A file that ends in {', '.join(READERS)}, or TensorBoard's events.out.tfevents….",
        )
    return found


def _all_rows(folder: Path) -> Iterator[Callable[[], Rows]]:
    """What reads each log below a folder; event files of one run are one log."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    runs: dict[Path, list[Path]] = {}
    for path in files:
        if _is_events(path):
            run = path.parent.parent if _part(path.parent) and path.parent != folder else path.parent
            runs.setdefault(run, []).append(path)
        elif path.suffix.lower() in READERS and not _is_superseded(path, files):
            yield lambda path=path: READERS[path.suffix.lower()](path)  # type: ignore[misc]
    for run, events in runs.items():
        yield lambda run=run, events=events: _join(run, events)  # type: ignore[misc]


def _part(folder: Path) -> bool:
    """Whether a folder is named like a part of the data: writers for train and validation log beside each other."""
    return any(folder.name.lower() in names for names in PARTS.values())


def _join(run: Path, events: list[Path]) -> Rows:
    joined = Rows(run, "TensorBoard events")
    for path in events:
        part = read_events(path, "" if path.parent == run else f"{path.parent.name}/")
        joined.rows += part.rows
        joined.notes += [f"{path.name}: {note}" for note in part.notes]
    return joined


def _is_superseded(path: Path, files: list[Path]) -> bool:
    """Whether a later state of the same training lies beside it: Hugging Face writes one into every checkpoint."""
    if path.name != "trainer_state.json":
        return False
    states = [each for each in files if each.name == path.name]
    outside = [each for each in states if each.parent == path.parent.parent]
    siblings = [each for each in states if each.parent.parent == path.parent.parent]
    last = max(siblings, key=lambda each: [int(number) for number in re.findall(r"\d+", each.parent.name)])
    return bool(outside) or (path.parent.name.startswith("checkpoint") and path != last)
