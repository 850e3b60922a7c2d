"""Runner: takes an experiment through the stages, keeps everything in the run folder, and resumes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import trainwright
from trainwright.core import Finding, TrainwrightError, UsageError
from trainwright.core.errors import nearest
from trainwright.logbook.files import read_json, write_json
from trainwright.logbook.index import same_configuration
from trainwright.logbook.run import RunFolder
from trainwright.recipe import budget
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.stage import Stage
from trainwright.recipe.stages import STAGES
from trainwright.recipe.workers import Workers, useful_workers
from trainwright.report.html import write_html
from trainwright.report.text import print_stage, print_summary
from trainwright.report.view import RunView, StageResult
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loading import dump_config, load_experiment

Status = Literal["running", "finished", "stopped", "interrupted"]
REQUEST = "request.json"
"""What the user asked for; with it a run killed before its plan was made can still be resumed."""


@dataclass(frozen=True)
class Request:
    """One call of ``trainwright run``."""

    target: str
    changes: dict[str, Any]
    budget_seconds: float | None
    until: str | None
    command: str
    started: str

    def stages(self) -> tuple[Stage, ...]:
        """The stages up to ``until``, the last included."""
        if self.until is None:
            return STAGES
        names = [stage.name for stage in STAGES]
        if self.until not in names:
            raise UsageError(
                f"There is no stage '{self.until}'.{nearest(self.until, names)}",
                expected=f"One of {', '.join(names)}.",
                todo="Pass for example --until check.",
            )
        return STAGES[: names.index(self.until) + 1]


def run_recipe(
    target: str,
    *,
    root: Path,
    changes: Mapping[str, Any] | None = None,
    budget_seconds: float | None = None,
    force: bool = False,
    until: str | None = None,
    console: Console | None = None,
    command: str = "",
    workers: int = 1,
) -> RunView:
    """Run all stages on ``target`` in a new folder below ``root`` and write its report.

    ``workers``: processes that may train at the same time; the numbers do not depend on it. Raises
    ``TrainwrightError`` for anything the user can put right. A stage whose gate stays shut ends the run with status
    ``stopped`` unless ``force``. After Ctrl-C the report of what was done is written and ``KeyboardInterrupt`` goes
    on.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    request = Request(_absolute(target), dict(changes or {}), budget_seconds, until, command, started)
    request.stages()
    experiment = load_experiment(request.target, request.changes)
    _ = experiment.splits  # wrong data are reported before a folder is made for them
    run = RunFolder.create(root, experiment.name)
    write_json(run.path / REQUEST, request.__dict__)
    return _carry_out(request, experiment, run, force=force, console=console or Console(), workers=workers)


def resume_recipe(path: Path, *, force: bool = False, console: Console | None = None, workers: int = 1) -> RunView:
    """Go on with a run that was killed, interrupted or stopped; a finished one is only reported again."""
    run = RunFolder.open(path)
    body = read_json(run.path / REQUEST)
    request = Request(**body)
    experiment = load_experiment(request.target, request.changes)
    return _carry_out(request, experiment, run, force=force, console=console or Console(), workers=workers)


def _absolute(target: str) -> str:
    """Paths are stored absolute, so that a run can be resumed from another folder; names are left alone."""
    file, colon, attribute = target.partition(":") if ".py:" in target else (target, "", "")
    return f"{Path(file).resolve()}{colon}{attribute}" if Path(file).exists() else target


def _carry_out(
    request: Request, experiment: Experiment, run: RunFolder, *, force: bool, console: Console, workers: int
) -> RunView:
    stages = request.stages()
    with run.lock():
        run.set_status("running")
        recipe = _Recipe(request, experiment, run, force=force, console=console, workers=workers)
        threads = torch.get_num_threads()
        try:
            stopped = recipe.run(stages)
        except KeyboardInterrupt:
            recipe.finish("interrupted", "Interrupted by the user.")
            raise
        except TrainwrightError as error:
            recipe.finish("stopped", str(error))
            raise
        finally:
            torch.set_num_threads(threads)
        return recipe.finish("stopped" if stopped else "finished", stopped)


class _Recipe:
    """One run being carried out."""

    def __init__(
        self, request: Request, experiment: Experiment, run: RunFolder, *, force: bool, console: Console, workers: int
    ) -> None:
        self.request = request
        self.experiment = experiment
        self.run_folder = run
        self.force = force
        self.console = console
        self.workers = workers
        self.results: list[StageResult] = []
        self.threads = torch.get_num_threads()

    def run(self, stages: Sequence[Stage]) -> str:
        """Carry out the stages; the reason for stopping, or an empty string."""
        base = self.experiment
        plan = self._plan(stages)
        count = useful_workers(base, plan.threads, self.workers)
        with Workers(base, self.request.target, self.request.changes, count=count, threads=plan.threads) as workers:
            context = Context(self.experiment, self.run_folder, plan, force=self.force, workers=workers)
            return self._run_stages(stages, context)

    def _run_stages(self, stages: Sequence[Stage], context: Context) -> str:
        for position, stage in enumerate(stages):
            result = self._finished(stage)
            if result is None:
                context.plan = self._keep_budget(context, stages[position:])
                result = self._carry_out_stage(stage, context)
            self.results.append(result)
            context.facts[stage.name] = result.facts
            print_stage(self.console, result)
            if not result.gate.is_open and not result.gate.forced:
                return f"The gate after {stage.name} stays shut. {result.gate.reason}"
        return ""

    def finish(self, status: Status, reason: str) -> RunView:
        """Write status, findings and report; returns what the report shows."""
        self.run_folder.set_status(status, reason)
        view = self._view(status, reason)
        findings = [f.to_dict() for f in self._findings()]
        write_json(self.run_folder.path / "findings.json", findings)
        page = write_html(view, self.run_folder.path)
        print_summary(self.console, view)
        self.console.print(f"Report: [link=file://{page.resolve()}]{page}[/link]", soft_wrap=True, highlight=False)
        return view

    def _findings(self) -> list[Finding]:
        return [finding for result in self.results for finding in result.verdict.findings]

    def _plan(self, stages: Sequence[Stage]) -> RunPlan:
        stored = self.run_folder.load_plan()
        if stored is not None:
            plan = RunPlan.from_dict(stored["plan"])
        else:
            with self.console.status("Measuring how long one epoch takes …"):
                plan = budget.make_plan(self.experiment, stages, self.request.budget_seconds, self.workers)
            key = self.experiment.key(self.experiment.config.seed)
            self._mention_earlier(key)
            self.run_folder.save_plan({"key": key, "plan": plan.to_dict(), "adjusted": {}})
        self.threads = plan.threads
        torch.set_num_threads(plan.threads)
        self.experiment = self.experiment.with_changes({"training.epochs": plan.epochs_full})
        self.run_folder.save_config(dump_config(self.experiment.config))
        self._announce(plan, stages)
        return plan

    def _mention_earlier(self, key: str) -> None:
        """Say so when these settings, data and code were run before: nobody should wait twice for one answer."""
        earlier = [run for run in same_configuration(self.run_folder.path.parent, key) if run.status == "finished"]
        if earlier:
            last = earlier[-1]
            result = f", test {last.metric_name} {last.test_metric:.4g}" if last.test_metric is not None else ""
            self.console.print(
                f"The same settings on the same data were run before: {last.name}{result}. "
                f"Its report is in {last.path}.",
                style="yellow",
                highlight=False,
            )

    def _announce(self, plan: RunPlan, stages: Sequence[Stage]) -> None:
        predicted = budget.predict(plan, self.experiment, stages)
        parts = ", ".join(f"{name} {budget.format_duration(seconds)}" for name, seconds in predicted.items())
        total = budget.format_duration(sum(predicted.values()))
        limit = f" of {budget.format_duration(plan.budget_seconds)} allowed" if plan.budget_seconds else ""
        self.console.print(
            f"[bold]{self.experiment.name}[/bold]: predicted {total}{limit} ({parts}). "
            f"One training of {plan.epochs_full} epochs takes {budget.format_duration(plan.seconds_per_training)}.",
            highlight=False,
        )
        for note in plan.notes:
            self.console.print(note, style="yellow", highlight=False)

    def _keep_budget(self, context: Context, remaining: Sequence[Stage]) -> RunPlan:
        """The plan for the stages that remain; shrunk once more when the run is late, and then stored for a resumed
        run.
        """
        stored = self.run_folder.load_plan()
        assert stored is not None, "the plan is saved before the first stage"
        name = remaining[0].name
        if name in stored["adjusted"]:
            return RunPlan.from_dict(stored["adjusted"][name])
        plan = context.plan
        if plan.budget_seconds is not None:
            left = plan.budget_seconds - sum(result.seconds for result in self.results)
            current = context.current_experiment()
            observed = replace(plan, seconds_per_training=self._observed(plan))
            fitted = budget.fit(observed, current, remaining, left)
            plan = fitted or budget.shrink(observed, budget.SMALLEST_EFFORT)
        stored["adjusted"][name] = plan.to_dict()
        self.run_folder.save_plan(stored)
        return plan

    def _observed(self, plan: RunPlan) -> float:
        """Seconds of one full training as the stages so far really took, never below the measured plan."""
        rates = [r.facts["seconds_per_training"] for r in self.results if "seconds_per_training" in r.facts]
        return float(max([plan.seconds_per_training, *rates[-1:]]))

    def _finished(self, stage: Stage) -> StageResult | None:
        """A stage that ended before; one whose gate was shut is read again, and passes if the user now forces it."""
        body = self.run_folder.load_stage(stage.name)
        if body is None:
            return None
        result = StageResult.from_dict(body)
        if self.force and not result.gate.is_open:
            result = replace(result, gate=replace(result.gate, forced=True))
            self.run_folder.save_stage(stage.name, result.to_dict())
        return result

    def _carry_out_stage(self, stage: Stage, context: Context) -> StageResult:
        units = stage.trainings(context.current_experiment(), context.plan)
        start = time.perf_counter()
        with _progress(self.console, stage.name, units) as progress:
            context.progress = progress
            result = stage.run(context)
        result = replace(result, seconds=time.perf_counter() - start)
        if self.force and not result.gate.is_open:
            result = replace(result, gate=replace(result.gate, forced=True))
        self.run_folder.save_stage(stage.name, result.to_dict())
        return result

    def _view(self, status: Status, reason: str) -> RunView:
        dataset = self.experiment.dataset
        return RunView(
            name=self.run_folder.path.name,
            status=status,
            started=self.request.started,
            data_name=dataset.name,
            headline=_headline(self.results),
            stages=tuple(self.results),
            config_yaml=self.run_folder.load_config() if self.results else "",
            reproduce=self._reproduce(),
            stopped_because=reason,
        )

    def _reproduce(self) -> dict[str, str]:
        return {
            "command": self.request.command or f"trainwright run {self.request.target}",
            "resume": f"trainwright run --resume {self.run_folder.path}",
            "again from the configuration": f"trainwright run {self.run_folder.path / 'config.yaml'}",
            "seed": str(self.experiment.config.seed),
            "data fingerprint": self.experiment.dataset.fingerprint(),
            "trainwright": trainwright.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": sys.version.split()[0],
            "threads": str(self.threads),
        }


def _headline(results: Sequence[StageResult]) -> tuple[tuple[str, str, str], ...]:
    lines: list[tuple[str, str, str]] = []
    for result in reversed(results):  # what the last stages found matters most
        lines.extend(tuple(line) for line in result.facts.get("headline", ()))
    seconds = sum(result.seconds for result in results)
    findings = sum(len(result.verdict.findings) for result in results)
    lines.append(("findings", str(findings), "errors, warnings and advice over all stages"))
    lines.append(("time", budget.format_duration(seconds), f"{len(results)} stages"))
    return tuple(lines)


class _BarProgress:
    """A stage's progress as one bar; amounts in full trainings."""

    def __init__(self, bar: Progress, task: TaskID, name: str) -> None:
        self._bar, self._task, self._name = bar, task, name

    def advance(self, amount: float) -> None:
        self._bar.advance(self._task, amount)

    def describe(self, text: str) -> None:
        self._bar.update(self._task, description=f"{self._name}: {text}")


@contextmanager
def _progress(console: Console, name: str, units: float) -> Iterator[_BarProgress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=max(units, 0.01))
        yield _BarProgress(bar, task, name)
