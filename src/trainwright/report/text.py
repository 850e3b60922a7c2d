"""The report in a terminal: *expect → measured → verdict*, findings with what to do."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from trainwright.core import Evidence, Finding, Fix, Maturity, Severity, Verdict
from trainwright.report.format import cell, duration, is_number, number, rows, tally
from trainwright.report.view import Gate, Outcome, RunView, StageResult, Step, Table
from trainwright.report.yaml_diff import yaml_diff

_SEVERITY = {Severity.ERROR: ("✖", "bold red"), Severity.WARNING: ("▲", "yellow"), Severity.ADVICE: ("●", "cyan")}
_OUTCOME = {
    Outcome.AS_EXPECTED: ("✔", "green"),
    Outcome.SURPRISE: ("!", "bold yellow"),
    Outcome.INFORMATION: ("·", "dim"),
}
_DIFF = {"+": "green", "-": "red", " ": "dim"}
_STATUS = {"finished": "green", "running": "cyan", "stopped": "red", "interrupted": "yellow"}
MAX_TABLE_ROWS = 12


def print_finding(console: Console, finding: Finding, *, settings: bool = True) -> None:
    """One finding: what happened, what was expected, what to do, the numbers and the fixes.

    ``settings``: show a fix's changes of settings as YAML diffs; a program without our configuration has no use for
    them.
    """
    sign, style = _SEVERITY[finding.severity]
    head = Text.assemble((f"{sign} {finding.severity.value}", style), "  ", (finding.code, "bold"), f" {finding.name}")
    if finding.where:
        head.append(f"  {finding.where}", "dim")
    if finding.maturity is Maturity.PREVIEW:
        head.append("  preview", "magenta")
    console.print(head)
    body: list[RenderableType] = [_sentences(finding)]
    body += [_evidence(e) for e in finding.evidence]
    body += [_fix(f, settings=settings) for f in finding.fixes]
    if finding.why_confident:
        body.append(Text(f"{finding.confidence:.0%} sure: {finding.why_confident}", "dim"))
    console.print(Padding(Group(*body), (0, 0, 1, 2)))


def _sentences(finding: Finding) -> Grid:
    grid = _grid()
    for label, text in (("happened", finding.happened), ("expected", finding.expected), ("do", finding.todo)):
        grid.add_row(Text(label, "dim"), Text(text))
    return grid


def _grid() -> Grid:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    return grid


def _evidence(evidence: Evidence) -> Text:
    text = Text.assemble(evidence.quantity, " ", (number(evidence.value, evidence.unit), "bold"))
    if evidence.limit is not None:
        text.append(f" (limit {number(evidence.limit, evidence.unit)})", "dim")
    for part in (evidence.where, evidence.when):
        if part:
            text.append(f", {part}", "dim")
    if evidence.samples:
        text.append(f", rows {rows(evidence.samples)}", "dim")
    return text


def _fix(fix: Fix, *, settings: bool) -> Group:
    parts: list[RenderableType] = [Text.assemble(("fix  ", "bold green"), fix.title)]
    if fix.instruction:
        parts.append(Padding(Text(fix.instruction), (0, 0, 0, 5)))
    for line in yaml_diff(fix.changes) if settings else ():
        parts.append(Padding(Text(f"{line.sign} {line.text}", _DIFF[line.sign]), (0, 0, 0, 5)))
    return Group(*parts)


def print_verdict(console: Console, verdict: Verdict) -> None:
    """All findings, worst first, then what was masked, what could not be judged, and how many checks passed."""
    for finding in verdict.findings:
        print_finding(console, finding)
    for masked, cause in verdict.masked:
        console.print(Text(f"↳ {masked.code} {masked.name}: a consequence of {cause}", "dim"))
    if verdict.not_evaluated:
        console.print(Text(f"not evaluated ({len(verdict.not_evaluated)})", "dim"))
        codes: dict[str, list[str]] = {}
        for code, reason in verdict.not_evaluated:
            codes.setdefault(reason, []).append(code)
        for reason, those in codes.items():
            console.print(Padding(Text.assemble((", ".join(those), "bold"), f" {reason}", style="dim"), (0, 0, 0, 2)))
    console.print(Text(tally(verdict), "green" if not verdict.blocking else "red"))


def print_stage(console: Console, result: StageResult) -> None:
    """A stage: purpose, its steps, its findings, its tables, and its gate."""
    console.rule(Text.assemble((result.stage, "bold"), f"  {duration(result.seconds)}"), align="left", style="dim")
    console.print(Text(result.purpose, "italic"))
    if result.steps:
        console.print(_steps(result.steps))
    for table in result.tables:
        console.print(_table(table))
    print_verdict(console, result.verdict)
    console.print(_gate(result.gate))


def _steps(steps: tuple[Step, ...]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", expand=False)
    for column in ("", "step", "expect", "measured"):
        grid.add_column(column, overflow="fold")
    for step in steps:
        sign, style = _OUTCOME[step.outcome]
        grid.add_row(Text(sign, style), Text(step.name, "bold"), Text(step.expect), Text(step.measured, style))
    return grid


def _table(table: Table) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", title=Text(table.title, "bold"))
    grid.title_justify = "left"
    for position, column in enumerate(table.columns):
        numeric = any(is_number(row[position]) for row in table.rows)
        grid.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for position, row in enumerate(table.rows[:MAX_TABLE_ROWS]):
        grid.add_row(*(Text(cell(v)) for v in row), style="bold green" if position == table.highlight else "")
    if len(table.rows) > MAX_TABLE_ROWS:
        grid.caption = Text(f"{len(table.rows) - MAX_TABLE_ROWS} more rows in the report")
    return grid


def _gate(gate: Gate) -> Text:
    if gate.forced:
        return Text.assemble(("gate forced  ", "bold red"), gate.reason)
    word, style = ("gate open  ", "bold green") if gate.is_open else ("gate shut  ", "bold red")
    return Text.assemble((word, style), gate.reason)


def print_summary(console: Console, view: RunView) -> None:
    """A whole run on one screen: status, headline numbers, and one line for each stage."""
    console.print(Text.assemble((view.name, "bold"), f" on {view.data_name}  ", (view.status, _STATUS[view.status])))
    if view.stopped_because:
        console.print(Text(view.stopped_because, "red"))
    grid = _grid()
    for label, value, remark in view.headline:
        grid.add_row(Text(label, "dim"), Text.assemble((value, "bold"), (f"  {remark}", "dim")))
    console.print(Padding(grid, (1, 0, 1, 0)))
    console.print(_stages(view.stages))


def _stages(stages: tuple[StageResult, ...]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for column in ("stage", "gate", "findings", "seconds"):
        grid.add_column(column, justify="right" if column == "seconds" else "left")
    for stage in stages:
        word = "forced" if stage.gate.forced else "open" if stage.gate.is_open else "shut"
        style = "green" if word == "open" else "bold red"
        grid.add_row(Text(stage.stage, "bold"), Text(word, style), tally(stage.verdict), f"{stage.seconds:.1f}")
    return grid
