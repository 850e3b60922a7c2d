"""``trainwright diagnose``: logs that other programs wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainwright.cli.failures import CLEAN, FINDINGS, reported
from trainwright.cli.options import AsJson, FailOn
from trainwright.core import Severity, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from trainwright.doctor.diagnosis import Diagnosis
    from trainwright.measures.curves import Curve

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 48
"""Characters of a curve drawn as text."""


@reported
def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="CSV, JSON Lines, JSON, TensorBoard event files, Hugging Face's trainer_state.json, Lightning's "
            "metrics.csv, or folders with them.",
            show_default=False,
        ),
    ],
    *,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="QUANTITY=COLUMN",
            help="Say what a column is, like [bold]train_loss=my_column[/]; may be given many times.",
        ),
    ] = None,
    baseline: Annotated[
        float | None,
        typer.Option(
            "--baseline",
            metavar="LOSS",
            help="Loss of the best constant prediction: log of the number of classes, or variance of the target. With "
            "it, it can be told whether anything was learnt.",
        ),
    ] = None,
    fail_on: FailOn = Severity.ERROR,
    as_json: AsJson = False,
) -> None:
    """Find what went wrong in a training from the log it left, whatever wrote it.

    [bold]trainwright diagnose lightning_logs/version_3[/]
    [bold]trainwright diagnose log.csv --map train_loss=objective[/]
    [bold]trainwright diagnose runs/exp7 --baseline 2.303 --fail-on warning[/]   exit 1 on a warning
    """
    from trainwright.cli.output import make_console, print_json
    from trainwright.core import Maturity
    from trainwright.doctor.diagnosis import diagnose

    columns = _read_mapping(mapping or [])
    found = [each for path in paths for each in diagnose(path, columns=columns, baseline=baseline)]
    if as_json:
        print_json([each.to_dict() for each in found])
    else:
        for each in found:
            _print(make_console(as_json=False), each)
    bad = [f for each in found for f in each.verdict.at_least(fail_on) if f.maturity is Maturity.STABLE]
    raise typer.Exit(FINDINGS if bad else CLEAN)


def _read_mapping(assignments: list[str]) -> dict[str, str]:
    wanted = {}
    for each in assignments:
        quantity, sign, column = each.partition("=")
        if not sign or not quantity.strip() or not column.strip():
            raise UsageError(
                f"--map {each} maps nothing.",
                expected="A quantity and a column, joined by '='.",
                todo="Write it like --map train_loss=my_column",
            )
        wanted[quantity.strip()] = column.strip()
    return wanted


def _print(console: Console, diagnosis: Diagnosis) -> None:
    from rich.table import Table
    from rich.text import Text

    from trainwright.report.text import print_verdict

    log = diagnosis.log
    console.rule(Text.assemble((log.source, "bold"), f"  {log.kind}"), align="left", style="dim")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for quantity, column in log.recognised.items():
        curve = getattr(log.curve, quantity, None)
        if curve is None:
            table.add_row(Text(quantity), Text(column, "dim"), "", "")
            continue
        table.add_row(Text(quantity), Text(column, "dim"), Text(sparkline(curve), "cyan"), Text(_range(curve)))
    console.print(table)
    for title, items in (("not used", log.unused), ("note", log.notes)):
        if items:
            more = f" and {len(items) - 12} more" if len(items) > 12 else ""
            console.print(Text(f"{title}: {', '.join(items[:12])}{more}", "dim"))
    if log.curve.baseline_train_loss is None:
        console.print(Text("whether anything was learnt can be told with --baseline LOSS, that of a constant", "dim"))
    console.print()
    print_verdict(console, diagnosis.verdict)


def sparkline(curve: Curve, width: int = WIDTH) -> str:
    """A curve as one line of text: bars of eight heights from its lowest to its highest finite value."""
    values = curve.finite.blocks(width).y
    if not len(values):
        return ""
    low, high = float(values.min()), float(values.max())
    span = high - low
    return "".join(BARS[round((float(value) - low) / span * 7)] if span > 0 else BARS[0] for value in values)


def _range(curve: Curve) -> str:
    """First and last value, and how many there are."""
    return f"{curve.y[0]:.4g} → {curve.y[-1]:.4g}  ({len(curve)} points)" if len(curve) else "no values"
