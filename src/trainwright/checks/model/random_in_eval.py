"""TW323 random-in-eval."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import initial_faults, own_target_benches, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.modes import ModeAgreement

LIMIT = 1e-4
"""Difference between two passes as a share of the outputs' size. Exactly 0 on all healthy benches and hand-built
networks on a CPU; the order of sums on a GPU gives up to 1e-6."""


class RandomInEval(Check):
    """In eval mode the model answers the same question differently each time.

    What it finds:
        Dropout, noise or sampling in the forward pass that does not ask for the mode: ``F.dropout(x)`` without
        ``training=self.training``, a random crop inside the model, a sampled code where the mean is meant.

    Why it hurts:
        Validation numbers jitter and are worse than the model deserves; predictions cannot be repeated.

    How it is measured:
        Forward passes in eval mode over the same samples from the same and from other random states. Only what changes
        with the random state counts. Where neither dropout nor noise on the inputs was at work it is advice, as
        Bayesian and spiking networks sample by design, and so it is for a model that returns more than one tensor,
        as variational ones do.

    How to fix:
        Use ``nn.Dropout``, or pass ``training=self.training``; in eval mode use the mean instead of a sample.

    References:
        torch.nn.functional.dropout: ``training`` is True unless said otherwise.
    """

    code = "TW323"
    name = "random-in-eval"
    severity = Severity.WARNING
    after = ("TW401",)
    cases = (
        Case(training_benches.alloys_mlp, initial_faults.random_in_eval),
        Case(training_benches.digits_cnn, initial_faults.random_in_eval),
        Case(own_target_benches.next_token, initial_faults.random_in_eval),
    )

    def run(self, found: ModeAgreement) -> Iterator[Finding]:
        if not math.isfinite(found.random_difference):
            raise CannotEvaluate("the outputs are not finite")
        if found.random_difference <= max(LIMIT, 10 * found.repeat_difference):
            return
        on_purpose = found.n_answers > 1 or not found.disturbs
        yield self.finding(
            happened=f"Two passes in eval mode over the same {found.n_samples} samples differ by up to "
            f"{100 * found.random_difference:.2g} % of the outputs' size; from the same random state by "
            f"{100 * found.repeat_difference:.2g} %.",
            expected=f"The same outputs, to within {100 * LIMIT:g} %.",
            todo="Look in forward() for dropout, noise or sampling that does not depend on self.training.",
            evidence=(
                Evidence("difference between two passes", found.random_difference, limit=LIMIT, when="in eval mode"),
            ),
            fixes=(
                Fix(
                    "Be random in training only",
                    instruction="Write F.dropout(x, p, training=self.training), or use nn.Dropout; guard noise and "
                    "sampling with 'if self.training'.",
                ),
            ),
            confidence=0.6 if on_purpose else 0.9,
            why_confident=_why(found),
            severity=Severity.ADVICE if on_purpose else Severity.WARNING,
        )


def _why(found: ModeAgreement) -> str:
    if found.n_answers > 1:
        return f"The model returns {found.n_answers} tensors, as models that sample on purpose do."
    if not found.disturbs:
        return "The outputs change with the random state, but not by dropout: some models sample by design."
    return "The outputs change with the random state and with nothing else; dropout or noise on the inputs is at work."
