"""A list of all runs below a folder. The folders are the truth; the SQLite file only spares reading them again."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainwright.core import RunFolderError
from trainwright.logbook.run import RunFolder, configuration_key

_SCHEMA = "CREATE TABLE IF NOT EXISTS runs (name TEXT PRIMARY KEY, stamp TEXT, keys TEXT, summary TEXT)"


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs. ``test_metric`` is None until the test set was opened; ``seconds`` spent so far."""

    path: Path
    name: str
    status: str
    started: str
    data_name: str
    metric_name: str
    test_metric: float | None
    seconds: float


@dataclass(frozen=True)
class _Entry:
    summary: RunSummary
    keys: tuple[str, ...]


def list_runs(root: Path) -> list[RunSummary]:
    """All runs below ``root``, oldest first; a run whose files are damaged is listed with status *damaged*."""
    return [entry.summary for entry in _entries(Path(root))]


def same_configuration(root: Path, key: str) -> list[RunSummary]:
    """Runs with this configuration, oldest first.

    ``key`` is an experiment's key as kept in the plan (``{"key": ...}``), or
    :func:`~trainwright.logbook.run.configuration_key` of a ``config.yaml``.
    """
    return [entry.summary for entry in _entries(Path(root)) if key in entry.keys]


def _entries(root: Path) -> list[_Entry]:
    if not root.is_dir():
        return []
    folders = sorted(path.parent for path in root.glob("*/environment.json"))
    known = _read_cache(root)
    entries: dict[str, tuple[str, _Entry]] = {}
    for folder in folders:
        stamp = _stamp(folder)
        kept = known.get(folder.name)
        entries[folder.name] = kept if kept and kept[0] == stamp else (stamp, _read_folder(folder))
    if entries != known:
        _write_cache(root, entries)
    # Whether a run still runs is a matter of this moment and is never taken from the cache.
    return sorted((_live(entry) for _, entry in entries.values()), key=lambda e: (e.summary.started, e.summary.name))


def _live(entry: _Entry) -> _Entry:
    if entry.summary.status not in ("running", "interrupted"):
        return entry
    return _read_folder(entry.summary.path)


def _stamp(folder: Path) -> str:
    """Changes whenever a file that the summary is made of changes."""
    names = ("status.json", "summary.json", "config.yaml", "plan.json", "stages", "stages/report.json")
    return " ".join(str((folder / name).stat().st_mtime_ns) if (folder / name).exists() else "-" for name in names)


def _read_folder(folder: Path) -> _Entry:
    run = RunFolder(folder)
    try:
        plan = run.load_plan() or {}
        config = run.load_config() if (folder / "config.yaml").exists() else ""
        keys = tuple(k for k in (str(plan.get("key", "")), configuration_key(config) if config else "") if k)
        facts = _facts(run, config)
        return _Entry(RunSummary(path=folder, name=folder.name, status=run.status, started=run.started, **facts), keys)
    except (RunFolderError, KeyError, TypeError):
        return _Entry(RunSummary(folder, folder.name, "damaged", "", "", "", None, 0.0), ())


def _facts(run: RunFolder, config: str) -> dict[str, Any]:
    """What the stages found so far; the report stage holds the result of the test."""
    kept = run.load_summary()
    if kept is not None:
        return kept
    stages = {path.stem: run.load_stage(path.stem) or {} for path in (run.path / "stages").glob("*.json")}
    final = stages.get("report", {}).get("facts", {})
    return {
        "data_name": _source(config),
        "metric_name": str(final.get("metric", "")),
        "test_metric": final.get("test_metric"),
        "seconds": float(sum(stage.get("seconds", 0.0) for stage in stages.values())),
    }


def _source(config: str) -> str:
    """The data source, read without a YAML parser: the first indented ``source:`` line."""
    lines = (line.strip() for line in config.splitlines())
    return next((line.removeprefix("source:").strip() for line in lines if line.startswith("source:")), "")


@contextlib.contextmanager
def _database(root: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(root / "index.sqlite", timeout=5)) as connection, connection:
        connection.execute(_SCHEMA)
        yield connection


def _read_cache(root: Path) -> dict[str, tuple[str, _Entry]]:
    if not (root / "index.sqlite").exists():
        return {}
    try:
        with _database(root) as connection:
            rows = connection.execute("SELECT name, stamp, keys, summary FROM runs").fetchall()
        return {name: (stamp, _entry(root / name, keys, summary)) for name, stamp, keys, summary in rows}
    except (sqlite3.Error, ValueError, TypeError):
        with contextlib.suppress(OSError):
            (root / "index.sqlite").unlink()
        return {}


def _entry(folder: Path, keys: str, summary: str) -> _Entry:
    return _Entry(RunSummary(path=folder, **json.loads(summary)), tuple(json.loads(keys)))


def _write_cache(root: Path, entries: dict[str, tuple[str, _Entry]]) -> None:
    rows = []
    for name, (stamp, entry) in entries.items():
        summary = {field: value for field, value in asdict(entry.summary).items() if field != "path"}
        rows.append((name, stamp, json.dumps(entry.keys), json.dumps(summary)))
    # A folder one may only read has no cache; the list is complete without it.
    with contextlib.suppress(sqlite3.Error), _database(root) as connection:
        connection.execute("DELETE FROM runs")
        connection.executemany("INSERT INTO runs VALUES (?, ?, ?, ?)", rows)
