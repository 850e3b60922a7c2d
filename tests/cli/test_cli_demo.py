"""``trainwright demo``: the illness is found, the healthy twin is silent, the fix is seen to help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from trainwright.cli.main import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["demo", *arguments], env={"COLUMNS": "100"})


def test_an_illness_of_data_shows_the_series_behind_it() -> None:
    done = run("class-imbalance")
    assert done.exit_code == 0, done.output
    assert "TW110" in done.output
    assert "is silent" in done.output
    assert "│" in done.output, "a chart is drawn"


def test_an_illness_of_the_model_is_cured_by_its_fix(tmp_path: Path) -> None:
    page = tmp_path / "new" / "demo.html"
    done = run("TW315", "--report", str(page))
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "model.output_transform: log) the finding is gone" in text
    assert "Training loss" in done.output
    assert "━ healthy ━ ill ━ cured" in text
    html = page.read_text()
    assert "Validation loss" in html
    assert "After the fix" in html


def test_an_illness_of_the_loop_stands_beside_its_healthy_twin() -> None:
    done = run("gradient-accumulates")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "━ healthy ━ ill" in text
    assert "TW409 is silent" in text
    assert "the finding is" not in text, "its fix is the user's own code"


def test_an_illness_that_shows_late_as_json() -> None:
    done = run("overfitting", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert (shown["code"], shown["found"], shown["silent"], shown["gone"]) == ("TW601", True, True, True)
    ill, healthy = shown["twins"]["ill"], shown["twins"]["healthy"]
    assert [finding["code"] for finding in ill["findings"]] == ["TW601"]
    assert len(ill["validation_loss"]["y"]) == 100
    assert ill["validation_loss"]["y"][-1] > 2 * healthy["validation_loss"]["y"][-1]


def test_a_check_that_does_not_exist_is_answered_with_the_nearest() -> None:
    done = run("overfiting")
    assert done.exit_code == 2
    assert "Did you mean 'overfitting'?" in done.output
    assert "Traceback" not in done.output


def test_a_base_installation_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "sklearn" else object())
    done = run("TW315")
    assert done.exit_code == 2
    assert "not installed: sklearn" in done.output
    assert "pip install 'trainwright[recipe]'" in done.output
