"""``trainwright demo``: an illness and its healthy twin, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainwright.cli.failures import reported
from trainwright.cli.options import AsJson
from trainwright.core import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from trainwright.core import Check
    from trainwright.testing.demonstration import Demonstration

WIDEST = 88
"""Columns of a chart, on wide terminals too."""


@reported
def command(
    check: Annotated[str, typer.Argument(metavar="CODE|NAME", help="A code like TW301 or a name like initial-loss.")],
    *,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a page with charts to this file.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a check at work: a small project that is ill, its healthy twin, and what the fix does.

    Both are trained and examined before your eyes, by the very probes that look at your own projects.

    [bold]trainwright demo TW301[/]
    [bold]trainwright demo overfitting --report overfitting.html[/]
    """
    from trainwright.cli.output import make_console, print_json
    from trainwright.core import discover

    chosen = discover()[check]
    _require_extras()
    console = make_console(as_json=as_json)
    shown = _run(console, chosen)
    if report is not None:
        from trainwright.cli.demo_page import write_demo_page

        console.print(f"Report: {write_demo_page(shown, report)}", markup=False)
    if as_json:
        from trainwright.report.json import standard

        print_json(standard(shown.to_dict()))
    else:
        _print(console, shown)


def _require_extras() -> None:
    """The bundled data and the baselines need scikit-learn, which the base package leaves out."""
    from importlib.util import find_spec

    missing = [name for name in ("sklearn", "polars", "vl_convert") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"A demo needs what is not installed: {', '.join(missing)}.",
            expected="trainwright with its extra 'recipe'.",
            todo="Run: pip install 'trainwright[recipe]'",
        )


def _run(console: Console, check: Check) -> Demonstration:
    from trainwright.report.format import duration
    from trainwright.testing.demonstration import demonstrate, expected_seconds

    console.print(f"[bold]{check.code} {check.name}[/]  {check.documentation.summary}")
    console.print(
        "[dim]Two small projects alike but for one mistake, and the fix where the program can make it. "
        f"About {duration(expected_seconds(check))} on a quiet machine.[/]"
    )
    with console.status("") as status:
        return demonstrate(check, progress=lambda what: status.update(f"Examining {what}"))


def _print(console: Console, shown: Demonstration) -> None:
    from trainwright.report.format import duration
    from trainwright.report.text import print_finding

    console.print(f"\n[bold red]ill[/]      {shown.ill.story}", highlight=False)
    console.print(f"[bold blue]healthy[/]  {shown.healthy.story}\n", highlight=False)
    for finding in shown.found:
        print_finding(console, finding)
    if not shown.found:
        console.print("[yellow]Nothing was found on the ill twin: please report this.[/]")
    _print_charts(console, shown)
    silent = "[green]silent[/]" if shown.silent else "[yellow]not silent[/]: please report this"
    console.print(f"On the healthy twin {shown.check.code} is {silent}.")
    if shown.fix is not None:
        changes = ", ".join(f"{key}: {value}" for key, value in shown.fix.changes.items())
        outcome = "[green]is gone[/]" if shown.gone else "[yellow]is still there[/]"
        console.print(f"With the fix '{shown.fix.title}' ({changes}) the finding {outcome}.", highlight=False)
    seconds = sum(twin.seconds for twin in shown.twins)
    console.print(
        f"[dim]It took {duration(seconds)}. 'trainwright explain {shown.check.code}' tells the whole story.[/]"
    )


def _print_charts(console: Console, shown: Demonstration) -> None:
    """Losses of the twins where they were trained, else the series behind the finding."""
    from trainwright.cli.demo_page import charts_of
    from trainwright.report.plot import draw_lines

    width = min(console.width, WIDEST)
    losses = [chart for chart in charts_of(shown) if chart.kind == "line"][:2]
    for drawing in (draw_lines(chart, width=width) for chart in losses):
        if drawing is not None:
            console.print(drawing)
            console.print()
