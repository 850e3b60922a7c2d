"""TW411 always-clipped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.learning import learns
from trainwright.measures.loop import Clipping

SHARE = 0.9
"""Share of steps, in the second half of the run, whose gradient was clipped. Clipping every step is sound practice in
some fields, so that this alone is advice."""

TINY = 30.0
"""Median gradient norm in units of the limit from which clipping decides the step, where the network does not learn.
Healthy runs that clip at every step have up to 20."""

FEWEST_STEPS = 20


class AlwaysClipped(Check):
    """The gradient is clipped at nearly every step.

    What it finds:
        A clipping limit below the gradient's usual norm, so that clipping sets the size of the steps; a warning where
        the norm is 30 times the limit and nothing is learnt.

    Why it hurts:
        Clipping is meant for rare jumps. Where it acts on every step it is a second learning rate that nobody chose,
        and a limit that is far too small stops the training.

    How it is measured:
        The norms that ``clip_grad_norm_`` saw in the second half of the run beside its limit.

    How to fix:
        Set the limit near the 90th percentile of the norms, or leave clipping out; adapt the learning rate.

    References:
        Google, Deep Learning Tuning Playbook: if more than half of the updates are clipped, lower the rate.
    """

    code = "TW411"
    name = "always-clipped"
    severity = Severity.WARNING
    after = ("TW401", "TW303", "TW409", "TW410")
    cases = (Case(training_benches.alloys_mlp, loop_faults.tiny_clip),)

    def run(self, clipping: Clipping, curve: LearningCurve | None) -> Iterator[Finding]:
        norms = clipping.norms[len(clipping.norms) // 2 :]
        norms = norms[np.isfinite(norms)]
        limit = clipping.limit
        if len(norms) < FEWEST_STEPS or len(clipping.steps) != len(clipping.norms):
            raise CannotEvaluate(f"{len(norms)} norms in the second half are too few; {FEWEST_STEPS} are needed")
        if not (np.isfinite(limit) and limit > 0):
            raise CannotEvaluate(f"the limit is {limit}")
        share, median = float((norms > limit).mean()), float(np.median(norms))
        if not share > SHARE:
            return
        learning = learns(curve)
        stops = median > TINY * limit and learning is False
        if learning is False and not stops:
            return  # whatever keeps it from learning, it is not this
        better = float(f"{np.percentile(norms, 90):.2g}")
        yield self.finding(
            happened=f"{share:.0%} of the last {len(norms)} steps recorded were clipped: the gradient's norm is "
            f"{median:.3g} in the median, {median / limit:.3g} times the limit of {limit:.3g}."
            f"{' The network did not learn.' if stops else ''}",
            expected=f"A limit that at most {SHARE:.0%} of the steps exceed.",
            todo=f"Set the limit to about {better:g}, and look at the learning rate again.",
            evidence=(
                Evidence(
                    "share of steps that were clipped",
                    share,
                    limit=SHARE,
                    series=(
                        Series("gradient norm", tuple(map(float, clipping.steps)), tuple(map(float, clipping.norms))),
                    ),
                ),
                Evidence("median norm in units of the limit", median / limit, limit=TINY),
            ),
            fixes=(Fix(f"Clip at {better:g}", changes={"training.clip_norm": better}),),
            confidence=0.85 if stops else 0.5,
            why_confident="It does not learn, and every step is cut to a small part of itself."
            if stops
            else "Clipping every step is common practice in some fields and then harmless.",
            severity=self.severity if stops else Severity.ADVICE,
        )
