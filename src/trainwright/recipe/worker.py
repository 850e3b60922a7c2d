"""A worker process: trains what the recipe asks for into the run's own training folders.

Started as ``python -m trainwright.recipe.worker``; reads one JSON job a line from standard input and answers with one
JSON object a line. It ends when its input ends, also in the middle of a training: a recipe that was killed leaves no
process behind that would write to its run.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Any

import torch

from trainwright.core import TrainwrightError
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loading import load_experiment
from trainwright.workbench.loop import train


def main() -> None:
    """Serve jobs until standard input ends."""
    # Ctrl-C reaches the whole process group; the recipe decides, and ends this process by closing its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a user's own code prints must not look like an answer
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    beginning = jobs.get()
    torch.set_num_threads(beginning["threads"])
    experiment = load_experiment(beginning["target"], beginning["changes"])
    while True:
        _answer(answers, {"finished": _work(experiment, jobs.get(), answers)})


def _read(jobs: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)


def _work(base: Experiment, job: dict[str, Any], answers: IO[str]) -> bool:
    """Train one job; False when it turns out to be another training than the recipe means, or fails.

    The recipe then trains it itself and meets the same error where it can be reported.
    """
    try:
        experiment = base.with_changes(job["changes"])
        if experiment.key(job["seed"]) != job["key"]:
            return False
        train(
            experiment,
            seed=job["seed"],
            folder=Path(job["folder"]),
            on_epoch=lambda record: _answer(answers, {"epoch": record.epoch}),
        )
    except TrainwrightError:
        return False
    return True


def _answer(answers: IO[str], body: dict[str, Any]) -> None:
    answers.write(json.dumps(body) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
