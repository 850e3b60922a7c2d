"""Bad inputs end with a clear message and the right exit code, and nothing made so far is lost."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from trainwright.cli.main import app
from trainwright.cli.options import STAGES

ROWS = 120


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in a folder of its own, with one thread."""
    import torch

    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def refused(*arguments: str, named: tuple[str, ...]) -> str:
    """The message of a command that must end with 2, without a traceback and without leaving a run behind."""
    result = invoke(*arguments)
    message = " ".join(result.stderr.split())
    assert result.exit_code == 2, result.output
    for part in named:
        assert part in message
    assert "Traceback" not in result.output
    return message


def table(name: str, change: Callable[[dict[str, list[str]]], None] = lambda columns: None) -> str:
    """A CSV file of flowers in two kinds that a straight line can tell apart; ``change`` spoils it."""
    rng = np.random.default_rng(0)
    kind = np.arange(ROWS) % 2
    columns = {
        "width": [f"{value:.3f}" for value in rng.normal(size=ROWS) + 2 * kind],
        "height": [f"{value:.3f}" for value in rng.normal(size=ROWS) - 2 * kind],
        "kind": [("aster", "rose")[k] for k in kind],
    }
    change(columns)
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def test_a_missing_file_is_named() -> None:
    refused("audit", "nowhere.csv", named=("nowhere.csv",))
    assert list(Path().iterdir()) == []


def test_a_misspelt_file_gets_the_nearest_one() -> None:
    table("houses.csv")
    refused("audit", "huoses.csv", named=("huoses.csv", "houses.csv"))


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    refused("audit", "digts", named=("'digts'", "digits"))


@pytest.mark.parametrize("content", ["", "width,height,kind\n"], ids=["no bytes", "only a header"])
def test_an_empty_table_is_refused(content: str) -> None:
    Path("empty.csv").write_text(content, encoding="utf-8")
    refused("audit", "empty.csv", named=("empty.csv",))


def test_a_single_class_is_refused() -> None:
    def spoil(columns: dict[str, list[str]]) -> None:
        columns["kind"] = ["rose"] * ROWS

    refused("audit", table("one.csv", spoil), named=("class", "rose"))


def test_labels_that_are_missing_are_refused_or_left_out_by_name() -> None:
    def spoil(columns: dict[str, list[str]]) -> None:
        columns["kind"][7] = ""

    refused("audit", table("unlabelled.csv", spoil), named=("kind",))


def test_text_among_numbers_is_told_with_its_column() -> None:
    def spoil(columns: dict[str, list[str]]) -> None:
        columns["width"][7] = "wide"

    result = invoke("audit", table("mixed.csv", spoil), "--json")
    assert result.exit_code in (0, 1, 2), result.output
    assert "width" in (result.stderr if result.exit_code == 2 else result.stdout)


def test_a_wrong_target_column_gets_the_nearest_one() -> None:
    refused("audit", table("flowers.csv"), "--target", "knd", named=("'knd'", "kind"))


def test_unreadable_images_are_findings_and_the_others_are_used() -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 180)):
        Path("photos", name).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(level, level + 60, size=(12, 12), dtype=np.uint8)
            Image.fromarray(pixels).save(Path("photos", name, f"{number}.png"))
    whole = Path("photos/dark/3.png").read_bytes()
    Path("photos/dark/3.png").write_bytes(whole[: len(whole) // 2])
    Path("photos/light/4.png").write_bytes(b"<html>not found</html>")
    Path("photos/light/5.png").write_bytes(b"")
    result = invoke("audit", "photos", "--json")
    assert result.exit_code in (0, 1), result.output
    stages = json.loads(result.stdout)["stages"]
    found = [f for f in stages[0]["verdict"]["findings"] if f["name"] == "unreadable-file"]
    assert found, result.stdout
    told = json.dumps(found)
    for name in ("3.png", "4.png", "5.png"):
        assert name in told


def test_a_folder_without_images_is_refused() -> None:
    Path("photos/cats").mkdir(parents=True)
    refused("audit", "photos", named=("photos",))


def test_a_wrong_key_gets_the_nearest_one_and_its_line() -> None:
    Path("config.yaml").write_text(
        f"data:\n  source: {table('flowers.csv')}\noptimizer:\n  learnin_rate: 0.1\n", encoding="utf-8"
    )
    refused("run", "config.yaml", named=("learnin_rate", "learning_rate", "line 4"))


def test_a_wrong_key_after_set_gets_the_nearest_one() -> None:
    refused("run", "wine", "--set", "optimiser.learning_rate=0.1", named=("optimiser", "optimizer.learning_rate"))


def test_a_value_of_the_wrong_kind_is_told_with_its_setting() -> None:
    refused("run", "wine", "--set", "training.epochs=many", named=("training.epochs", "many"))


def test_runs_below_a_file_cannot_be_kept() -> None:
    Path("file").write_text("x", encoding="utf-8")
    refused("audit", "wine", "--runs", "file/runs", named=("file",))
    refused("runs", "--runs", "file", named=("file",))
    assert Path("file").read_text(encoding="utf-8") == "x"


def test_a_full_disk_costs_nothing_that_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke("run", "wine", "--until", "audit").exit_code in (0, 1)
    (run,) = Path("runs").glob("wine-*")
    before = {path: path.read_bytes() for path in run.rglob("*.json")}

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        refused("run", "wine", "--until", "audit", named=("No space left on device", "Free some space"))
    assert {path: path.read_bytes() for path in before} == before
    assert json.loads(invoke("runs", "--json").stdout)[0]["status"] == "finished"


def test_resuming_what_is_no_run_is_refused() -> None:
    Path("folder").mkdir()
    refused("run", "--resume", "folder", named=("folder",))
    refused("run", "--resume", "nowhere", named=("nowhere",))


MISFIT = """
import numpy as np
from torch import nn
from trainwright import Experiment

def experiment():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(120, 5)).astype(np.float32)
    return Experiment(data=(inputs, rng.integers(3, size=120)), model=lambda: nn.{model}, name="misfit")
"""


@pytest.mark.parametrize(
    ("model", "named"),
    [("Linear(5, 2)", ("2", "3")), ("Linear(4, 3)", ("4", "5"))],
    ids=["too few outputs", "other inputs"],
)
def test_a_model_that_does_not_fit_the_data_is_told_with_the_shapes(model: str, named: tuple[str, ...]) -> None:
    Path("experiment.py").write_text(MISFIT.format(model=model), encoding="utf-8")
    refused("run", "experiment.py", "--until", "check", named=named)


def test_a_python_file_that_fails_is_told_with_its_error() -> None:
    Path("experiment.py").write_text("import no_such_module\n", encoding="utf-8")
    refused("run", "experiment.py", named=("experiment.py", "no_such_module"))


def test_ctrl_c_at_any_stage_keeps_what_is_finished_and_can_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run that is interrupted in every stage, one after another, and resumed each time."""
    from trainwright.recipe import stages

    run, arguments = Path(), ("run", "wine", "--set", "training.epochs=2", "--force")
    for chosen in stages.STAGES:
        earlier = STAGES[: STAGES.index(chosen.name)]
        kept = {name: (run / "stages" / f"{name}.json").read_bytes() for name in earlier[:-1]}
        with monkeypatch.context() as patch:
            patch.setattr(type(chosen), "run", interrupted)
            cut = invoke(*arguments)
        (run,) = Path("runs").glob("wine-*")
        assert cut.exit_code == 130, chosen.name
        assert f"trainwright run --resume {run}" in " ".join(cut.stderr.split())
        assert json.loads(invoke("runs", "--json").stdout)[0]["status"] == "interrupted"
        assert (run / "report.html").exists()
        assert sorted(path.stem for path in (run / "stages").glob("*.json")) == sorted(earlier)
        assert {name: (run / "stages" / f"{name}.json").read_bytes() for name in kept} == kept
        arguments = ("run", "--resume", str(run), "--force", "--json")
    resumed = invoke(*arguments)
    assert resumed.exit_code in (0, 1), resumed.output
    assert [each["stage"] for each in json.loads(resumed.stdout)["stages"]] == list(STAGES)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_a_real_ctrl_c_ends_a_real_process_with_130(tmp_path: Path) -> None:
    import signal
    import subprocess
    import time

    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from trainwright.cli.main import main; main()",
            "run",
            "digits",
            "--set",
            "training.epochs=500",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        # A test run in the background may have been told to ignore interrupts; its children would, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )
    try:
        while not list(tmp_path.glob("runs/digits-*/stages/audit.json")):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.1)
        # Python drops an interrupt that arrives in a destructor or in a C extension's import; people press again.
        message = None
        while message is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, message = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, message
    assert "trainwright run --resume" in message
    assert "Traceback" not in message
