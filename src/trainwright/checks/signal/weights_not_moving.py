"""TW407 weights-not-moving."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.loop import StepOrder

SHARE = 0.9
"""Share of steps that changed no weight at all. Healthy loops have none, rates of 1e-5 and schedules that fall to zero
included (steps with a rate of zero are not counted)."""

FEWEST_LOOKS = 5


class WeightsNotMoving(Check):
    """Optimizer steps with a gradient and a rate above zero change no weight at all.

    What it finds:
        Steps whose updates are lost in rounding, because the learning rate is far too small or the weights are kept in
        half precision, and optimizers whose result is overwritten or never reaches the model.

    Why it hurts:
        The program runs, the loss wavers with the batches, and nothing is learnt.

    How it is measured:
        The weights before and after each sampled step, compared bit by bit. Steps without any gradient or with a rate
        of zero do not count. Nine in ten unmoved steps, of five or more, are reported; healthy loops have none. L-BFGS
        is reported only if it never moved: where it moved first it has arrived.

    How to fix:
        Raise the learning rate; keep the weights in single precision and use autocast for half precision.

    References:
        Micikevicius et al., Mixed Precision Training (2018), section 3.1: master weights.
    """

    code = "TW407"
    name = "weights-not-moving"
    severity = Severity.ERROR
    after = ("TW401", "TW409", "TW410", "TW415")
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.vanishing_rate),
        Case(training_benches.digits_cnn, loop_faults.vanishing_rate),
    )

    def run(self, order: StepOrder, curve: LearningCurve | None) -> Iterator[Finding]:
        if order.n_moved_looked < FEWEST_LOOKS:
            raise CannotEvaluate(
                f"only {order.n_moved_looked} steps with a gradient were looked at; {FEWEST_LOOKS} are needed"
            )
        if not order.n_unmoved > SHARE * order.n_moved_looked:
            return
        # What a search along lines has once moved and moves no more has arrived at its optimum.
        searches = order.optimizer.startswith("LBFGS")
        if searches and order.n_unmoved < order.n_moved_looked:
            return
        rate = curve.peak_rate if curve is not None else None
        at = f" The learning rate is {rate:.3g}." if rate is not None else ""
        yield self.finding(
            happened=f"{order.n_unmoved} of {order.n_moved_looked} steps of {order.optimizer} that were looked at had "
            f"a gradient and changed no weight at all.{at}",
            expected="Weights that change with every step that has a gradient.",
            todo="Scale the loss up: L-BFGS makes no step where no gradient is above its tolerance_grad."
            if searches
            else "Raise the learning rate, and keep the weights in single precision.",
            evidence=(
                Evidence(
                    "steps that changed nothing", order.n_unmoved, limit=SHARE * order.n_moved_looked, unit="steps"
                ),
            ),
            fixes=(
                Fix(
                    "Let the updates arrive",
                    instruction="Scale the loss up, or lower tolerance_grad."
                    if searches
                    else "Raise the learning rate by orders of magnitude (1e-3 is usual for Adam, 0.05 for "
                    "SGD); with half-precision weights keep a copy in single precision, as autocast does.",
                ),
            ),
            why_confident="Weights before and after the steps are the same to the bit.",
            where=order.optimizer,
        )
