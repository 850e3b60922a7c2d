"""How `run` and `audit` call the recipe, and what they make of its outcome; the recipe itself is replaced."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from trainwright.cli.main import app
from trainwright.cli.options import STAGES, read_settings
from trainwright.core import Evidence, Finding, Maturity, Severity, Verdict
from trainwright.logbook.files import write_json
from trainwright.report.view import Gate, RunView, StageResult


class FakeRecipe:
    """Stands in for the runner: remembers how it was called and returns ``view`` or does ``instead``."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.view = make_view()
        self.instead: Callable[[dict[str, Any]], None] = lambda call: None

    def run_recipe(self, target: str, **options: Any) -> RunView:
        return self._called({"target": target, **options})

    def resume_recipe(self, path: Path, **options: Any) -> RunView:
        return self._called({"resumed": path, **options})

    def _called(self, call: dict[str, Any]) -> RunView:
        call["console"].print("progress")
        self.calls.append(call)
        self.instead(call)
        return self.view


def make_view(*findings: Finding, status: Any = "finished") -> RunView:
    stage = StageResult("audit", "Look.", (), Gate(True, "clean"), Verdict(findings))
    return RunView(
        "digits-1", status, "2026-11-21T12:00:00", "digits", (("test", "99 %", ""),), (stage,), "seed: 0", {}
    )


def finding(severity: Severity, maturity: Maturity = Maturity.STABLE) -> Finding:
    evidence = (Evidence("loss", float("nan"), limit=1.0),)
    return Finding("TW101", "x", severity, "a", "b", "c", evidence=evidence, maturity=maturity)


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> FakeRecipe:
    fake, module = FakeRecipe(), ModuleType("trainwright.recipe.runner")
    vars(module).update(run_recipe=fake.run_recipe, resume_recipe=fake.resume_recipe)
    monkeypatch.setitem(sys.modules, "trainwright.recipe.runner", module)
    return fake


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_run_hands_everything_on(recipe: FakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/trainwright", "run", "my table.csv"])
    options = ["--budget", "1m30s", "--seed", "7", "--force", "--until", "tune", "--runs", str(tmp_path)]
    settings = ["--set", "optimizer.learning_rate=1e-3", "--set", "training.shuffle=false"]
    assert invoke("run", "table.csv", *options, *settings).exit_code == 0
    (call,) = recipe.calls
    assert call["target"] == "table.csv"
    assert call["changes"] == {"optimizer.learning_rate": 1e-3, "training.shuffle": False, "seed": 7}
    assert (call["budget_seconds"], call["force"], call["until"], call["root"]) == (90.0, True, "tune", tmp_path)
    assert call["command"] == "trainwright run 'my table.csv'"


def test_audit_is_a_run_that_ends_after_the_audit(recipe: FakeRecipe) -> None:
    assert invoke("audit", "table.csv", "--target", "price").exit_code == 0
    (call,) = recipe.calls
    assert (call["until"], call["changes"], call["force"]) == ("audit", {"data.target": "price"}, False)


def test_resume_takes_a_folder_or_a_name(recipe: FakeRecipe, tmp_path: Path) -> None:
    (tmp_path / "digits-1").mkdir()
    assert invoke("run", "--resume", str(tmp_path / "digits-1")).exit_code == 0
    assert invoke("run", "--resume", "digits-1", "--runs", str(tmp_path), "--force").exit_code == 0
    assert [call["resumed"] for call in recipe.calls] == [tmp_path / "digits-1"] * 2
    assert [call["force"] for call in recipe.calls] == [False, True]


@pytest.mark.parametrize(
    ("found", "fail_on", "code"),
    [
        ([], "error", 0),
        ([finding(Severity.ERROR)], "error", 1),
        ([finding(Severity.WARNING)], "error", 0),
        ([finding(Severity.WARNING)], "warning", 1),
        ([finding(Severity.ADVICE)], "warning", 0),
        ([finding(Severity.ADVICE)], "advice", 1),
        ([finding(Severity.ERROR, Maturity.PREVIEW)], "advice", 0),
    ],
)
def test_the_exit_code_tells_the_findings(recipe: FakeRecipe, found: list[Finding], fail_on: str, code: int) -> None:
    recipe.view = make_view(*found)
    assert invoke("run", "digits", "--fail-on", fail_on).exit_code == code
    assert invoke("audit", "digits", "--fail-on", fail_on).exit_code == code


def test_a_shut_gate_is_no_success(recipe: FakeRecipe) -> None:
    recipe.view = make_view(status="stopped")
    assert invoke("run", "digits").exit_code == 1


@pytest.mark.parametrize("command", [["run", "digits"], ["audit", "digits"]])
def test_json_alone_on_stdout_and_progress_on_stderr(recipe: FakeRecipe, command: list[str]) -> None:
    recipe.view = make_view(finding(Severity.ERROR))
    result = invoke(*command, "--json")
    shown = json.loads(result.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert result.exit_code == 1
    assert "progress" in result.stderr
    assert shown["status"] == "finished"
    assert shown["headline"] == [["test", "99 %", ""]]
    assert shown["stages"][0]["verdict"]["findings"][0]["evidence"][0]["value"] == "NaN"
    assert "progress" in invoke(*command).stdout


def test_ctrl_c_tells_how_to_go_on_with_the_run_it_cut_off(recipe: FakeRecipe, tmp_path: Path) -> None:
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "environment.json").touch()

    def cut_off(call: dict[str, Any]) -> None:
        (call["root"] / "digits 2").mkdir()
        (call["root"] / "digits 2" / "environment.json").touch()
        raise KeyboardInterrupt

    recipe.instead = cut_off
    result = invoke("run", "digits", "--runs", str(tmp_path))
    assert result.exit_code == 130
    assert f"trainwright run --resume '{tmp_path / 'digits 2'}'" in result.stderr


def test_ctrl_c_in_a_resumed_run_names_it_again(recipe: FakeRecipe, tmp_path: Path) -> None:
    def cut_off(_: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    recipe.instead = cut_off
    result = invoke("run", "--resume", str(tmp_path))
    assert result.exit_code == 130
    assert f"trainwright run --resume {tmp_path}" in result.stderr


def test_ctrl_c_before_there_is_a_run_promises_nothing(recipe: FakeRecipe, tmp_path: Path) -> None:
    def cut_off(_: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    recipe.instead = cut_off
    result = invoke("run", "digits", "--runs", str(tmp_path))
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_a_budget_that_is_no_duration_is_refused(recipe: FakeRecipe) -> None:
    result = invoke("run", "digits", "--budget", "soon")
    assert result.exit_code == 2
    assert "'soon' is not a duration" in result.stderr
    assert recipe.calls == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("-2.5E4", -2.5e4), ("0.1", 0.1), ("3", 3), ("true", True), ("null", None), ("adamw", "adamw")],
)
def test_values_are_read_as_people_mean_them(text: str, value: object) -> None:
    assert read_settings([f"optimizer.x={text}"]) == {"optimizer.x": value}


def test_a_value_may_hold_an_equals_sign_and_the_last_one_counts() -> None:
    assert read_settings(["a=b=c", "a=[1, 2]"]) == {"a": [1, 2]}


@given(value=st.integers() | st.booleans() | st.none() | st.lists(st.integers(), max_size=3))
def test_any_yaml_value_goes_through(value: object) -> None:
    assert read_settings([f"key={yaml.safe_dump(value, default_flow_style=True)}"]) == {"key": value}


def test_the_stages_named_in_the_help_are_those_of_the_recipe() -> None:
    from trainwright.recipe import stages

    assert tuple(stage.name for stage in stages.STAGES) == STAGES


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    from trainwright.logbook.run import RunFolder

    runs = [RunFolder.create(tmp_path, name) for name in ("older", "newer")]
    write_json(runs[0].path / "environment.json", {"started": "2026-01-31T12:00:00+00:00"})
    runs[0].save_summary(data_name="wine", metric_name="accuracy", test_metric=98.25, seconds=61.2)
    runs[0].set_status("finished")
    runs[1].save_summary(data_name="digits", metric_name="accuracy", test_metric=float("nan"), seconds=1)
    shown = json.loads(invoke("runs", "--runs", str(tmp_path), "--json").stdout)
    assert [each["data_name"] for each in shown] == ["digits", "wine"]
    assert [each["test_metric"] for each in shown] == [None, 98.25]
    lines = invoke("runs", "--runs", str(tmp_path)).stdout.splitlines()
    assert lines[2].split()[1:] == ["2026-01-31", "12:00", "finished", "wine", "accuracy", "98.25", "61", "s"]
