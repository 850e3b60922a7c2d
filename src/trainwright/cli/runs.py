"""``trainwright runs``: the runs made so far."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainwright.cli.failures import reported
from trainwright.cli.options import AsJson, RunsFolder

if TYPE_CHECKING:
    from rich.console import Console

    from trainwright.logbook.index import RunSummary


@reported
def command(runs: RunsFolder = Path("runs"), as_json: AsJson = False) -> None:
    """List the runs made so far, the newest first.

    [bold]trainwright runs[/]
    [bold]trainwright runs --runs /data/experiments --json[/]
    """
    from trainwright.cli.output import make_console, print_json

    summaries = _newest_first(runs)
    if as_json:
        print_json([_plain(summary) for summary in summaries])
        return
    _print_runs(make_console(as_json=False), summaries, runs)


def _newest_first(root: Path) -> list[RunSummary]:
    from trainwright.core import UsageError

    if not root.exists():
        return []
    if not root.is_dir():
        raise UsageError(f"{root} is a file.", expected="A folder that holds run folders.", todo="Name it with --runs.")
    from trainwright.logbook.index import list_runs

    return sorted(list_runs(root), key=lambda summary: summary.started, reverse=True)


def _plain(summary: RunSummary) -> dict[str, Any]:
    """One run for JSON, which has no word for NaN: a test metric that is none becomes null."""
    metric = summary.test_metric
    return {**asdict(summary), "test_metric": metric if metric is not None and math.isfinite(metric) else None}


def _print_runs(console: Console, summaries: list[RunSummary], root: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not summaries:
        console.print(f"There are no runs in {escape(str(root))}/ yet. Make the first: [bold]trainwright run digits[/]")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("run", "started", "status", "data", "test metric", "time"):
        table.add_column(title, overflow="fold", no_wrap=title in ("run", "started"))
    for each in summaries:
        metric = "–" if each.test_metric is None else f"{each.metric_name} {each.test_metric:.4g}"
        time = f"{each.seconds:.0f} s"
        table.add_row(
            escape(each.name), escape(_to_the_minute(each.started)), each.status, escape(each.data_name), metric, time
        )
    console.print(table)


def _to_the_minute(started: str) -> str:
    """``2026-11-21T12:25:13+00:00`` as ``2026-11-21 12:25``."""
    return started[:16].replace("T", " ")
