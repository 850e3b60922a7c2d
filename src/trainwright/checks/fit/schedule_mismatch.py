"""TW508 schedule-mismatch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve, Plan

SPENT = 5e-4
"""Share of the highest rate below which nothing is learnt any more. Schedules that drop tenfold three times stay
above; a cosine to zero is below it for the last 1.5 % of the training."""

IDLE = 0.2
"""Share of the training that may be spent so."""

LOW = 0.011
"""Share of the highest rate, a little above a hundredth, that is fine for a finish but not for most of a training."""

LOW_SHARE = 0.75
"""Share of the training that may be spent below it. An exponential decay of 0.9 in each of 100 epochs spends 0.56."""

CYCLES = 2.0
"""Rises and falls of the rate within one epoch from which the schedule was stepped per batch with periods in epochs;
cyclical rates take several epochs for one."""

FEWEST_POINTS = 5

DONE = 0.2
"""A schedule that made less than this share of its planned steps, though there were half as many of the optimizer as
planned, is moved once per epoch."""

OVER, IN_EPOCHS, FALLEN = 0.1, 2.0, 0.5
"""A schedule that is done after this share of the training and moved with every step, the steps of its plan being at
most so many times the epochs, was planned in epochs; judged where the rate it leaves is below this share of the
highest."""
FEWEST_EPOCHS = 3


class ScheduleMismatch(Check):
    """The learning-rate schedule does not fit the length of the training.

    What it finds:
        A rate that reached zero, or a hundredth of itself, long before the training ended; one that goes round several
        times within an epoch; one that never moved although a schedule was set up; one planned in steps that is moved
        once per epoch, and so stays where it begins; and one planned in epochs that is moved with every step, and so is
        done at once.

    Why it hurts:
        Steps at a rate of zero are wasted. A schedule stepped once per batch whose lengths were given in epochs
        runs off in the first minutes; one that is never stepped does nothing.

    How it is measured:
        From the logged rates. More than 20 % of the training below a two-thousandth of the highest rate, or more than
        75 % below a hundredth; more than two rounds in an epoch (where the steps of an epoch are known); or no change
        at all although it is known that there is a schedule. Each is a fact about the rate.

    How to fix:
        Give the schedule the total number of steps and step it once per optimizer step, or give it epochs and step it
        once per epoch.

    References:
        PyTorch documentation, torch.optim.lr_scheduler (order of calls); Loshchilov and Hutter, SGDR (2017).
    """

    code = "TW508"
    name = "schedule-mismatch"
    severity = Severity.WARNING
    at_end = True
    cases = (
        Case(training_benches.alloys_mlp, curve_faults.short_schedule),
        Case(training_benches.alloys_mlp, curve_faults.early_steps),
    )

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        if curve.schedule is not None and _is_stepped_per_epoch(curve.schedule):
            yield self._stepped_per_epoch(curve, curve.schedule)
            return
        if curve.schedule is not None and _is_stepped_per_batch(curve, curve.schedule):
            yield self._stepped_per_batch(curve, curve.schedule)
            return
        curve.require_points(curve.learning_rate, FEWEST_POINTS, "learning rates")
        known = curve.learning_rate.finite
        peak = float(known.y.max())
        if peak <= 0:
            raise CannotEvaluate("the learning rate is 0 from beginning to end")
        rounds = _rounds_per_epoch(curve)
        early = _ended(curve, SPENT, IDLE) or _ended(curve, LOW, LOW_SHARE)
        if early is not None:
            yield self._finding(
                curve, *early, Fix("Stretch the schedule to the whole training", changes={"schedule.end": 1.0})
            )
        elif rounds is not None and rounds > CYCLES:
            yield self._finding(
                curve,
                f"The learning rate goes up and down {rounds:.1f} times in an epoch.",
                Evidence("rounds of the schedule in an epoch", rounds, limit=CYCLES),
                Fix(
                    "Step it per epoch",
                    instruction="Call scheduler.step() once per epoch, or give its length in steps.",
                ),
            )
        elif curve.has_schedule and peak == known.y.min():
            yield self._finding(
                curve,
                f"The learning rate stayed at {peak:g} over {curve.length:g} {curve.x_unit}s although there is a "
                f"schedule.",
                Evidence("change of the learning rate", 0.0, limit=0.0),
                Fix("Step the schedule", instruction="Call scheduler.step() after optimizer.step()."),
            )

    def _stepped_per_epoch(self, curve: LearningCurve, plan: Plan) -> Finding:
        return self._finding(
            curve,
            f"{plan.scheduler} was planned for {plan.horizon} steps and moved {plan.n_moves} times while the optimizer "
            f"made {plan.n_optimizer_steps}: the rate ends at {curve.learning_rate.finite.y[-1]:.3g}.",
            Evidence("moves of the schedule", plan.n_moves, limit=DONE * plan.horizon),
            Fix("Step it per batch", instruction="Call scheduler.step() right after optimizer.step()."),
        )

    def _stepped_per_batch(self, curve: LearningCurve, plan: Plan) -> Finding:
        rates = curve.learning_rate.finite.y
        return self._finding(
            curve,
            f"{plan.scheduler} was done after {plan.horizon} of {plan.n_optimizer_steps} steps, as it moves with every "
            f"step and not once per epoch: the rate fell from {rates.max():.3g} to {rates[-1]:.3g} at once.",
            Evidence("share of the training after which the schedule was done", _over(plan), limit=OVER),
            Fix("Step it per epoch", instruction="Call scheduler.step() once per epoch, behind the loop over batches."),
        )

    def _finding(self, curve: LearningCurve, happened: str, evidence: Evidence, fix: Fix) -> Finding:
        return self.finding(
            happened=happened,
            expected=f"A rate that moves as planned, stays above {SPENT:g} of its highest value until the last "
            f"{IDLE:.0%} of the training, and above {LOW:g} of it for the first {1 - LOW_SHARE:.0%}.",
            todo="Make the length of the schedule that of the training, in the unit in which it is stepped.",
            evidence=(
                Evidence(
                    evidence.quantity,
                    evidence.value,
                    evidence.limit,
                    series=(curve.learning_rate.series("learning rate"),),
                ),
            ),
            fixes=(fix,),
            confidence=0.95,
            why_confident="Read off the logged learning rates.",
        )


def _ended(curve: LearningCurve, low: float, limit: float) -> tuple[str, Evidence] | None:
    """What to say of a rate that for more than ``limit`` of the training, at its end, was below ``low`` × its peak."""
    known = curve.learning_rate.finite
    peak = float(known.y.max())
    alive = np.flatnonzero(known.y >= low * peak)
    last = float(known.x[alive[-1]])
    idle = (curve.length - last) / max(curve.length, 1e-12)
    if idle <= limit or alive[-1] == len(known) - 1:
        return None
    happened = (
        f"The learning rate was last above {low:.2g} of its highest value ({peak:.3g}) at {curve.x_unit} {last:g} of "
        f"{curve.length:g}: {idle:.0%} of the training had a lower one, {float(known.y[-1]):.2g} at the end."
    )
    return happened, Evidence(f"share of the training below {low:.2g} of the highest rate", idle, limit=limit)


def _is_stepped_per_epoch(plan: Plan) -> bool:
    """Whether the plan is one for the optimizer's steps, and the scheduler made few of them."""
    in_steps = plan.horizon > 0 and 0.5 <= plan.n_optimizer_steps / plan.horizon <= 2
    return in_steps and plan.n_moves < DONE * plan.horizon


def _over(plan: Plan) -> float:
    return plan.horizon / max(1, plan.n_optimizer_steps)


def _is_stepped_per_batch(curve: LearningCurve, plan: Plan) -> bool:
    """Whether the plan is one for epochs, and the scheduler made it in as many of the optimizer's steps."""
    rates = curve.learning_rate.finite.y
    if not curve.steps_per_epoch or not plan.horizon or not len(rates) or plan.n_moves < plan.n_optimizer_steps / 2:
        return False
    epochs = plan.n_optimizer_steps / curve.steps_per_epoch
    in_epochs = epochs >= FEWEST_EPOCHS and plan.horizon <= IN_EPOCHS * epochs
    return in_epochs and _over(plan) <= OVER and float(rates[-1]) <= FALLEN * float(rates.max())


def _rounds_per_epoch(curve: LearningCurve) -> float | None:
    """How often the rate goes up and down in an epoch; None where it cannot be told from what was logged."""
    if curve.x_unit == "epoch" or not curve.steps_per_epoch:
        return None
    known = curve.learning_rate.finite
    moves = np.sign(np.diff(known.y))
    moves = moves[moves != 0]
    epochs = (known.x[-1] - known.x[0]) / curve.steps_per_epoch
    return float((moves[1:] != moves[:-1]).sum() / 2 / epochs) if epochs >= 1 else None
