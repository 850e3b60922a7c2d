"""TW509 schedule-before-optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.loop import Schedule

FEWEST_STEPS = 2


class ScheduleBeforeOptimizer(Check):
    """The learning-rate schedule is stepped before the optimizer.

    What it finds:
        A ``scheduler.step()`` that comes before the first ``optimizer.step()``.

    Why it hurts:
        The first value of the schedule is skipped and every later one comes a step (or an epoch) too early; a warm-up
        loses its beginning, a decay comes too soon.

    How it is measured:
        Which of the two was called first, construction of the schedule left aside. Where the schedule made more steps
        than the optimizer, a gradient scaler skipped the first step, which is healthy, and nothing is said.

    How to fix:
        Call ``scheduler.step()`` behind ``optimizer.step()``.

    References:
        PyTorch, torch.optim: how to adjust learning rate, warning since version 1.1.0.
    """

    code = "TW509"
    name = "schedule-before-optimizer"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.schedule_first),
        Case(training_benches.waves_gru, loop_faults.schedule_first),
    )

    def run(self, schedule: Schedule) -> Iterator[Finding]:
        steps, moved = schedule.n_optimizer_steps, schedule.n_scheduler_steps
        if not schedule.scheduler or moved < 1:
            raise CannotEvaluate("no scheduler was stepped")
        if steps < FEWEST_STEPS:
            raise CannotEvaluate(f"{steps} steps of the optimizer are too few; {FEWEST_STEPS} are needed")
        if not schedule.first_was_scheduler or moved > steps:
            return
        series: tuple[Series, ...] = ()
        if len(schedule.steps) == len(schedule.rates):
            x, y = tuple(map(float, schedule.steps)), tuple(map(float, schedule.rates))
            series = (Series("learning rate", x, y),)
        yield self.finding(
            happened=f"{schedule.scheduler} was stepped before the first of {steps} optimizer steps ({moved} steps of "
            "its own in all); its first rate was never used.",
            expected="The first optimizer step, and then the first step of the schedule.",
            todo="Move scheduler.step() behind optimizer.step().",
            evidence=(Evidence("optimizer steps before the first of the schedule", 0, limit=1, series=series),),
            fixes=(
                Fix(
                    "Change the order",
                    instruction="Call optimizer.step() first and scheduler.step() behind it, in every step (or epoch).",
                ),
            ),
            confidence=0.97,
            why_confident="A counted fact: the order of the two calls.",
        )
