"""``trainwright watch``: any training script, unchanged, under the doctor's eyes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from trainwright.cli.failures import reported
from trainwright.cli.options import read_severity
from trainwright.core import Severity, UsageError

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
"""Everything behind the script belongs to the script."""


@reported
def command(
    context: typer.Context,
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="The Python file to run, followed by its arguments.")],
    *,
    module: Annotated[bool, typer.Option("-m", help="SCRIPT is a module, as with python -m.")] = False,
    budget: Annotated[
        float, typer.Option(metavar="SHARE", help="Of the run's time that watching may cost.", min=1e-4, max=1.0)
    ] = 0.01,
    every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Look closely at every N-th step instead, whatever it costs."),
    ] = None,
    report: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the report.", dir_okay=False)] = Path(
        "trainwright-report.html"
    ),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write findings and numbers as JSON to this file.")
    ] = None,
    fail_on: Annotated[
        Severity | None,
        typer.Option(
            parser=read_severity,
            metavar="[error|warning|advice]",
            help="Exit with 1 when a finding is this bad or worse and the script itself succeeded. Without it the exit "
            "code is the script's own.",
        ),
    ] = None,
) -> None:
    """Run a training script as it is, and say what is wrong while it trains.

    Its output, arguments and exit code are its own. Findings go to stderr as they arise, a summary at the end, also
    after an exception or Ctrl-C.

    [bold]trainwright watch train.py --epochs 3[/]
    [bold]trainwright watch --report sick.html -m mypackage.train[/]
    """
    if not module and not Path(script).is_file():
        raise UsageError(
            f"There is no file '{script}'.",
            expected="A Python script that trains.",
            todo="Correct the path, or pass -m for a module.",
        )
    from trainwright.cli.script import run_script
    from trainwright.report.watch import watch

    with watch(budget=budget, every=every, name=Path(script).name, report=None if no_report else report) as doctor:
        code = run_script(script, list(context.args), module=module)
    if json_file is not None:
        _write_json(json_file, doctor.to_dict())
    if code == 0 and fail_on is not None and doctor.verdict.at_least(fail_on):
        code = 1
    sys.stdout.flush()
    raise typer.Exit(code)


def _write_json(path: Path, data: dict[str, Any]) -> None:
    from trainwright.logbook.files import write_bytes
    from trainwright.report.json import standard_json

    write_bytes(path, standard_json(data).encode())
