"""``trainwright explain``: the documentation of one check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trainwright.cli.failures import reported
from trainwright.cli.options import AsJson

if TYPE_CHECKING:
    from rich.console import Console

    from trainwright.core import Catalogue, Check


@reported
def command(
    check: Annotated[str, typer.Argument(metavar="CODE|NAME", help="A code like TW301 or a name like initial-loss.")],
    as_json: AsJson = False,
) -> None:
    """Explain a check: what it finds, why it hurts, how it is measured and how to fix it.

    [bold]trainwright explain TW301[/]
    [bold]trainwright explain initial-loss[/]
    """
    from trainwright.cli.catalogue import describe
    from trainwright.cli.output import make_console, print_json
    from trainwright.core import discover

    catalogue = discover()
    chosen = catalogue[check]
    if as_json:
        print_json(describe(chosen))
        return
    _print_check(make_console(as_json=False), chosen, catalogue)


def _print_check(console: Console, check: Check, catalogue: Catalogue) -> None:
    from rich.markdown import Markdown
    from rich.markup import escape

    from trainwright.cli.catalogue import COLOURS, family_of, limits_of
    from trainwright.core import Maturity

    colour = COLOURS[check.severity]
    maturity = "preview: still being calibrated, never shuts a gate"
    console.print(
        f"[bold]{check.code} {check.name}[/] · [{colour}]{check.severity}[/] · {family_of(check)} · "
        f"{maturity if check.maturity is Maturity.PREVIEW else 'stable'}"
    )
    console.print(f"{escape(check.documentation.summary)}\n")
    for title, text in check.documentation.sections.items():
        console.print(f"[bold]{title}[/]")
        console.print(Markdown(text))
        console.print()
    if limits := limits_of(check):
        console.print("[bold]Limits[/]")
        console.print(Markdown("\n".join(f"- **{each.name} {each.value:g}**: {each.reason}" for each in limits)))
        console.print()
    needs = ", ".join(need.kind.__name__ + (" (optional)" if need.optional else "") for need in check.needs)
    console.print(f"[bold]Needs[/] {needs}")
    if check.after:
        causes = ", ".join(f"{code} {catalogue[code].name}" for code in check.after)
        console.print(f"[bold]Masked by[/] {causes}: when one of them fires, this is listed as its consequence")
    console.print(f"[bold]Try it[/] trainwright demo {check.code}")
