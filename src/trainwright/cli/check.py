"""``trainwright check``: trials on a model before its training."""

from __future__ import annotations

import ast
import contextlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from trainwright.cli.failures import CLEAN, FINDINGS, WRONG_USE, reported
from trainwright.cli.options import AsJson, FailOn, Settings, read_settings
from trainwright.core import CannotEvaluate, Maturity, Severity, UsageError
from trainwright.core.errors import nearest

if TYPE_CHECKING:
    from rich.console import Console

    from trainwright.doctor.setup import Setup
    from trainwright.report.preflight import PreflightReport

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What the command does not know itself is meant for the script."""


@reported
def command(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET [ARGS]...",
            help="A script that trains, with its arguments, or experiment.py[:name] as for [bold]trainwright run[/].",
        ),
    ],
    *,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, metavar="S", help="The most that each trial may take.")
    ] = 30.0,
    settings: Settings = None,
    fail_on: FailOn = Severity.ERROR,
    as_json: AsJson = False,
) -> None:
    """Try out a model before it is trained: small trials of its loss, outputs, gradients and first steps.

    A script runs up to its first optimizer step; what it holds then is tried out, and the script goes no further.

    [bold]trainwright check train.py --epochs 10[/]   your script as it is, with its arguments
    [bold]trainwright check experiment.py[/]          an Experiment, as for run
    [bold]trainwright check train.py --fail-on warning --json[/]
    [bold]trainwright check train.py -- --json[/]     behind -- everything is the script's
    """
    from trainwright.cli.output import make_console

    console = make_console(as_json=as_json)
    path, name = _split(target)
    if name is not None or _holds_experiment(path):
        if context.args:
            raise UsageError(
                f"An experiment takes no arguments, but there are: {' '.join(context.args)}.",
                expected="trainwright check experiment.py, with --set KEY=VALUE for settings.",
                todo="Leave them out.",
            )
        found = _check_experiment(target, settings or [], seconds, console)
    else:
        if settings:
            raise UsageError(
                f"{path} is a script, which has no settings.",
                expected="--set for an Experiment only.",
                todo="Pass the script's own arguments instead.",
            )
        found = _check_script(path, context.args, seconds, console, as_json=as_json)
    _finish(found, fail_on, console, as_json=as_json)


def _split(target: str) -> tuple[Path, str | None]:
    file, sign, name = target.partition(".py:")
    path = Path(f"{file}.py" if sign else target)
    if path.is_file() and path.suffix == ".py":
        return path, name if sign else None
    here = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
    raise UsageError(
        f"There is no Python file {path}.{nearest(path.name, here)}",
        expected="A training script, or experiment.py[:name].",
        todo="Correct the path.",
    )


def _holds_experiment(path: Path) -> bool:
    """Whether the file defines ``experiment`` or takes ``Experiment`` from trainwright; it is read, not run."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False  # running it will say what is wrong
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "experiment":
            return True
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "experiment" for t in node.targets):
            return True
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "trainwright"]
    return any(name.name == "Experiment" for each in imports for name in each.names)


def _check_experiment(target: str, settings: Sequence[str], seconds: float, console: Console) -> PreflightReport:
    from trainwright.workbench.loading import load_experiment

    experiment = load_experiment(target, read_settings(settings))
    return _examine(experiment.setup(experiment.config.seed), seconds, console)


def _check_script(
    path: Path, arguments: Sequence[str], seconds: float, console: Console, *, as_json: bool
) -> PreflightReport:
    from trainwright.doctor.capture import capture
    from trainwright.doctor.preflight import refuse
    from trainwright.doctor.replay import setup_of
    from trainwright.report.preflight import PreflightReport

    console.print(f"[dim]running {path} up to its first optimizer step[/]")
    try:
        # Where stdout belongs to JSON, the script's own output goes to stderr.
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            step = capture(path, arguments)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the user's script raises
        _show_theirs(error, path, console)
    try:
        setup = setup_of(step)
    except CannotEvaluate as reason:
        return PreflightReport.of(refuse(str(reason), subject=str(path)))
    return _examine(setup, seconds, console)


def _examine(setup: Setup, seconds: float, console: Console) -> PreflightReport:
    from trainwright.doctor.preflight import examine
    from trainwright.report.preflight import PreflightReport

    console.print(f"[dim]trials of at most {seconds:g} s each[/]")
    with console.status("") as status:
        return PreflightReport.of(examine(setup, seconds=seconds, progress=status.update))


def _show_theirs(error: Exception, path: Path, console: Console) -> NoReturn:
    """The traceback from the script's first line on, as Python itself would print it, and what we were doing."""
    trace = error.__traceback__
    while trace is not None and Path(trace.tb_frame.f_code.co_filename).name != path.name:
        trace = trace.tb_next
    sys.stderr.write("".join(traceback.format_exception(error.with_traceback(trace or error.__traceback__))))
    console.stderr = True
    console.print(f"[bold red]{path} failed[/] while trainwright ran it up to its first optimizer step.")
    raise typer.Exit(WRONG_USE)


def _finish(found: PreflightReport, fail_on: Severity, console: Console, *, as_json: bool) -> NoReturn:
    if as_json:
        from trainwright.report.json import standard_json

        sys.stdout.write(standard_json(found.to_dict()))
    else:
        console.print(found)
    bad = any(f.maturity is Maturity.STABLE for f in found.verdict.at_least(fail_on))
    raise typer.Exit(FINDINGS if bad else CLEAN)
