"""The light commands, started as a user starts them: what they print, and that they never import torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainwright.core import discover

START = "from trainwright.cli.main import main"
REPORT_IMPORTS = f"""
import atexit, sys
heavy = ("torch", "polars", "sklearn", "PIL", "altair", "scipy")
atexit.register(lambda: print("heavy:", *sorted(set(heavy) & set(sys.modules)), file=sys.stderr))
{START}
main()
"""


def start(*arguments: str, code: str = f"{START}; main()", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=cwd, timeout=60
    )


def any_check() -> str:
    return next(iter(discover())).code


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["run", "--help"],
        ["check", "--help"],
        ["rules"],
        ["rules", "--json"],
        ["explain", "<any check>"],
        ["runs"],
        ["diagnose", "--help"],
        ["diagnose", "<a log>"],
        ["run", "digits", "--fail-on", "eror"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    real = {"<any check>": any_check(), "<a log>": str(Path(__file__).parents[1] / "logbook" / "logs")}
    arguments = [real.get(each, each) for each in arguments]
    done = start(*arguments, code=REPORT_IMPORTS, cwd=tmp_path)
    assert done.returncode == (2 if "eror" in arguments else 0), done.stderr
    assert done.stderr.splitlines()[-1] == "heavy:"


COMMANDS = ("run", "check", "watch", "diagnose", "audit", "explain", "demo", "rules", "runs")


def test_help_shows_every_command_and_the_exit_codes() -> None:
    shown = start("--help").stdout
    for word in (*COMMANDS, "130", "trainwright run digits"):
        assert word in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(command: str) -> None:
    assert f"trainwright {command}" in start(command, "--help").stdout.split("Usage:")[1].partition("\n")[2]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run", "digits", "--budgt", "5m"], "--budget"),
        (["run", "digits", "--until", "tnue"], "Did you mean 'tune'?"),
        (["run", "digits", "--fail-on", "warnin"], "Did you mean 'warning'?"),
        (["run", "digits", "--seed", "-1"], "--seed"),
        (["run"], "trainwright run digits"),
        (["run", "digits", "--resume", "old"], "TARGET (digits)"),
        (["run", "--resume", "old", "--seed", "3", "--until", "check"], "--seed, --until"),
        (["run", "digits", "--set", "seed"], "joined by '='"),
        (["run", "digits", "--set", "seed=[1"], "no YAML value"),
        (["explain", "TW999"], "There is no check 'TW999'."),
        (["demo", "TW999"], "There is no check 'TW999'."),
        (["rules", "--family", "modle"], "Did you mean 'model'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_ends_with_2_and_names_what_was_meant(arguments: list[str], named: str, tmp_path: Path) -> None:
    done = start(*arguments, cwd=tmp_path)
    message = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 2
    assert named in message
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_json_is_all_that_stands_on_stdout(tmp_path: Path) -> None:
    rules = json.loads(start("rules", "--json").stdout)
    assert [rule["code"] for rule in rules] == [
        check.code for check in sorted(discover(), key=lambda c: [r["code"] for r in rules].index(c.code))
    ]
    explained = json.loads(start("explain", rules[0]["name"], "--json").stdout)
    assert explained == rules[0]
    assert set(explained["documentation"]) == {
        "What it finds",
        "Why it hurts",
        "How it is measured",
        "How to fix",
        "References",
    }
    assert json.loads(start("runs", "--json", cwd=tmp_path).stdout) == []


def test_a_closed_pipe_is_no_failure_to_talk_about() -> None:
    done = subprocess.run(
        f'"{sys.executable}" -c "{START}; main()" rules | head -1',
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "went wrong" not in done.stderr
