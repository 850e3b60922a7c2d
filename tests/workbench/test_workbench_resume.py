from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest
import torch

from trainwright.core import RunFolderError
from trainwright.logbook.files import read_json
from trainwright.logbook.metrics import read_metrics
from trainwright.workbench import checkpoints
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import train
from trainwright.workbench.result import TrainingResult

PROGRAM = Path(__file__).with_name("resumable.py")


def contents(folder: Path) -> dict[str, Any]:
    """Everything a training leaves, but for the time it took and checksums of files."""
    result = read_json(folder / "result.json")
    result.pop("seconds")
    for record in result["history"]:
        record.pop("seconds")
    metrics = [{k: v for k, v in record.items() if k != "seconds"} for record in read_metrics(folder / "metrics.jsonl")]
    tensors = {p.name: p.read_bytes() for p in (folder / "checkpoints").glob("*")}
    return {"result": result, "metrics": metrics, "tensors": tensors}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_training_killed_at_any_moment_ends_with_the_same_bits(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROGRAM, tmp_path / "straight"], check=True, stdout=subprocess.DEVNULL)
    straight = contents(tmp_path / "straight")
    moments = random.Random(0)
    kills = 0
    for attempt in range(4):
        folder = tmp_path / "killed"
        process = subprocess.Popen([sys.executable, PROGRAM, folder], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()  # the first epoch of this attempt is over
        # With a checkpoint after every step most of the time goes into writing them: some kills strike there.
        time.sleep(moments.uniform(0, 0.08))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert not (folder / "result.json").exists(), f"attempt {attempt} came too late to interrupt anything"
    assert kills == 4
    subprocess.run([sys.executable, PROGRAM, tmp_path / "killed"], check=True, stdout=subprocess.DEVNULL)
    resumed = contents(tmp_path / "killed")
    assert resumed["tensors"].keys() == straight["tensors"].keys()
    for name, data in straight["tensors"].items():
        assert resumed["tensors"][name] == data, name
    assert resumed["result"] == straight["result"]
    assert resumed["metrics"] == straight["metrics"]


def without_seconds(result: TrainingResult) -> tuple[Any, ...]:
    return tuple(replace(record, seconds=0.0) for record in result.history)


def assert_same(a: TrainingResult, b: TrainingResult) -> None:
    assert without_seconds(a) == without_seconds(b)
    np.testing.assert_array_equal(a.validation_outputs, b.validation_outputs)
    for (name, x), y in zip(a.load_model().state_dict().items(), b.load_model().state_dict().values(), strict=True):
        assert torch.equal(x, y), name


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_every_step_is_a_good_moment_to_stop(
    wine: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    experiment = wine.with_changes(
        {"training.checkpoint_seconds": 0.0, "training.epochs": 2, "optimizer.name": optimizer, "training.average": 0.5}
    )
    straight = train(experiment, seed=0)
    save = checkpoints.save_checkpoint

    class Killed(BaseException):
        pass

    def save_and_die(*args: Any) -> Never:
        save(*args)
        raise Killed

    monkeypatch.setattr("trainwright.workbench.loop.save_checkpoint", save_and_die)
    deaths = 0
    while not (tmp_path / "result.json").exists() and deaths < 50:
        try:
            train(experiment, seed=0, folder=tmp_path)
        except Killed:
            deaths += 1
    assert deaths == straight.steps + 2  # after every step, and after every epoch
    assert_same(straight, train(experiment, seed=0, folder=tmp_path))


def test_an_interrupt_leaves_a_checkpoint_and_the_handler_as_it_was(wine: Experiment, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupt(record: Any) -> None:
        if record.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(wine, seed=0, folder=tmp_path, on_epoch=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    state = read_json(tmp_path / "checkpoints" / "state.json")["state"]
    assert (state["epoch"], state["step_in_epoch"]) == (2, 1)  # the step that was under way is finished first
    epochs: list[int] = []
    resumed = train(wine, seed=0, folder=tmp_path, on_epoch=lambda record: epochs.append(record.epoch))
    assert epochs == [3, 4]
    assert_same(resumed, train(wine, seed=0))


def test_an_interrupt_raised_by_the_caller_leaves_a_checkpoint(wine: Experiment, tmp_path: Path) -> None:
    def interrupt(_: Any) -> Never:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(wine, seed=0, folder=tmp_path, on_epoch=interrupt)
    assert_same(train(wine, seed=0, folder=tmp_path), train(wine, seed=0))


def test_a_finished_training_is_read_not_repeated(wine: Experiment, tmp_path: Path) -> None:
    first = train(wine, seed=0, folder=tmp_path)
    stamp = (tmp_path / "result.json").stat().st_mtime_ns
    again = train(wine, seed=0, folder=tmp_path, on_epoch=lambda _: pytest.fail("trained again"))
    assert (tmp_path / "result.json").stat().st_mtime_ns == stamp
    assert_same(first, again)
    assert first == replace(again, validation_outputs=first.validation_outputs)


def test_a_folder_of_another_training_is_refused(wine: Experiment, tmp_path: Path) -> None:
    train(wine, seed=0, folder=tmp_path)
    with pytest.raises(RunFolderError, match=r"seed 0.*not .*seed 1"):
        train(wine, seed=1, folder=tmp_path)


@pytest.mark.parametrize("name", ["state-a.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_named(wine: Experiment, tmp_path: Path, name: str) -> None:
    def interrupt(_: Any) -> Never:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(wine, seed=0, folder=tmp_path, on_epoch=interrupt)
    path = tmp_path / "checkpoints" / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunFolderError, match=f"{name} is damaged"):
        train(wine, seed=0, folder=tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "outputs.safetensors"])
def test_damaged_weights_are_named(wine: Experiment, tmp_path: Path, name: str) -> None:
    train(wine, seed=0, folder=tmp_path)
    path = tmp_path / "checkpoints" / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RunFolderError, match=f"{name} is damaged"):
        train(wine, seed=0, folder=tmp_path).load_model()


@pytest.mark.parametrize("writes", [3, 20, 41])
def test_a_disk_that_fills_up_is_said_and_loses_nothing(
    wine: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    experiment = wine.with_changes({"training.checkpoint_seconds": 0.0})
    write, left = os.write, [writes]

    def full_after_some(descriptor: int, data: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full_after_some)
    with pytest.raises(RunFolderError, match="No space left"):
        train(experiment, seed=0, folder=tmp_path)
    monkeypatch.undo()
    assert_same(train(experiment, seed=0, folder=tmp_path), train(experiment, seed=0))


def test_a_folder_that_cannot_be_written_is_said(wine: Experiment, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        train(wine, seed=0, folder=tmp_path / "file" / "training")


class OddState(torch.optim.SGD):
    """Keeps something that is neither a tensor nor plain."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["odd"] = object()
        return loss


def test_an_optimizer_that_cannot_be_stored_trains_all_the_same(wine: Experiment, tmp_path: Path) -> None:
    data = wine.dataset
    experiment = Experiment(
        data=(data.inputs, data.targets),
        optimizer=lambda parameters: OddState(parameters, 0.01),
        config={"training.checkpoint_seconds": 0.0},
        epochs=2,
    )
    result = train(experiment, seed=0, folder=tmp_path)
    assert len(result.history) == 2
    assert any(record.get("event") == "cannot resume" for record in read_metrics(tmp_path / "metrics.jsonl"))
