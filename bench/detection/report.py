"""The section of docs/benchmarks.md on detection."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from bench.detection.program import CALIBRATION, EVALUATION, Program
from bench.detection.score import Rate, Run, Score, score, time_ratio, together
from bench.page import circumstances

TOGETHER = "trainwright-check + watch"


def percent(rate: Rate | None) -> str:
    return "–" if rate is None else f"{rate.value:.0%} ({rate.low:.0%} – {rate.high:.0%})"


def number(rate: Rate | None) -> str:
    return "–" if rate is None else f"{rate.value:.2f} ({rate.low:.2f} – {rate.high:.2f})"


def by_contender(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each contender but the bare one, with trainwright's two commands also taken together."""
    names = list(dict.fromkeys(run.contender for run in runs if run.contender != "bare"))
    found = {name: [run for run in runs if run.contender == name] for name in names}
    joined = together(runs, "trainwright-check", "trainwright-watch", TOGETHER)
    return {TOGETHER: joined, **found} if joined else found


def row(name: str, runs: Sequence[Run], bare: Sequence[Run], result: Score) -> str:
    ratio = time_ratio(runs, bare)
    cost = "–" if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f} – {ratio[2]:.2f})"
    cells = [name, percent(result.recall), percent(result.first), number(result.errors), number(result.warnings)]
    return "| " + " | ".join([*cells, cost, str(result.failed), str(result.unsupported)]) + " |"


def half_table(runs: dict[str, list[Run]], bare: Sequence[Run], programs: Sequence[Program]) -> list[str]:
    lines = [
        "| tool | fault named | named first | errors per healthy run | warnings per healthy run "
        "| seconds × bare | failed | not attachable |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    names = {program.name for program in programs}
    for name, mine in runs.items():
        here = [run for run in mine if run.program in names]
        if here:
            lines.append(row(name, here, bare, score(here, programs)))
    return lines


def group_table(runs: dict[str, list[Run]], programs: Sequence[Program]) -> list[str]:
    groups = list(dict.fromkeys(program.group for program in programs if not program.healthy))
    lines = ["| tool | " + " | ".join(groups) + " |", "|---|" + "---:|" * len(groups)]
    for name, mine in runs.items():
        cells = [percent(score(mine, [p for p in programs if p.group == group]).recall) for group in groups]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return lines


def missed(runs: dict[str, list[Run]], programs: Sequence[Program]) -> list[str]:
    """What trainwright does not name with every seed, and what it alarms about on healthy programs."""
    name = TOGETHER if TOGETHER in runs else "trainwright-watch"
    if name not in runs:
        return []
    found = ", ".join(score(runs[name], programs).missed) or "nothing"
    healthy = {program.name for program in programs if program.healthy}
    alarms = sorted(
        {
            f"{run.program}: {finding.rule}"
            for run in runs[name]
            for finding in run.findings
            if run.program in healthy and finding.severity != "advice"
        }
    )
    return [f"Missed with at least one seed by {name}: {found}.", "", f"False alarms: {', '.join(alarms) or 'none'}."]


def section(runs: Sequence[Run], programs: Sequence[Program]) -> str:
    """The whole section as Markdown."""
    contenders = by_contender(runs)
    bare = [run for run in runs if run.contender == "bare"]
    seeds = len({run.seed for run in runs})
    parts = [
        circumstances(f"torch {version('torch')}")
        + f" One thread; {seeds} seed{'' if seeds == 1 else 's'}; intervals are 95 %, over programs."
    ]
    ran = {run.program for run in runs}
    for half in (EVALUATION, CALIBRATION):
        mine = [program for program in programs if program.half == half]
        if ran.isdisjoint(program.name for program in mine):
            continue
        n_healthy = sum(program.healthy for program in mine)
        parts += [
            "",
            f"**{half.capitalize()} half**: {len(mine) - n_healthy} faulty, {n_healthy} healthy programs.",
            "",
        ]
        parts += [*half_table(contenders, bare, mine), "", "Faults named, by kind:", "", *group_table(contenders, mine)]
        parts += ["", *missed(contenders, mine)]
    return "\n".join(parts)
