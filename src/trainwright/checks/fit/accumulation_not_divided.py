"""TW519 accumulation-not-divided."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.graph import LossGraph
from trainwright.measures.loop import StepOrder

FEWEST_BACKWARDS = 3
"""Backward passes per step from which they are taken for accumulation; two are common for two losses (real and fake
samples of a discriminator)."""

UNDIVIDED = 0.95
"""What goes backward as a share of the loss. Divided by the number of batches it is at most a third."""

FEWEST_OF_UNKNOWN = 4
"""The same where nobody knows what the loss function returned."""

FEWEST_STEPS = 5


class AccumulationNotDivided(Check):
    """Gradients of several batches are accumulated without dividing their losses.

    What it finds:
        Several backward passes per optimizer step, each of a whole mean loss, under an optimizer whose step grows with
        the gradient.

    Why it hurts:
        The step is as many times too large as batches are accumulated: a hidden factor on the learning rate, and
        clipping acts at once.

    How it is measured:
        Backward passes per step that follow a call of the model each, and what went backward as a share of what the
        loss function returned. Two passes may be two losses and are left alone, as are summed losses. Of a loss written
        by hand the graph tells whether a constant divides it at its very end; four passes or more count there. Adam and
        its kin do not depend on the scale, so for them it is advice.

    How to fix:
        ``(loss / n_batches).backward()``.

    References:
        PyTorch, Automatic Mixed Precision examples: gradient accumulation.
    """

    code = "TW519"
    name = "accumulation-not-divided"
    severity = Severity.WARNING
    after = ("TW409",)
    cases = (Case(training_benches.plain_descent, loop_faults.accumulation_undivided),)

    def run(self, order: StepOrder, graph: LossGraph | None) -> Iterator[Finding]:
        if order.n_steps < FEWEST_STEPS:
            raise CannotEvaluate(f"{order.n_steps} steps are too few; {FEWEST_STEPS} are needed")
        if order.batches_per_step < FEWEST_BACKWARDS or order.has_closure:
            return
        times, is_known = order.batches_per_step, math.isfinite(order.loss_scale) and bool(order.loss_reduction)
        scale = order.loss_scale if is_known else _scale_at_the_end(graph)
        if is_known and order.loss_reduction != "mean":
            return
        if not scale >= UNDIVIDED or (not is_known and times < FEWEST_OF_UNKNOWN):
            return
        yield self.finding(
            happened=f"{times} backward passes go into each of {order.n_steps} steps of {order.optimizer}, and each "
            f"has the whole loss ({_words(scale, is_known=is_known)}): the gradient is {times} times that of "
            "one batch.",
            expected=f"The mean over the {times} batches: a share of {1 / times:.3g} of each loss.",
            todo=f"Divide each loss by {times} before it goes backward.",
            evidence=(
                Evidence("what went backward as a share of the loss", scale, limit=1 / times),
                Evidence("backward passes per step", times, unit="passes"),
            ),
            fixes=(
                Fix("Divide the losses", instruction=f"Write (loss / {times}).backward() for each batch of a step."),
            ),
            confidence=0.5 if order.scales_invariantly else 0.9 if is_known else 0.75,
            why_confident=f"{order.optimizer} does not depend on the gradient's scale; clipping and decay do."
            if order.scales_invariantly
            else "Counted passes and a measured ratio; several losses of one batch would look the same.",
            where=order.optimizer,
            severity=Severity.ADVICE if order.scales_invariantly else self.severity,
        )


def _words(scale: float, *, is_known: bool) -> str:
    return f"{scale:g} of the mean over its batch" if is_known else "nothing divides it at its end"


def _scale_at_the_end(graph: LossGraph | None) -> float:
    """The constant with which a loss is multiplied last. Raises ``CannotEvaluate`` where nobody knows."""
    if graph is None or not graph.operations:
        raise CannotEvaluate("how the loss was scaled before it went backward is not known")
    scale, operation = 1.0, graph.operations[0]
    while operation.name in ("Mul", "Div") and math.isfinite(operation.factor) and operation.sources:
        scale, operation = scale * operation.factor, graph.operations[operation.sources[0]]
    if scale > 1 / UNDIVIDED:
        raise CannotEvaluate(f"the loss is multiplied by {scale:g}, as for half precision, before it goes backward")
    return scale
