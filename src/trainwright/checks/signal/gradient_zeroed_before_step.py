"""TW410 gradient-zeroed-before-step."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.loop import StepOrder

SHARE = 0.5
"""Share of steps that found their gradients wiped by ``zero_grad``. Sound loops have none, two optimizers that clear
each other's leftovers included; the mistake has all of them."""

FEWEST_LOOKS = 3
FEWEST_STEPS = 2
THROWN_AWAY = 8
"""Backward passes per step whose gradients were cleared unused. Two networks trained against each other clear some of
each other's: one for each step, five where one of them makes five steps to one. Sharpness-aware steps clear one, and
loops that collect the gradients of a few tasks by themselves one for each."""


class GradientZeroedBeforeStep(Check):
    """Gradients are cleared between the backward pass and the optimizer's step.

    What it finds:
        An optimizer whose steps find no gradient although a backward pass came, because ``zero_grad`` was called in
        between; and gradients of many batches that were computed and cleared with no step for them, as where the step
        slipped out of the loop.

    Why it hurts:
        Nothing is learnt (with weight decay or momentum the weights even move, away from anything useful).

    How it is measured:
        At each sampled step: a backward pass came since the last step, ``zero_grad`` was called behind it, and now
        every gradient is None or zero. Gradients that are zero by themselves, as with a loss of zero, do not count.

    How to fix:
        The order is ``zero_grad``, ``backward``, ``step``.

    References:
        PyTorch, Optimizing Model Parameters.
    """

    code = "TW410"
    name = "gradient-zeroed-before-step"
    severity = Severity.ERROR
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.zero_grad_before_step),
        Case(training_benches.waves_gru, loop_faults.zero_grad_before_step),
    )

    def run(self, order: StepOrder) -> Iterator[Finding]:
        looks_around = order.has_closure  # a search along lines, such as that of LBFGS, needs gradients for its looks
        if order.n_steps >= FEWEST_STEPS and not looks_around and order.n_thrown_away > THROWN_AWAY * order.n_steps:
            yield self._thrown_away(order)
            return
        if order.n_wiped_looked < FEWEST_LOOKS:
            raise CannotEvaluate(f"only {order.n_wiped_looked} steps were looked at; {FEWEST_LOOKS} are needed")
        wiped = order.n_wiped_by_zero_grad
        if not wiped > SHARE * order.n_wiped_looked:
            return
        yield self.finding(
            happened=f"At {wiped} of {order.n_wiped_looked} steps of {order.optimizer} that were looked at, zero_grad "
            "had wiped every gradient behind the backward pass; the step had nothing to go by.",
            expected="Gradients that last from the backward pass to the step: 0 wiped ones.",
            todo="Call optimizer.zero_grad() before loss.backward(), not between it and optimizer.step().",
            evidence=(
                Evidence("steps without gradients", wiped, limit=SHARE * order.n_wiped_looked, unit="steps"),
                Evidence("steps looked at", order.n_wiped_looked, unit="steps"),
            ),
            fixes=(
                Fix(
                    "Put the calls in order",
                    instruction="Write optimizer.zero_grad(), then loss.backward(), then optimizer.step().",
                ),
            ),
            why_confident="A counted fact: the gradients were there behind the backward pass and gone at the step.",
            where=order.optimizer,
        )

    def _thrown_away(self, order: StepOrder) -> Finding:
        return self.finding(
            happened=f"{order.n_thrown_away} backward passes were cleared by zero_grad without a step, while "
            f"{order.optimizer} made {order.n_steps} steps in all.",
            expected=f"A step for every backward pass or for every few: at most {THROWN_AWAY} cleared for each.",
            todo="Move optimizer.step() into the loop over the batches, or zero_grad() to where the step is.",
            evidence=(
                Evidence(
                    "backward passes without a step",
                    order.n_thrown_away,
                    limit=THROWN_AWAY * order.n_steps,
                    unit="passes",
                ),
            ),
            fixes=(Fix("Step for every batch", instruction="Indent optimizer.step() as loss.backward() is."),),
            why_confident="Counted over the whole run.",
            where=order.optimizer,
        )
