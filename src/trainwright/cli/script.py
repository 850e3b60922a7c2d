"""Running somebody's script in this process as Python itself would."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from types import TracebackType

OWN = str(Path(__file__).resolve().parents[1])


def run_script(script: str, arguments: list[str], *, module: bool) -> int:
    """The script's exit code. An exception is shown as Python shows it, less our frames."""
    sys.argv = [script, *arguments]
    if module:
        sys.path[0] = str(Path.cwd())
    else:
        sys.path[0] = str(Path(script).resolve().parent)
    try:
        if module:
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(Path(script).resolve()), run_name="__main__")
    except SystemExit as end:
        return _code(end)
    except KeyboardInterrupt as interruption:
        _show(interruption)
        return 130
    except BaseException as error:  # noqa: BLE001 - whatever the script raises is its own and is shown as such
        _show(error)
        return 1
    return 0


def _code(end: SystemExit) -> int:
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    sys.stderr.write(f"{end.code}\n")
    return 1


def _show(error: BaseException) -> None:
    """As the interpreter does, hints and a hook of the script's own included, but without our frames."""
    sys.stdout.flush()
    part: BaseException | None = error
    while part is not None:
        part.__traceback__ = _without_ours(part.__traceback__)
        part = part.__cause__ or part.__context__
    sys.excepthook(type(error), error, error.__traceback__)
    sys.stderr.flush()


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    rest = _without_ours(trace.tb_next)
    if trace.tb_frame.f_code.co_filename.startswith((OWN + os.sep, "<frozen runpy>")):
        return rest
    trace.tb_next = rest
    return trace
