"""`trainwright check` on scripts as people write them, started as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--softmax", action="store_true")
parser.add_argument("--epochs", type=int, default=1)
options = parser.parse_args()


def main():
    torch.manual_seed(0)
    data = load_digits()
    images, labels = torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)
    layers = [nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)]
    model = nn.Sequential(*layers, nn.Softmax(1)) if options.softmax else nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    print("training for", options.epochs, "epochs")
    for _ in range(options.epochs):
        for inputs, targets in DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
    print("trained")


main()
"""
EXAMPLES = Path(__file__).parents[2] / "examples"


def check(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainwright.cli.main", "check", *arguments]
    wide = {**os.environ, "COLUMNS": "400"}  # paths are not broken
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=120, env=wide)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def test_a_sound_script_is_cleared_and_goes_no_further(script: Path) -> None:
    done = check(str(script), "--epochs", "3")
    assert done.returncode == 0, done.stderr
    assert "training for 3 epochs" in done.stdout
    assert "trained\n" not in done.stdout
    assert "checks passed" in done.stdout


def test_a_fault_is_named_for_people_and_for_programs(script: Path) -> None:
    done = check(str(script), "--softmax")
    assert done.returncode == 1
    assert "TW315 softmax-before-cross-entropy" in done.stdout
    done = check(str(script), "--softmax", "--json")
    shown = json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert done.returncode == 1
    assert shown["findings"][0]["name"] == "softmax-before-cross-entropy"
    assert shown["findings"][0]["severity"] == "error"
    assert {"masked", "not_evaluated", "passed", "seconds"} <= set(shown)
    assert "training for 1 epochs" in done.stderr


def test_an_experiment_is_checked_as_run_would_take_it() -> None:
    done = check(str(EXAMPLES / "experiment_gru_softmax.py"), "--json", "--set", "seed=3")
    assert json.loads(done.stdout)["findings"][0]["code"] == "TW315"
    assert done.returncode == 1


def test_what_the_script_raises_is_shown_as_its_own(script: Path) -> None:
    script.write_text(SCRIPT.replace("loss = criterion", "loss = 1 / 0 or criterion"), encoding="utf-8")
    done = check(str(script))
    assert done.returncode == 2
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "trainwright/" not in done.stderr, "our own frames are left out"
    assert "train.py failed while trainwright ran it" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian.py"], "Did you mean 'train.py'?"),
        (["train.py", "--set", "seed=1"], "which has no settings"),
        (["train.py", "--epochs", "0"], "ended without a step"),
        (["experiment.py", "--epochs", "3"], "takes no arguments"),
    ],
)
def test_wrong_use_ends_with_2(arguments: list[str], message: str, script: Path) -> None:
    (script.parent / "experiment.py").write_text("def experiment():\n    pass\n", encoding="utf-8")
    done = check(*arguments, cwd=script.parent)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
