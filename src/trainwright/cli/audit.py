"""``trainwright audit``: the data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trainwright.cli.failures import reported
from trainwright.cli.options import AsJson, FailOn, RunsFolder, Settings, read_settings
from trainwright.core import Severity


@reported
def command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="Bundled data (digits, wine, …), a .csv or .parquet table, or a folder of class folders of images.",
        ),
    ],
    *,
    column: Annotated[
        str | None, typer.Option("--target", metavar="COLUMN", help="The column to predict; the last one by default.")
    ] = None,
    runs: RunsFolder = Path("runs"),
    settings: Settings = None,
    fail_on: FailOn = Severity.ERROR,
    as_json: AsJson = False,
) -> None:
    """Look at the data and their splits; train nothing.

    [bold]trainwright audit houses.csv --target price[/]
    [bold]trainwright audit photos/ --fail-on warning[/]   exit 1 on a warning
    [bold]trainwright audit digits --json | jq .stages[0].verdict.findings[/]
    """
    from trainwright.cli.output import make_console
    from trainwright.cli.run import finish, start

    console = make_console(as_json=as_json)
    changes: dict[str, Any] = read_settings(settings or []) | ({} if column is None else {"data.target": column})
    view = start(target, runs, changes, console, until="audit")
    finish(view, fail_on, as_json=as_json)
