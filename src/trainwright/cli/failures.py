"""What the user sees when a command fails: a short message, never a traceback."""

from __future__ import annotations

import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn, ParamSpec

import typer

from trainwright.core import TrainwrightError

CLEAN = 0
FINDINGS = 1
WRONG_USE = 2
OWN_FAULT = 3
INTERRUPTED = 130

P = ParamSpec("P")


class Interrupted(Exception):  # noqa: N818 - not an error: the user asked for it
    """Ctrl-C during a run; ``remedy`` says how to go on."""

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(remedy)


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that whatever it raises ends in a message and an exit code.

    ``TrainwrightError`` → 2, Ctrl-C → 130, anything unforeseen → 3 with the traceback kept in a file.
    """

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except TrainwrightError as error:
            expected = f"Expected: {error.expected}" if error.expected else ""
            _stop(WRONG_USE, *(line for line in (error.happened, expected, error.todo) if line))
        except Interrupted as interruption:
            _stop(INTERRUPTED, "Interrupted. What was finished is kept.", interruption.remedy)
        except KeyboardInterrupt:
            _stop(INTERRUPTED, "Interrupted.")
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback on the user's screen
            _stop(
                OWN_FAULT,
                f"Something went wrong inside trainwright: {type(error).__name__}: {error}",
                _keep_traceback(error),
            )

    return wrapped


def _stop(code: int, *lines: str) -> NoReturn:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    first, *rest = lines
    console.print(Text(first, style="bold red" if code != INTERRUPTED else "bold"))
    for line in rest:
        console.print(Text(line))
    raise typer.Exit(code)


def _keep_traceback(error: Exception) -> str:
    text = "\n".join(
        [
            f"command: {shlex.join(sys.argv)}",
            f"trainwright {version('trainwright')}, Python {platform.python_version()}, {platform.platform()}",
            "".join(traceback.format_exception(error)),
        ]
    )
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="trainwright-", suffix=".log", delete=False, encoding="utf-8"
        ) as log:
            log.write(text)
    except OSError as unwritable:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"The log could not be kept ({unwritable}). It happened in {Path(frame.filename).name}:{frame.lineno}."
    return f"This is a fault of trainwright, not yours. Please report it with the log {log.name}"
