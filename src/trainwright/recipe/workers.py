"""Workers: other processes that train several variants at the same time, one core each."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainwright.workbench.experiment import Experiment
from trainwright.workbench.settings import flatten

MOST_BYTES = 2 << 30
"""Every worker loads the data; together they may hold this much."""


@dataclass(frozen=True)
class Job:
    """One training: a variant of the run's experiment, its seed and the folder it belongs in."""

    experiment: Experiment
    seed: int
    folder: Path


def useful_workers(experiment: Experiment, threads: int, wanted: int) -> int:
    """How many of ``wanted`` processes make sense: 1 where one training keeps all cores busy or memory is short."""
    if threads > 1:
        return 1
    by_memory = MOST_BYTES // max(1, experiment.dataset.inputs.nbytes)
    return max(1, min(wanted, os.cpu_count() or 1, by_memory))


class Workers:
    """A few processes, started when first needed; a context manager that ends them."""

    def __init__(self, base: Experiment, target: str, changes: Mapping[str, Any], *, count: int, threads: int) -> None:
        """``target`` and ``changes`` make ``base`` again; ``count`` processes of ``threads`` threads."""
        self._base = base
        self._beginning = {"target": target, "changes": dict(changes), "threads": threads}
        self._count = count
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
        for process in self._processes:
            with process:  # waits, then closes the pipes
                pass
        self._processes = []

    def train(self, jobs: Sequence[Job], on_epoch: Callable[[], None]) -> None:
        """Train all jobs; what no worker could do is left undone for the caller to do himself.

        ``on_epoch`` is called from this thread for each epoch done anywhere.
        """
        if self._count < 2 or len(jobs) < 2:
            return
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(_message(self._base, job))
        news: queue.SimpleQueue[str] = queue.SimpleQueue()
        drivers = [
            threading.Thread(target=_drive, args=(process, waiting, news), daemon=True) for process in self._started()
        ]
        for driver in drivers:
            driver.start()
        running = len(drivers)
        while running:
            event = news.get()
            if event == "epoch":
                on_epoch()
            else:
                running -= 1

    def _started(self) -> list[subprocess.Popen[str]]:
        if not self._processes:
            environment = {**os.environ, "OMP_NUM_THREADS": str(self._beginning["threads"])}
            for _ in range(self._count):
                process = subprocess.Popen(
                    [sys.executable, "-m", "trainwright.recipe.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    env=environment,
                )
                self._processes.append(process)
                _send(process, json.dumps(self._beginning))
        return self._processes


def _message(base: Experiment, job: Job) -> str:
    """The job as the differences from the run's experiment."""
    own, variant = flatten(base.config.model_dump(mode="json")), flatten(job.experiment.config.model_dump(mode="json"))
    changes = {key: value for key, value in variant.items() if own.get(key) != value}
    body = {"changes": changes, "seed": job.seed, "key": job.experiment.key(job.seed), "folder": str(job.folder)}
    return json.dumps(body)


def _drive(process: subprocess.Popen[str], waiting: queue.SimpleQueue[str], news: queue.SimpleQueue[str]) -> None:
    """Feed one process until no job waits or it has died."""
    assert process.stdout is not None
    with contextlib.suppress(queue.Empty, OSError):
        while _send(process, waiting.get_nowait()):
            for line in process.stdout:
                if "finished" in json.loads(line):
                    break
                news.put("epoch")
            else:
                break  # the process has died; the caller trains what is missing
    news.put("end")


def _send(process: subprocess.Popen[str], line: str) -> bool:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return True
