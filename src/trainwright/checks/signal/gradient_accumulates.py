"""TW409 gradient-accumulates."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.loop import StepOrder

SHARE = 0.5
"""Share of steps whose gradients still hold those of the step before. Sound loops have none at all, with or without
accumulation, closures, clearing by the model or two optimizers; a loop that never clears has all of them."""

FEWEST_LOOKS = 5


class GradientAccumulates(Check):
    """Gradients are not cleared between two optimizer steps.

    What it finds:
        An optimizer that steps along the sum of all gradients since the start, as nobody calls ``zero_grad``.

    Why it hurts:
        Every step repeats all old gradients, most of which belong to weights of long ago: the steps grow, the loss
        falls at first, then it wanders or explodes. No error is raised.

    How it is measured:
        At each sampled step but the first: were the gradients set to None or zero since the step before, by
        ``zero_grad`` of the optimizer or of the model, or by hand? Several backward passes for one step (accumulation)
        are no fault. More than half of the steps with old gradients in them is; sound loops have none.

    How to fix:
        Call ``optimizer.zero_grad()`` once for every ``optimizer.step()``, before the first backward pass.

    References:
        PyTorch, Optimizing Model Parameters; Karpathy, most common neural net mistakes: "you forgot to .zero_grad()".
    """

    code = "TW409"
    name = "gradient-accumulates"
    severity = Severity.ERROR
    after = ("TW410",)
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.no_zero_grad),
        Case(training_benches.digits_cnn, loop_faults.no_zero_grad),
    )

    def run(self, order: StepOrder) -> Iterator[Finding]:
        if order.n_looked < FEWEST_LOOKS:
            raise CannotEvaluate(f"only {order.n_looked} steps were looked at; {FEWEST_LOOKS} are needed")
        share = order.n_stale / order.n_looked
        if not share > SHARE:
            return
        yield self.finding(
            happened=f"At {order.n_stale} of {order.n_looked} steps of {order.optimizer} that were looked at, the "
            "gradients still held those of the step before.",
            expected="Gradients that are cleared once between two steps: 0 steps with old ones.",
            todo="Call optimizer.zero_grad() before the first backward pass of every step.",
            evidence=(
                Evidence("steps with old gradients", order.n_stale, limit=SHARE * order.n_looked, unit="steps"),
                Evidence("steps looked at", order.n_looked, unit="steps"),
            ),
            fixes=(
                Fix(
                    "Clear the gradients",
                    instruction="Put optimizer.zero_grad() in front of loss.backward(), once per optimizer.step().",
                ),
            ),
            why_confident="A counted fact: nobody cleared these gradients between two steps.",
            where=order.optimizer,
        )
