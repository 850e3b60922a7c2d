"""Run folders: everything one run of the recipe knows, readable without the program.

::

    config.yaml  environment.json  plan.json  status.json  summary.json
    stages/<name>.json   trainings/<key>/   pictures/   report.html
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from trainwright.core import RunFolderError
from trainwright.logbook.files import cannot_write, make_folder, read_json, write_bytes, write_json

Status = Literal["running", "finished", "stopped", "interrupted"]

_PACKAGES = ("trainwright", "torch", "numpy", "pydantic", "safetensors", "scikit-learn", "polars", "pillow", "altair")


class RunFolder:
    """One run's folder. Made by :meth:`create` or :meth:`open`; every write is atomic and checksummed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, name: str) -> RunFolder:
        """A new folder ``root/<name>-<date>-<time>`` with ``environment.json``; its status is *running*.

        Raises ``RunFolderError`` where the folder cannot be made.
        """
        started = datetime.now().astimezone()
        safe = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
        path = _new_folder(make_folder(Path(root)), f"{safe}-{started:%Y%m%d-%H%M%S}")
        run = cls(path)
        write_json(path / "environment.json", {"started": started.isoformat(timespec="seconds"), **_environment()})
        run.set_status("running")
        return run

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """An existing run; ``RunFolderError`` if the folder is none."""
        path = Path(path)
        if not (path / "environment.json").is_file():
            raise RunFolderError(
                f"{path} is no run folder: it has no environment.json." if path.exists() else f"{path} does not exist.",
                expected="The folder of a run, like runs/digits-20260131-120000.",
                todo="Run 'trainwright runs' for a list.",
            )
        return cls(path)

    @property
    def name(self) -> str:
        """The folder's own name; names the run in the logbook."""
        return self.path.name

    @property
    def environment(self) -> dict[str, Any]:
        """Start time, versions, machine, code version and command line, as they were when the run began."""
        return cast("dict[str, Any]", read_json(self.path / "environment.json"))

    @property
    def started(self) -> str:
        """When the run was created, ISO 8601 with time zone."""
        return str(self.environment["started"])

    def save_config(self, yaml: str) -> None:
        """Keep the complete configuration."""
        write_bytes(self.path / "config.yaml", yaml.encode())

    def load_config(self) -> str:
        """The configuration kept by :meth:`save_config`; ``RunFolderError`` where there is none."""
        try:
            return (self.path / "config.yaml").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RunFolderError(
                f"Cannot read {self.path / 'config.yaml'}: {error}.",
                expected="The configuration this run was started with.",
                todo="Restore the file, or start a new run.",
            ) from None

    def save_stage(self, name: str, body: dict[str, Any]) -> None:
        """Keep the result of a stage."""
        write_json(self.path / "stages" / f"{name}.json", body)

    def load_stage(self, name: str) -> dict[str, Any] | None:
        """The result of a stage, or None while it is not finished."""
        return self._load(self.path / "stages" / f"{name}.json")

    def save_plan(self, body: dict[str, Any]) -> None:
        """Keep what will be done. A member ``key`` (of the experiment) lets repeated runs be recognised."""
        write_json(self.path / "plan.json", body)

    def load_plan(self) -> dict[str, Any] | None:
        """The plan, or None before there is one."""
        return self._load(self.path / "plan.json")

    def save_summary(self, *, data_name: str, metric_name: str, test_metric: float | None, seconds: float) -> None:
        """Keep what a list of runs shows, where it is not to be taken from the stages."""
        write_json(
            self.path / "summary.json",
            {"data_name": data_name, "metric_name": metric_name, "test_metric": test_metric, "seconds": seconds},
        )

    def load_summary(self) -> dict[str, Any] | None:
        """What :meth:`save_summary` kept, or None."""
        return self._load(self.path / "summary.json")

    def _load(self, path: Path) -> dict[str, Any] | None:
        return cast("dict[str, Any]", read_json(path)) if path.exists() else None

    def training_folder(self, key: str) -> Path:
        """The folder of the training with this key, created where missing."""
        return make_folder(self.path / "trainings" / key)

    @property
    def pictures(self) -> Path:
        """The folder of pictures, created where missing."""
        return make_folder(self.path / "pictures")

    def set_status(self, status: Status, reason: str = "") -> None:
        """Keep how the run stands and why."""
        write_json(self.path / "status.json", {"status": status, "reason": reason})

    @property
    def status(self) -> Status:
        """How the run stands; a *running* whose process is gone reads *interrupted*."""
        kept = cast("Status", read_json(self.path / "status.json")["status"])
        return "interrupted" if kept == "running" and not self._is_locked() and self._was_locked() else kept

    @property
    def status_reason(self) -> str:
        """Why the run stands so; empty where there is nothing to say."""
        return str(read_json(self.path / "status.json")["reason"])

    @property
    def _lock_path(self) -> Path:
        return self.path / ".lock"

    def _was_locked(self) -> bool:
        return self._lock_path.exists()

    def _is_locked(self) -> bool:
        try:
            descriptor = os.open(self._lock_path, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process.

        The operating system gives the lock back when a process ends, however it ends, so nothing stays locked. Raises
        ``RunFolderError`` while another process holds it.
        """
        try:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise cannot_write(self._lock_path, error) from error
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 32, 0).decode() or "unknown"
            raise RunFolderError(
                f"The run {self.path} is in use by another process (number {holder}).",
                expected="One process per run.",
                todo="Wait until it ends, end it, or start a run of your own.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def configuration_key(yaml: str) -> str:
    """Names a configuration, for finding runs that used the same one."""
    return hashlib.sha256(yaml.encode()).hexdigest()[:16]


def _new_folder(root: Path, name: str) -> Path:
    number = 1
    while True:
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise cannot_write(path, error) from error
        else:
            return path


def _environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "machine": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "code": _code_version(),
        "command": sys.argv,
        "folder": str(Path.cwd()),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _code_version() -> dict[str, Any] | None:
    """Commit of the folder the program was started in, where it is a git repository."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        commit = _output(git, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_output(git, "status", "--porcelain"))} if commit else None
    except (OSError, subprocess.SubprocessError):
        return None


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else ""
