"""TW320 nll-on-logits."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.door import ALIGNED_LOSSES, LOG_TOLERANCE, LossDoor

_LOSSES = ("nll", "kl_div", *ALIGNED_LOSSES)


class NllOnLogits(Check):
    """A loss that expects log-probabilities is given something else.

    What it finds:
        ``nll_loss``, ``kl_div`` or ``ctc_loss`` on raw logits or on probabilities: the log-softmax in front is missing,
        or a softmax stands in its place.

    Why it hurts:
        Nothing normalises the outputs, so the loss can be driven to minus infinity by making all logits large; with
        probabilities its gradient is the same for right and wrong samples.

    How it is measured:
        The exponentials of every row of log-probabilities sum to 1. At the door of the loss the largest distance of
        that sum's logarithm from 0 is measured: at most 4e-6 for a log-softmax in float32 and 0.034 in bfloat16, 1.3
        and more for the logits of untrained networks; the limit is 0.1.

    How to fix:
        Use ``cross_entropy`` on the logits, or apply ``log_softmax`` first.

    References:
        torch.nn.NLLLoss, "the input is expected to contain log-probabilities of each class".
    """

    code = "TW320"
    name = "nll-on-logits"
    severity = Severity.ERROR
    after = ("TW330", "TW332")
    cases = (
        Case(training_benches.alloys_mlp, model_faults.nll_on_logits),
        Case(training_benches.digits_cnn, model_faults.nll_on_logits),
    )

    def run(self, door: LossDoor) -> Iterator[Finding]:
        if door.loss_name not in _LOSSES:
            return
        if door.n_rows < 2 or not math.isfinite(door.largest_log_sum):
            raise CannotEvaluate(f"the outputs have {door.n_rows} rows or are not finite")
        if door.outputs_are_log_probabilities:
            return
        what = "probabilities" if door.outputs_are_probabilities else "no log-probabilities"
        yield self.finding(
            happened=f"The outputs given to {door.loss_name} are {what}: over {door.n_classes} classes they lie in "
            f"{door.output_minimum:.3g} … {door.output_maximum:.3g}, and the logarithm of their exponentials' sum is "
            f"up to {door.largest_log_sum:.3g} away from 0.",
            expected=f"Log-probabilities, for which it is 0 (at most {LOG_TOLERANCE:g}).",
            todo="Use cross_entropy on the logits, or put log_softmax in front of the loss.",
            evidence=(Evidence("distance of the rows' log-sum-exp from 0", door.largest_log_sum, limit=LOG_TOLERANCE),),
            fixes=(
                Fix("Use cross entropy, which normalises by itself", changes={"loss.name": "cross_entropy"}),
                Fix("Put a log-softmax in front", instruction="Return outputs.log_softmax(dim=-1) from the model."),
            ),
            why_confident=f"Checked on {door.n_rows} rows: a fact.",
        )
