"""``trainwright run``: the whole recipe."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from trainwright.cli.failures import CLEAN, FINDINGS, Interrupted, reported
from trainwright.cli.options import AsJson, Budget, FailOn, Force, RunsFolder, Settings, Until, Workers, read_settings
from trainwright.core import Maturity, Severity, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from trainwright.report.view import RunView


@reported
def command(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET",
            help="Bundled data (digits, wine, diabetes, …), a .csv or .parquet table, a folder of class folders of "
            "images, a config.yaml, or experiment.py[:name].",
            show_default=False,
        ),
    ] = None,
    *,
    budget: Budget = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of everything random.")] = None,
    force: Force = False,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a run that was cut off: its folder or its name."),
    ] = None,
    runs: RunsFolder = Path("runs"),
    settings: Settings = None,
    until: Until = None,
    workers: Workers = None,
    fail_on: FailOn = Severity.ERROR,
    as_json: AsJson = False,
) -> None:
    """Take data to an honestly tested model, stage by stage, and write a report.

    [bold]trainwright run digits[/]                      bundled data, about 3 minutes
    [bold]trainwright run houses.csv --budget 10m[/]     the last column is the target
    [bold]trainwright run houses.csv --set data.target=price[/]
    [bold]trainwright run photos/ --until check[/]       prove the set-up, then stop
    [bold]trainwright run experiment.py[/]               your own model and optimizer
    [bold]trainwright run --resume digits-20261121-120000[/]
    """
    from trainwright.cli.output import make_console

    console = make_console(as_json=as_json)
    if resume is not None:
        _refuse_with_resume(target=target, budget=budget, seed=seed, settings=settings, until=until)
        folder = resume if resume.exists() else runs / resume
        view = execute(lambda: _resume(folder, force, console, workers), folder.parent, folder)
    else:
        if target is None:
            raise UsageError(
                "There is nothing to run.",
                expected="A target: bundled data, a table, a folder of images, a YAML file or a Python file.",
                todo="Try: trainwright run digits",
            )
        changes = read_settings(settings or []) | ({} if seed is None else {"seed": seed})
        view = start(target, runs, changes, console, budget=budget, force=force, until=until, workers=workers)
    finish(view, fail_on, as_json=as_json)


def start(
    target: str,
    root: Path,
    changes: dict[str, Any],
    console: Console,
    *,
    budget: str | None = None,
    force: bool = False,
    until: str | None = None,
    workers: int | None = None,
) -> RunView:
    """Begin a run of the recipe and see it through."""

    def begin() -> RunView:
        from trainwright.recipe.budget import parse_duration
        from trainwright.recipe.runner import run_recipe

        return run_recipe(
            target,
            root=root,
            changes=changes,
            budget_seconds=None if budget is None else parse_duration(budget),
            force=force,
            until=until,
            console=console,
            command=shlex.join(["trainwright", *sys.argv[1:]]),
            workers=workers or os.cpu_count() or 1,
        )

    return execute(begin, root, None)


def _resume(folder: Path, force: bool, console: Console, workers: int | None) -> RunView:
    from trainwright.recipe.runner import resume_recipe

    return resume_recipe(folder, force=force, console=console, workers=workers or os.cpu_count() or 1)


def execute(action: Callable[[], RunView], root: Path, folder: Path | None) -> RunView:
    """Run the action; turn Ctrl-C into the command that goes on from here.

    ``folder`` is the run if it is known beforehand; otherwise it is the one that has appeared in ``root`` meanwhile.
    """
    before = _run_folders(root)
    try:
        return action()
    except KeyboardInterrupt:
        made = sorted(_run_folders(root) - before, key=lambda path: path.stat().st_mtime)
        run = folder or (made[-1] if made else None)
        if run is None:
            raise
        raise Interrupted(f"Go on with: trainwright run --resume {shlex.quote(str(run))}") from None


def _run_folders(root: Path) -> set[Path]:
    return {path.parent for path in root.glob("*/environment.json")}


def _refuse_with_resume(**given: Any) -> None:
    extra = [name for name, value in given.items() if value]
    if not extra:
        return
    names = {"target": f"TARGET ({given['target']})", "settings": "--set"}
    raise UsageError(
        f"--resume cannot be combined with {', '.join(names.get(name, f'--{name}') for name in extra)}.",
        expected="A resumed run goes on with the target, settings and plan it was started with.",
        todo="Leave them out, or start a new run without --resume.",
    )


def finish(view: RunView, fail_on: Severity, *, as_json: bool) -> NoReturn:
    """Exit with the code that tells the outcome; the runner has printed it for people already."""
    if as_json:
        from trainwright.report.json import to_json

        sys.stdout.write(to_json(view))
    raise typer.Exit(exit_code(view, fail_on))


def exit_code(view: RunView, fail_on: Severity) -> int:
    """1 when a stable check has a finding this bad or a gate stayed shut, else 0."""
    found = any(
        finding.maturity is Maturity.STABLE for stage in view.stages for finding in stage.verdict.at_least(fail_on)
    )
    return FINDINGS if found or view.status == "stopped" else CLEAN
