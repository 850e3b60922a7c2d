"""TW324 train-eval-gap."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import initial_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.modes import ModeAgreement

LIMIT = 0.15
"""Loss in eval mode above that in train mode, as a share of the first loss. Healthy networks after 40 steps: at most
0.06 (batch normalisation over batches of 4), else 0.004; ill ones 0.2 and more."""


class TrainEvalGap(Check):
    """With the same weights the loss is far higher in eval mode than in train mode.

    What it finds:
        A forward pass that does something else in eval mode, beyond switching off dropout: a scaling or normalisation
        under ``if self.training``, a branch that only one mode takes.

    Why it hurts:
        What is used later is the model of eval mode, and nobody trained that one.

    How it is measured:
        After 40 own steps, so that there is something to lose, the loss over the same training batches in train mode,
        with dropout and without it, and in eval mode. Running statistics of batch normalisation are taken afresh from
        these batches first: those of the run lag behind the weights at large rates, in healthy models as well. A lower
        loss in eval mode is no finding; that is what dropout does. Losses below 0 are not judged: those of a density
        that has become narrow grow without bound by the same small differences.

    How to fix:
        Compare the two paths of ``forward`` that depend on ``self.training``.

    References:
        Ioffe and Szegedy, Batch normalization (2015), section 3.1.
    """

    code = "TW324"
    name = "train-eval-gap"
    severity = Severity.WARNING
    after = ("TW401", "TW323")
    cases = (
        Case(training_benches.alloys_mlp, initial_faults.normalised_in_training_only),
        Case(training_benches.digits_cnn, initial_faults.normalised_in_training_only),
    )

    def run(self, found: ModeAgreement) -> Iterator[Finding]:
        trained = max(found.train_loss, found.quiet_loss)
        gap = found.refreshed_loss - trained
        if not (found.first_loss > 0 and math.isfinite(gap)):
            raise CannotEvaluate(f"the losses are {found.first_loss} at first, {trained} and {found.refreshed_loss}")
        if trained < 0:
            raise CannotEvaluate(f"a loss below 0 ({trained:.3g}), as log-densities have, tells no share that is lost")
        share = gap / found.first_loss
        if share <= LIMIT:
            return
        yield self.finding(
            happened=f"After {found.steps} steps the loss over the same samples is {trained:.3g} in train mode and "
            f"{found.refreshed_loss:.3g} in eval mode: {100 * share:.0f} % of the first loss ({found.first_loss:.3g}) "
            "is lost by changing the mode.",
            expected=f"At most {100 * LIMIT:.0f} %, running statistics taken afresh and dropout allowed for.",
            todo="Compare what forward() does with self.training True and False.",
            evidence=(
                Evidence("share of the first loss lost", share, limit=LIMIT, when=f"after {found.steps} steps"),
                Evidence("loss in train mode", found.train_loss),
                Evidence("loss in eval mode", found.eval_loss),
            ),
            fixes=(
                Fix(
                    "Do the same in both modes",
                    instruction="Move what stands under 'if self.training' out of it, or give eval mode its "
                    "counterpart (running statistics, the expected scale).",
                ),
            ),
            confidence=0.9,
            why_confident="Healthy networks lose at most 6 %; dropout and running statistics are allowed for.",
        )
