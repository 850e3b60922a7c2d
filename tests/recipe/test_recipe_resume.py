"""A whole run that is killed again and again ends with the numbers of one that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from trainwright.logbook.files import read_json
from trainwright.recipe.stages import STAGES

PROGRAM = "from trainwright.cli.main import main; main()"
NAMES = [stage.name for stage in STAGES]
SMALL = ("--set", "training.epochs=3", "--set", "model.width=8", "--workers", "2")
MOMENTS = (("check", 0), ("overfit", 3), ("overfit", 9), ("regularize", 4), ("tune", 9), ("squeeze", 0), ("report", 0))
"""Stages in which to kill, each once this many more trainings have begun."""
FEW_MOMENTS = (("overfit", 3), ("tune", 9))


def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command line as a process of its own, working in ``folder``."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    """See the process through."""
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def kill_in(process: subprocess.Popen[str], run: Path, stage: str, more: int, jitter: float) -> bool:
    """Kill the process in the given stage, ``jitter`` seconds after as many trainings have begun; False if too late."""
    before = None
    while process.poll() is None:
        finished = {path.stem for path in (run / "stages").glob("*.json")}
        begun = len(list((run / "trainings").glob("*")))
        if before is None and set(NAMES[: NAMES.index(stage)]) <= finished:
            before = begun
        if before is not None and begun >= before + more:
            time.sleep(jitter)
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def without_times(value: Any) -> Any:
    """Plain data without any ``seconds…``, the only thing that may differ."""
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if not key.startswith("seconds")}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def contents(run: Path) -> dict[str, Any]:
    """All that a run measured and decided, in words and numbers; sentences that tell how long it took are cut off."""
    stages = {name: json.dumps(without_times(read_json(run / "stages" / f"{name}.json"))) for name in NAMES}
    took = read_json(run / "stages" / "overfit.json")["facts"]["seconds_per_training"]
    stages["overfit"] = stages["overfit"].replace(f"in {took:.1f} s.", "")
    trainings = {path.parent.name: without_times(read_json(path)) for path in run.glob("trainings/*/result.json")}
    return {**stages, "trainings": trainings, "findings": (run / "findings.json").read_text(encoding="utf-8")}


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(
    ("data", "moments"),
    [
        pytest.param("breast-cancer", FEW_MOMENTS, id="breast-cancer, twice"),
        pytest.param("breast-cancer", MOMENTS, id="breast-cancer, in every stage", marks=pytest.mark.slow),
        pytest.param("digits", MOMENTS, id="digits, in every stage", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_again_and_again_ends_with_the_same_numbers(
    data: str, moments: tuple[tuple[str, int], ...], tmp_path: Path
) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    for folder in (straight, killed):
        folder.mkdir()
    finish(begin(straight, data, *SMALL))
    (left_alone,) = (straight / "runs").glob(f"{data}-*")

    jitter = random.Random(0)
    process = begin(killed, data, *SMALL)
    while not (found := list((killed / "runs").glob(f"{data}-*/request.json"))):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    run = found[0].parent
    kills = 0
    for stage, more in moments:
        kills += kill_in(process, run, stage, more, jitter.uniform(0, 0.05))
        process = begin(killed, "--resume", str(run))
    finish(process)

    assert kills == len(moments)
    assert read_json(run / "status.json")["status"] == "finished"
    before, after = contents(left_alone), contents(run)
    assert before.keys() == after.keys()
    for part, expected in before.items():
        assert after[part] == expected, part
