"""Running somebody's script in this process as Python itself would."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

OWN = str(Path(__file__).resolve().parents[1])


def run_script(script: str, arguments: list[str], *, module: bool) -> tuple[int, Any]:
    """(exit code, what must stay alive until all is judged). An exception is shown as by Python, less our frames."""
    sys.argv = [script, *arguments]
    if module:
        sys.path[0] = str(Path.cwd())
    else:
        sys.path[0] = str(Path(script).resolve().parent)
    try:
        if module:
            return 0, runpy.run_module(script, run_name="__main__", alter_sys=True)
        return 0, runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        return _code(end), end
    except KeyboardInterrupt as interruption:
        _show(interruption)
        return 130, interruption
    except BaseException as error:  # noqa: BLE001 - whatever the script raises is its own and is shown as such
        _show(error)
        return 1, error


def _code(end: SystemExit) -> int:
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    sys.stderr.write(f"{end.code}\n")
    return 1


def _show(error: BaseException) -> None:
    sys.stdout.flush()
    shown = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = shown
    while part is not None:
        frames = [f for f in part.stack if not f.filename.startswith((OWN + os.sep, "<frozen runpy>"))]
        part.stack = traceback.StackSummary.from_list(frames)
        part = part.__cause__ or part.__context__
    sys.stderr.write("".join(shown.format()))
    sys.stderr.flush()
