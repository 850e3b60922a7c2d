"""TW415 scaler-always-skips."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.loop import ScalerSteps

FEWEST_CALLS = 40
"""A scaler that starts at 2**16 skips until its scale fits: a dozen steps, and twice as many from 2**24."""
SHARE = 0.5
"""Share of the steps that may be skipped. Sound loops skip the first few and one in two thousand later."""


class ScalerAlwaysSkips(Check):
    """The gradient scaler of mixed precision skips most steps.

    What it finds:
        A ``GradScaler`` under which the optimizer hardly ever steps: one that is made anew in every step, so that its
        scale never comes down; one that is never updated; gradients that are infinite or NaN at any scale.

    Why it hurts:
        A skipped step leaves the weights as they are, without a word. The loop runs, and little or nothing is learnt.

    How it is measured:
        Calls of ``GradScaler.step`` are counted, and those behind which the optimizer had made no step. More than half
        of 40 or more calls, with the latest among them. Finding its scale costs a sound scaler a dozen steps at first.

    How to fix:
        Make one scaler before the loop, and call ``scaler.update()`` after every ``scaler.step(optimizer)``. Where it
        still skips, look for the layer whose gradient overflows, or use bfloat16, which needs no scaler.

    References:
        Micikevicius et al., Mixed Precision Training (2018), section 3.2; PyTorch, Automatic Mixed Precision examples.
    """

    code = "TW415"
    name = "scaler-always-skips"
    severity = Severity.ERROR
    after = ("TW401",)
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.scaler_anew),
        Case(training_benches.digits_cnn, loop_faults.scaler_anew),
    )

    def run(self, scaler: ScalerSteps) -> Iterator[Finding]:
        if scaler.n_calls < FEWEST_CALLS:
            raise CannotEvaluate(f"{scaler.n_calls} steps under the scaler are too few; {FEWEST_CALLS} are needed")
        if not (scaler.n_skipped > SHARE * scaler.n_calls and scaler.latest_skipped):
            return
        yield self.finding(
            happened=f"The gradient scaler skipped {scaler.n_skipped} of {scaler.n_calls} steps of {scaler.optimizer}, "
            f"the latest {scaler.latest_skipped} of them one after the other: their gradients were infinite or NaN.",
            expected=f"Skipped steps at the start only, while the scale comes down, and less than {SHARE:.0%} in all.",
            todo="Make one scaler before the loop, and call scaler.update() after every scaler.step(optimizer).",
            evidence=(
                Evidence("steps skipped", scaler.n_skipped, limit=SHARE * scaler.n_calls, unit="steps"),
                Evidence("skipped without a break at the end", scaler.latest_skipped, unit="steps"),
            ),
            fixes=(
                Fix(
                    "Let the scale come down",
                    instruction="Move the GradScaler out of the loop and update it after every step; or use "
                    "torch.autocast with bfloat16 and no scaler.",
                ),
            ),
            why_confident="A counted fact: the optimizer made no step in these calls.",
            where=scaler.optimizer,
        )
