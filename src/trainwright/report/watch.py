"""Watch: a running program under the doctor's eyes, and what is said of it while it runs and at its end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from rich.console import Console
from rich.markup import escape
from torch import nn
from torch.optim import Optimizer

from trainwright.core import Check, Finding, Measurements, Severity, TrainwrightError, UsageError, Verdict, judge
from trainwright.core.catalogue import discover
from trainwright.doctor.session import MEASURED, Session
from trainwright.doctor.taps import Taps
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import LayerSignals
from trainwright.report.format import duration
from trainwright.report.text import print_finding
from trainwright.report.watch_page import write_page

FIRST_LOOK = 32
"""Step at which findings are looked for the first time; then at every doubling, at an alarm, and at the end."""

MOST_NAMED = 6
"""Models, and optimizers, that the last line names: searches and federations have hundreds."""

COURSES = (LearningCurve, LayerSignals)
"""Measurements of a course, whose beginning may look like another one."""

_SIGNS = {Severity.ERROR: ("✖", "bold red"), Severity.WARNING: ("▲", "yellow"), Severity.ADVICE: ("●", "cyan")}


class Watch:
    """Watches everything that trains in this process while the block runs; made by :func:`watch`."""

    running: ClassVar[Watch | None] = None
    """The one that watches this process now."""

    def __init__(
        self,
        *models: nn.Module,
        budget: float = 0.01,
        every: int | None = None,
        quiet: bool = False,
        name: str = "training",
        report: str | Path | None = None,
    ) -> None:
        if not 0 < budget <= 1:
            raise UsageError(
                f"A budget of {budget} cannot be kept.",
                expected="The share of the run's time that watching may cost, above 0 and at most 1.",
                todo="Pass for example budget=0.01.",
            )
        self.name = name
        self.seconds = 0.0
        self.fault = ""
        self._session = Session(budget, every, self._stepped)
        for model in models:
            self._session.models.of(model)
        self._taps = Taps(self._session, self._failed, self._session.governor.spend)
        is_other_rank = int(os.environ.get("RANK", "0") or 0) > 0  # of a distributed run: the first one speaks for all
        self._quiet = quiet or is_other_rank
        self._console = Console(stderr=True, highlight=False)
        self._report = Path(report) if report is not None and not is_other_rank else None
        self._checks = live_checks()
        self._suspected: set[tuple[str, str]] = set()
        self._said: dict[tuple[str, str], tuple[str, int]] = {}
        self._next_look = FIRST_LOOK
        self._look_seconds = 0.0
        self._started = time.perf_counter()
        self._verdict: Verdict | None = None
        self._measurements: Measurements | None = None

    def __enter__(self) -> Watch:
        self._started = time.perf_counter()
        self._taps.__enter__()
        Watch.running = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taps.__exit__(kind, error, trace)
        Watch.running = None
        self.seconds = time.perf_counter() - self._started
        self.finish()

    # What is known ---------------------------------------------------------------------------------------------------

    @property
    def measurements(self) -> Measurements:
        """Everything that was measured, up to now or to the end."""
        return self._measurements if self._measurements is not None else self._session.measurements()

    @property
    def verdict(self) -> Verdict:
        """The verdict of all checks on what was measured."""
        return self._verdict if self._verdict is not None else judge(self._checks, self.measurements)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings, worst and surest first."""
        return self.verdict.findings

    @property
    def steps(self) -> int:
        """Optimizer steps that were watched."""
        return self._session.step

    @property
    def session(self) -> Session:
        """What listens; frameworks tell it what cannot be heard."""
        return self._session

    @property
    def cost(self) -> float:
        """Share of the time that watching took."""
        return self._session.governor.spent / max(1e-9, self.seconds or time.perf_counter() - self._started)

    # While it runs ---------------------------------------------------------------------------------------------------

    def _stepped(self, *, alarm: bool = False) -> None:
        if not alarm and not self._is_due(self._session.step):
            return
        self._next_look = max(2 * self._session.step, FIRST_LOOK)
        started = time.perf_counter()
        verdict = judge(self._checks, self._session.measurements())
        self._look_seconds = time.perf_counter() - started
        found = {(finding.code, finding.where): finding for finding in verdict.at_least(Severity.WARNING)}
        for key, finding in found.items():
            if key not in self._said and self._is_ripe(finding):
                self._said[key] = finding.name, self._session.step
                self._say(finding)
        if not alarm:
            self._suspected = set(found)

    def _is_ripe(self, finding: Finding) -> bool:
        """Whether it is to be said before the end: a fact at once, what rests on the course of the training when two
        looks in a row find it, what depends on its length never."""
        check = next(check for check in self._checks if check.code == finding.code)
        if check.at_end:
            return False
        rests_on_course = any(need.kind in COURSES and not need.optional for need in check.needs)
        return not rests_on_course or (finding.code, finding.where) in self._suspected

    def _is_due(self, step: int) -> bool:
        """At every doubling; later where the budget is spent, but not later than at the next doubling."""
        if step < self._next_look:
            return False
        return step >= 2 * self._next_look or self._session.governor.affords(self._look_seconds)

    def _say(self, finding: Finding) -> None:
        if self._quiet:
            return
        sign, style = _SIGNS[finding.severity]
        place = f" · {finding.where}" if finding.where else ""
        self._console.print(
            f"[{style}]{sign} trainwright[/] step {self._session.step}  [bold]{finding.code} {finding.name}[/]"
            f"{escape(place)}\n  {escape(finding.happened)}\n  [green]→[/] {escape(finding.todo)}"
        )

    def _failed(self, error: Exception) -> None:
        """A fault of ours costs an event, and when there are several the watching; never the training."""
        is_first, self.fault = not self.fault, self.fault or f"{type(error).__name__}: {error}"
        if self._quiet or not (is_first or self._taps.is_silent):
            return
        consequence = "stopped watching" if self._taps.is_silent else "lost an event to a fault of its own"
        self._console.print(
            f"[yellow]trainwright {consequence} at step {self._session.step}: {escape(self.fault)}. "
            "Your training goes on untouched. Please report this.[/]"
        )

    # At the end ------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Judge for the last time, say what was found, write the report."""
        try:
            self._session.ended()
            self._measurements = self._session.measurements()
            for fault in self._session.faults:
                self._failed(fault)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not hide how the training ended
            self._failed(error)
            self._measurements = Measurements()
        self._verdict = judge(self._checks, self._measurements)
        written = self._write()
        if not self._quiet:
            self._summarise(written)

    def _write(self) -> Path | None:
        """Where the report stands. One that cannot be written must not cost what the training leaves."""
        if self._report is None:
            return None
        try:
            return write_page(self, self._report)
        except TrainwrightError as error:
            self._console.print(f"[yellow]The report could not be written: {escape(str(error))}[/]")
            return None

    def _summarise(self, written: Path | None) -> None:
        verdict, console = self.verdict, self._console
        console.rule("[bold]trainwright[/]", align="left", style="dim")
        if self.fault:
            console.print(f"[yellow]{self.steps} steps were watched, with a fault of ours: {escape(self.fault)}.[/]")
        elif not self.steps and not verdict.findings:
            where = "thread that was watched; others were at work" if self._taps.heard_threads else "process"
            console.print(
                f"No optimizer made a step in the {where}, so there was nothing to watch. Where a program trains in "
                "threads or processes that it starts, put 'with trainwright.watch():' into the function they run."
            )
            return
        for finding in verdict.findings:
            print_finding(console, finding, settings=False)
        for masked, cause in verdict.masked:
            console.print(f"[dim]↳ {masked.code} {masked.name}: a consequence of {cause}[/]")
        self._take_back(verdict)
        names = _listed([pupil.name for pupil in self._session.learners]) or "no optimizer"
        models = _listed([entry.label for entry in self._session.models]) or "no model"
        word = _counted(verdict) if verdict.findings else "nothing found" if self.steps else "nothing watched"
        console.print(
            f"[{'green' if not verdict.blocking else 'red'}]{word}[/] in {self.steps} steps of {escape(models)} under "
            f"{escape(names)}, {duration(self.seconds)}; watching took {self.cost:.1%} of the time. "
            f"{len(verdict.passed)} checks found nothing, {len({c for c, _ in verdict.not_evaluated})} could not judge."
        )
        if written is not None:
            console.print(f"Report: {escape(str(written))}")

    def _take_back(self, verdict: Verdict) -> None:
        """Name what was said while the program ran and is not there at its end."""
        seen = {finding.code for finding in (*verdict.findings, *(masked for masked, _ in verdict.masked))}
        # What a finding would be masked by may stand behind it as well: NaN at the end of a divergence.
        seen |= {code for check in self._checks if check.code in seen for code in check.after}
        for (code, _), (name, step) in self._said.items():
            if code not in seen:
                self._console.print(f"[dim]{code} {name}, said at step {step}, is not what the whole run shows.[/]")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "name": self.name,
            "steps": self.steps,
            "seconds": self.seconds,
            "cost": self.cost,
            "fault": self.fault,
            **self.verdict.to_dict(),
        }


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def live_checks() -> list[Check]:
    """The checks that judge what can be measured of a running loop."""
    return [check for check in discover() if all(need.optional or need.kind in MEASURED for need in check.needs)]


def _counted(verdict: Verdict) -> str:
    counts = [(s, sum(f.severity is s for f in verdict.findings)) for s in Severity]
    return ", ".join(f"{n} {s.value}{'s' if n > 1 and s is not Severity.ADVICE else ''}" for s, n in counts if n)


def watch(
    *models: nn.Module | Optimizer,
    budget: float = 0.01,
    every: int | None = None,
    quiet: bool = False,
    name: str = "training",
    report: str | Path | None = None,
) -> Watch:
    """Watch a training loop::

        with trainwright.watch() as doctor:
            ...  # your loop, unchanged
        print(doctor.findings)

    Models, optimizers, losses, loaders and phases are found by themselves; ``models`` may be given to name their layers
    from the very first step. Training is bit for bit what it is without. ``budget``: share of the run's time watching
    may cost; ``every``: look closely at every so many steps instead, whatever it costs. ``quiet``: print nothing.
    ``report``: where to write the report, a path ending in ``.html``.
    """
    return Watch(
        *(each for each in models if isinstance(each, nn.Module)),
        budget=budget,
        every=every,
        quiet=quiet,
        name=name,
        report=report,
    )
