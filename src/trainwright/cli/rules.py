"""``trainwright rules``: every check there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trainwright.cli.failures import reported
from trainwright.cli.options import AsJson

if TYPE_CHECKING:
    from rich.console import Console

    from trainwright.core import Check


@reported
def command(
    family: Annotated[
        str | None, typer.Option("--family", metavar="NAME", help="Only this family, like data or model.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every check: code, name, severity and what it finds.

    [bold]trainwright rules[/]
    [bold]trainwright rules --family split[/]
    [bold]trainwright rules --json[/]   with needs and full documentation
    """
    from trainwright.cli.catalogue import describe, families
    from trainwright.cli.output import make_console, print_json
    from trainwright.core import UsageError, discover
    from trainwright.core.errors import nearest

    groups = dict(families(discover()))
    if family is not None and family not in groups:
        raise UsageError(
            f"There is no family '{family}'.{nearest(family, groups)}",
            expected=f"One of {', '.join(groups)}." if groups else "",
        )
    shown = {name: checks for name, checks in groups.items() if family in (None, name)}
    if as_json:
        print_json([describe(check) for checks in shown.values() for check in checks])
        return
    console = make_console(as_json=False)
    for name, checks in shown.items():
        _print_family(console, name, checks)
    console.print("[dim]trainwright explain CODE[/]  tells the whole story of one of them")


def _print_family(console: Console, name: str, checks: list[Check]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from trainwright.cli.catalogue import COLOURS, FAMILIES
    from trainwright.core import Maturity

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        severity = f"[{COLOURS[check.severity]}]{check.severity}[/]"
        remark = " [dim](preview)[/]" if check.maturity is Maturity.PREVIEW else ""
        table.add_row(check.code, check.name, severity + remark, escape(check.documentation.summary))
    console.print(f"[bold]{name}[/] [dim]{FAMILIES.get(name, 'from an installed package')}[/]")
    console.print(table)
    console.print()
