"""Whatever a command raises ends in a short message and the right exit code."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from trainwright.cli.failures import Interrupted, reported
from trainwright.core import RunFolderError, TrainwrightError


def invoke(error: BaseException | None) -> Result:
    app = typer.Typer()

    @app.command()
    @reported
    def command() -> None:
        if error is not None:
            raise error

    return CliRunner().invoke(app)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, 0, ""),
        (
            TrainwrightError("It broke.", expected="It holds.", todo="Mend it."),
            2,
            "It broke.\nExpected: It holds.\nMend it.\n",
        ),
        (RunFolderError("The disk is full."), 2, "The disk is full.\n"),
        (typer.Exit(1), 1, ""),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (Interrupted("Go on with: x"), 130, "Interrupted. What was finished is kept.\nGo on with: x\n"),
    ],
)
def test_each_kind_of_end_has_its_code(error: BaseException | None, code: int, said: str) -> None:
    result = invoke(error)
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def test_the_unforeseen_is_told_in_two_lines_and_kept_in_a_log() -> None:
    result = invoke(ZeroDivisionError("division by zero"))
    assert result.exit_code == 3
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "Traceback" not in result.stderr
    found = re.search(r"the log (\S+)", result.stderr)
    assert found is not None
    log = Path(found[1])
    kept = log.read_text(encoding="utf-8")
    log.unlink()
    assert "Traceback (most recent call last)" in kept
    assert "trainwright " in kept


def test_where_no_log_can_be_kept_the_place_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    result = invoke(ZeroDivisionError("division by zero"))
    assert result.exit_code == 3
    assert "No space left on device" in result.stderr
    assert Path(__file__).name in result.stderr


def test_markup_in_a_message_is_shown_as_it_is() -> None:
    assert "[bold]x[/]" in invoke(TrainwrightError("The column '[bold]x[/]' is missing.")).stderr
