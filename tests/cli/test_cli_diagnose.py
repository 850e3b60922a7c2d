"""``trainwright diagnose`` as a user starts it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import trainwright
from trainwright.cli.diagnose import sparkline
from trainwright.cli.main import app
from trainwright.core import Severity, UsageError
from trainwright.measures.curves import Curve

LOGS = Path(__file__).parents[1] / "logbook" / "logs"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["diagnose", *map(str, arguments)], env={"COLUMNS": "160"})


def table(folder: Path, **columns: list[float]) -> Path:
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = folder / "log.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def overfitted(folder: Path) -> Path:
    epochs = range(1, 16)
    return table(
        folder,
        epoch=[float(e) for e in epochs],
        loss=[math.exp(-e / 4) for e in epochs],
        val_loss=[1 - 0.2 * e + 0.02 * e**2 for e in epochs],
    )


def test_it_shows_what_was_recognised_the_curve_and_what_was_found(tmp_path: Path) -> None:
    result = invoke(overfitted(tmp_path))
    assert result.exit_code == 0, "overfitting is a warning"
    shown = " ".join(result.stdout.split())
    for part in ("train_loss loss █", "TW601 overfitting", "epoch 5", "not evaluated", "TW602"):
        assert part in shown
    assert "--baseline" in shown


def test_the_exit_code_tells_whether_something_that_bad_was_found(tmp_path: Path) -> None:
    assert invoke(overfitted(tmp_path), "--fail-on", "warning").exit_code == 1
    healthy = table(tmp_path, epoch=[1.0, 2.0, 3.0], loss=[1.0, 0.5, 0.4], val_loss=[1.0, 0.6, 0.5])
    assert invoke(healthy, "--fail-on", "advice").exit_code == 0
    diverged = table(tmp_path, step=[1, 2, 3, 4], loss=[1.0, 0.5, math.nan, math.nan])
    assert invoke(diverged).exit_code == 1


def test_a_baseline_lets_learning_be_judged(tmp_path: Path) -> None:
    flat = table(tmp_path, epoch=[float(e) for e in range(1, 11)], loss=[2.30] * 10, val_loss=[2.31] * 10)
    assert "TW501" not in invoke(flat).stdout.partition("not evaluated")[0]
    assert "TW501 not-learning" in invoke(flat, "--baseline", "2.303").stdout


def test_json_holds_the_verdict_of_every_log(tmp_path: Path) -> None:
    found = json.loads(invoke(overfitted(tmp_path), LOGS / "keras", "--json").stdout)
    assert [each["kind"] for each in found] == ["CSV", "TensorBoard events"]
    assert found[0]["verdict"]["findings"][0]["code"] == "TW601"
    assert found[0]["recognised"] == {"epoch": "epoch", "train_loss": "loss", "validation_loss": "val_loss"}
    assert found[0]["points"]["train_loss"] == 15


def test_json_can_say_that_a_loss_is_not_a_number(tmp_path: Path) -> None:
    diverged = table(tmp_path, step=[1, 2, 3, 4], loss=[1.0, 0.5, math.nan, math.nan])
    (found,) = json.loads(invoke(diverged, "--json").stdout)
    assert found["verdict"]["findings"][0]["code"] == "TW502"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "There is no log nowhere.csv."),
        ([LOGS / "keras", "--map", "train_loss"], "joined by '='"),
        ([LOGS / "keras", "--map", "trian_loss=x"], "Did you mean 'train_loss'?"),
        ([LOGS / "keras", "--baseline", "-1"], "The baseline is -1.0."),
        ([LOGS / "keras", "--baseline", "nan"], "The baseline is nan."),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_wrong_use_ends_with_2_and_says_why(arguments: list[object], said: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_from_python_columns_can_be_given_as_they_are() -> None:
    (found,) = trainwright.diagnose(
        {"loss": np.linspace(2, 0.1, 20), "val_loss": [*np.linspace(2, 1, 8), *range(1, 13)]}
    )
    assert [f.code for f in found.verdict.at_least(Severity.WARNING)] == ["TW601"]
    with pytest.raises(UsageError, match="No column"):
        trainwright.diagnose({"speed": [1, 2, 3]})


def test_a_curve_as_text_spans_the_bars() -> None:
    line = sparkline(Curve.of(range(200), range(200)))
    assert (line[0], line[-1], len(line)) == ("▁", "█", 48)
    assert sparkline(Curve.of([1], [2])) == "▁"
    assert sparkline(Curve()) == ""
