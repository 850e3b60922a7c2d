"""TW304 ignores-input."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import own_target_benches, training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.trials import SAME, InputDependence


class IgnoresInput(Check):
    """The model answers the same whatever its input.

    What it finds:
        Outputs that are equal for all samples, both before training and after some steps: a multiplication by zero, a
        variable overwritten on the way, a first layer whose units are all dead, a detached or empty branch.

    Why it hurts:
        Nothing about the task can be learnt except a constant.

    How it is measured:
        Standard deviation of each output over 128 different samples in eval mode, before training and after ten own
        steps, so that a last layer which starts at zero by design is given its chance. By values, not gradients, so
        that integer inputs are judged as well.

    How to fix:
        Follow one sample through the forward pass and look for the module whose output no longer differs between
        samples.

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), "input-independent baseline".
    """

    code = "TW304"
    name = "ignores-input"
    severity = Severity.ERROR
    after = ("TW401", "TW310", "TW311", "TW312", "TW313", "TW318", "TW327", "TW330", "TW340")
    cases = (
        Case(training_benches.alloys_mlp, training_faults.ignored_input),
        Case(training_benches.digits_cnn, training_faults.ignored_input),
        Case(own_target_benches.contrast, training_faults.ignored_input),
    )

    def run(self, found: InputDependence) -> Iterator[Finding]:
        if found.n_samples < 2 or not found.input_spread > 0:
            raise CannotEvaluate(f"the {found.n_samples} inputs do not differ (spread {found.input_spread})")
        if not (math.isfinite(found.spread_at_start) and math.isfinite(found.spread_after)):
            raise CannotEvaluate("the outputs are not finite")
        if not found.is_none:
            return
        yield self.finding(
            happened=f"Over {found.n_samples} different inputs the outputs spread by {found.spread_after:.2g} of their "
            f"size after {found.steps} steps, and by {found.spread_at_start:.2g} before: they are all the same.",
            expected=f"Outputs that differ between inputs, by far more than {SAME:g} of their size.",
            todo="Follow a sample through the forward pass to the module whose output is the same for all samples.",
            evidence=(
                Evidence("spread of the outputs", found.spread_after, limit=SAME, when=f"after {found.steps} steps"),
                Evidence("spread of the outputs", found.spread_at_start, limit=SAME, when="before training"),
            ),
            fixes=(
                Fix(
                    "Let the input through",
                    instruction="Print the standard deviation over the batch after each layer of forward(); where it "
                    "drops to 0, a product with zero, an overwritten variable or dead units cut the input off.",
                ),
            ),
            confidence=1.0,
            why_confident="The outputs are equal to rounding, before and after training steps.",
        )
