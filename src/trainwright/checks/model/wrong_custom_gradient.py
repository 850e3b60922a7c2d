"""TW326 wrong-custom-gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import initial_benches, initial_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.gradients import CustomGradients, FunctionGradient

LIMIT = 1e-3
"""Relative difference between the function's own derivative and finite differences in float64. Right gradients reach
1e-8."""
SMOOTH = 1e-4
"""Relative difference between finite differences of two widths; smooth functions reach 1e-7, jumps far more."""


class WrongCustomGradient(Check):
    """The gradient of a hand-written ``autograd.Function`` is not that of its forward pass.

    What it finds:
        A ``backward`` with a forgotten factor, a wrong sign, a swapped axis, or a saved tensor that was changed.

    Why it hurts:
        Training still works after a fashion, in a wrong direction, and nothing says so.

    How it is measured:
        Every function of the user's in the graph of the loss is called by itself, in float64, with the arguments of its
        first call; its directional derivatives along three random directions are compared with central differences.
        Functions whose gradient is made up on purpose are recognised and passed: those that return their input
        (gradient reversal, clipping) and those that jump or are flat (rounding, sign, spikes). A straight-through
        clamp is not recognised and may be allowed.

    How to fix:
        Derive the backward pass again and test it with ``torch.autograd.gradcheck``.

    References:
        The documentation of torch.autograd.gradcheck, on numerical gradients.
    """

    code = "TW326"
    name = "wrong-custom-gradient"
    severity = Severity.WARNING
    after = ("TW401",)
    cases = (Case(initial_benches.custom_gradient, initial_faults.wrong_gradient),)

    def run(self, found: CustomGradients) -> Iterator[Finding]:
        for function in found.functions:
            if function.problem:
                raise CannotEvaluate(f"{function.name} could not be called by itself: {function.problem}")
        for function in found.functions:
            if not function.is_identity and function.smoothness < SMOOTH and function.error > LIMIT:
                yield self._finding(function)

    def _finding(self, function: FunctionGradient) -> Finding:
        share = "infinitely" if math.isinf(function.error) else f"by {100 * function.error:.3g} %"
        return self.finding(
            happened=f"The gradient that {function.name}.backward returns differs {share} from finite differences of "
            f"its forward pass in float64 (which agree with each other to {function.smoothness:.1g}).",
            expected=f"A difference below {100 * LIMIT:g} %.",
            todo=f"Derive {function.name}.backward again.",
            evidence=(Evidence("relative error of the gradient", function.error, limit=LIMIT, where=function.name),),
            fixes=(
                Fix(
                    "Correct the backward pass",
                    instruction=f"Test it: torch.autograd.gradcheck({function.name}.apply, inputs in float64).",
                ),
            ),
            confidence=0.9,
            why_confident="Finite differences of two widths agree with each other, and not with the gradient.",
            where=function.name,
        )
