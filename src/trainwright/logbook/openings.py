"""How often each test set was opened, by any run below one root folder."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from pathlib import Path

from trainwright.logbook.files import cannot_write, make_folder

FILE_NAME = "test-openings.jsonl"


def record_opening(root: Path, fingerprint: str, run: str) -> int:
    """Note that ``run`` opens the test set ``fingerprint``; how many distinct runs did so far, this one included.

    The note is on the disk before this returns. The same run is counted once, however often it asks. Raises
    ``RunFolderError`` where the note cannot be written.
    """
    make_folder(root)
    path = root / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            runs = _runs(path, fingerprint)
            if run not in runs:
                _append(descriptor, path, fingerprint, run)
                runs.add(run)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise cannot_write(path, error) from error
    return len(runs)


def count_openings(root: Path, fingerprint: str) -> int:
    """How many distinct runs opened this test set so far."""
    return len(_runs(root / FILE_NAME, fingerprint))


def _append(descriptor: int, path: Path, fingerprint: str, run: str) -> None:
    record = {"fingerprint": fingerprint, "run": run, "time": datetime.now().astimezone().isoformat(timespec="seconds")}
    content = path.read_bytes()
    # A line that a killed process did not finish must not swallow this one.
    start = b"\n" if content and not content.endswith(b"\n") else b""
    os.write(descriptor, start + json.dumps(record).encode() + b"\n")
    os.fsync(descriptor)


def _runs(path: Path, fingerprint: str) -> set[str]:
    if not path.exists():
        return set()
    runs = set()
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # a line cut off by a crash: its opening never went ahead
        if record["fingerprint"] == fingerprint:
            runs.add(str(record["run"]))
    return runs
