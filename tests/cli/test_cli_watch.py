"""``trainwright watch``: scripts run as they do without it, and what is wrong is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEALTHY = """
import sys
import torch
from torch import nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
inputs = torch.tensor(digits.data / 16, dtype=torch.float32)
classes = torch.tensor(digits.target)


def main(epochs):
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        model.train()
        for rows in torch.randperm(1400).split(32):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[rows]), classes[rows])
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = (model(inputs[1400:]).argmax(1) == classes[1400:]).float().mean()
        print(f"epoch {epoch}: {loss.item():.6f} {right:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[sys.argv.index("--epochs") + 1]))
"""


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command in a folder of its own, one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "110"}
    command = [str(each) for each in arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def program() -> str:
    """The installed command."""
    return str(Path(sys.executable).with_name("trainwright"))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(HEALTHY)
    return path


def test_output_arguments_and_exit_code_are_the_scripts_own(script: Path) -> None:
    plain = run(sys.executable, script, "--epochs", "3", folder=script.parent)
    watched = run(program(), "watch", "--json", "found.json", script, "--epochs", "3", folder=script.parent)
    assert watched.stdout == plain.stdout
    assert (plain.returncode, watched.returncode) == (0, 0)
    found = json.loads((script.parent / "found.json").read_text())
    assert found["steps"] == 3 * 44
    assert found["fault"] == ""
    assert [f for f in found["findings"] if f["severity"] != "advice"] == []
    assert "in 132 steps of Sequential under Adam" in watched.stderr
    page = (script.parent / "trainwright-report.html").read_text()
    assert "Gradient norms" in page
    assert "Loss" in page


def test_a_planted_bug_is_named(script: Path) -> None:
    script.write_text(HEALTHY.replace("optimizer.zero_grad()", "pass"))
    done = run(program(), "watch", "--no-report", "--fail-on", "error", script, "--epochs", "3", folder=script.parent)
    assert "TW409 gradient-accumulates" in done.stderr
    assert done.returncode == 1
    assert not (script.parent / "trainwright-report.html").exists()


def test_a_module_is_run_as_with_python(script: Path) -> None:
    (script.parent / "package").mkdir()
    (script.parent / "package" / "__init__.py").touch()
    (script.parent / "package" / "fit.py").write_text("from . import __name__ as name\nprint(name)\n" + HEALTHY)
    done = run(program(), "watch", "--no-report", "-m", "package.fit", "--epochs", "1", folder=script.parent)
    assert done.stdout.startswith("package\nepoch 0")
    assert done.returncode == 0


def test_an_exception_is_shown_as_python_shows_it(script: Path) -> None:
    script.write_text(HEALTHY.replace("        print(", "        inputs.nonsense()\n        print("))
    plain = run(sys.executable, script, "--epochs", "2", folder=script.parent)
    watched = run(program(), "watch", "--no-report", script, "--epochs", "2", folder=script.parent)
    assert watched.returncode == plain.returncode == 1
    assert plain.stderr in watched.stderr  # the very same traceback, then the summary
    assert "in 44 steps" in watched.stderr


@pytest.mark.parametrize(("ending", "code"), [("sys.exit(7)", 7), ("sys.exit()", 0), ("sys.exit('enough')", 1)])
def test_the_exit_code_is_the_scripts(ending: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "end.py").write_text(f"import sys\nprint('so far')\n{ending}\n")
    done = run(program(), "watch", "--no-report", "end.py", folder=tmp_path)
    assert done.returncode == code
    assert done.stdout == "so far\n"
    assert ("enough" in done.stderr) == ("enough" in ending)


def test_after_an_interrupt_there_is_a_report(script: Path) -> None:
    script.write_text(HEALTHY.replace("        print(", "        import time; time.sleep(0.2)\n        print("))
    command = [program(), "watch", str(script), "--epochs", "500"]
    process = subprocess.Popen(
        command,
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        # A test run in the background may have been told to ignore interrupts; its children would, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch 0")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in errors
    assert "trainwright-report.html" in errors
    assert (script.parent / "trainwright-report.html").exists()


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    done = run(program(), "watch", "nothing.py", folder=tmp_path)
    assert done.returncode == 2
    assert "There is no file 'nothing.py'" in done.stderr
    assert "Traceback" not in done.stderr
