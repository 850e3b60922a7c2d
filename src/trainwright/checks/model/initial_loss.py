"""TW301 initial-loss."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.graph import LossGraph
from trainwright.measures.initial import InitialLoss
from trainwright.measures.trends import lowest_level
from trainwright.measures.trials import OverfitTrial

LIMIT = 2.0
"""Initial loss as a multiple of the loss of outputs that say nothing. Healthy networks lie between 0.91 and 1.16
(fourteen benches, five widths, three seeds, batch normalisation included), raw pixels 0 to 16, which do no harm under
Adam, below 1.67; raw pixels 0 to 255 start at 8.6, a head thirty times too large at 4.1 on the regression bench
(`bench/calibrate.py`)."""
WIDE = 10.0
"""Factor on the limit for Keras, whose last layers start with outputs as large as their inputs: five
healthy programs over three seeds are at 0.9 to 3.8 times the loss of outputs that say nothing."""
ERRORS = 3.0
"""Standard errors, as a share about the root of the number of samples, by which the size of few values may be off."""

MILD, LEARNT = 1.5, 0.5
"""Up to so many times the limit it is advice where the model can fit a batch all the same, or the training comes down
to this share of the loss of outputs that say nothing."""

RAW_INPUT = 3.0
"""Root mean square of the inputs above which they have not been standardised, where it is 1."""

KNOWN = {
    "cross_entropy": "ln C",
    "nll": "ln C",
    "bce_with_logits": "ln 2",
    "bce": "ln 2",
    "mse": "mean(target²)",
    "huber": "mean huber(target)",
    "l1": "mean |target|",
    "smooth_l1": "mean smooth_l1(target)",
}
"""Losses of which one knows which outputs say nothing, and what they are then."""


class InitialLossCheck(Check):
    """Before training the loss is far above what a model that knows nothing would have.

    What it finds:
        An untrained model that is confidently wrong: its first loss is several times the loss of outputs that say
        nothing, which is ln C for C classes, ln 2 for yes and no, and mean(target²) for squared error.

    Why it hurts:
        The first epochs are spent on unlearning large random outputs, and the large gradients may kill units or throw
        the optimizer's statistics off. It is mostly a sign of inputs that were not scaled or of a wrong initialisation.

    How it is measured:
        The user's loss is evaluated on up to 512 training samples in train mode before the first step, and again for
        outputs that say nothing: zeros, equal log-probabilities, one half. Their ratio is 0.91 to 1.16 on the healthy
        benches over seeds and widths; the limit of 2 also clears raw pixels from 0 to 16. For values it is wider on few
        samples, of which the first batch of a watched loop may have 32: there the targets' size is not well known. For
        Keras, which starts last layers wider, it is 20. Up to one and a half times the limit it is advice where the
        model learns all the same.
        Losses of one's own are not judged, as their theory is not known, nor outputs that are cosines times a factor.

    How to fix:
        Scale the inputs (``data.scaling``), or initialise the last layer small.

    References:
        Karpathy, A Recipe for Training Neural Networks (2019), "verify loss @ init".
    """

    code = "TW301"
    name = "initial-loss"
    severity = Severity.WARNING
    after = ("TW401", "TW112", "TW315", "TW312", "TW328", "TW330", "TW337")
    cases = (
        Case(training_benches.yield_mlp, training_faults.large_head),
        Case(training_benches.alloys_mlp, training_faults.raw_inputs),
    )

    def run(
        self,
        start: InitialLoss,
        overfit: OverfitTrial | None,
        curve: LearningCurve | None,
        graph: LossGraph | None,
    ) -> Iterator[Finding]:
        if start.loss_name not in KNOWN:
            raise CannotEvaluate(f"the theory of the loss '{start.loss_name}' is not known")
        if not (math.isfinite(start.loss) and start.ignorant_loss > 0 and start.n_samples > 1):
            raise CannotEvaluate(f"the first loss is {start.loss} over {start.n_samples} samples")
        if graph is not None and graph.cosines:
            raise CannotEvaluate("the outputs are cosines, whose size is the factor that was chosen for them")
        ratio, limit = start.loss / start.ignorant_loss, _limit(start)
        if not ratio > limit:
            return
        theory = f"{KNOWN[start.loss_name]} = {start.ignorant_loss:.3g}"
        if start.task == "classification" and start.loss_name in ("cross_entropy", "nll"):
            theory = f"ln {start.n_outputs} = {start.ignorant_loss:.3g}"
        raw = start.input_rms > RAW_INPUT
        no_harm = ratio <= MILD * limit and _does_no_harm(start, overfit, curve)
        yield self.finding(
            happened=f"The loss of the untrained model is {start.loss:.3g} over {start.n_samples} samples, {ratio:.1f} "
            f"times that of a model that knows nothing; the inputs' root mean square is {start.input_rms:.3g}, the "
            f"outputs' {start.output_rms:.3g}.",
            expected=f"About {theory} ({start.loss_name} of outputs that say nothing), at most {limit:.3g} times that.",
            todo="Scale the inputs to mean 0 and spread 1." if raw else "Initialise the last layer with small weights.",
            evidence=(
                Evidence("initial loss", start.loss, limit=limit * start.ignorant_loss, when="before step 1"),
                Evidence("root mean square of the inputs", start.input_rms, limit=RAW_INPUT),
            ),
            fixes=(_SCALE,) if raw else (_SMALL_HEAD,),
            confidence=0.95,
            why_confident=f"Healthy networks start at 0.91 to 1.16 times the theory, this one at {ratio:.1f}.",
            severity=Severity.ADVICE if no_harm else Severity.WARNING,
        )


def _does_no_harm(start: InitialLoss, overfit: OverfitTrial | None, curve: LearningCurve | None) -> bool:
    if overfit is not None and overfit.own.overfits:
        return True
    return curve is not None and len(curve.trend) > 0 and lowest_level(curve.trend.y) < LEARNT * start.ignorant_loss


def _limit(start: InitialLoss) -> float:
    """The ratio allowed: what values are around zero is known only as well as the samples tell."""
    limit = LIMIT * WIDE if start.starts_wide else LIMIT
    return limit if start.task == "classification" else limit * (1 + ERRORS / math.sqrt(start.n_samples))


_SCALE = Fix("Standardise the inputs with the training set's statistics", changes={"data.scaling": "standardise"})
_SMALL_HEAD = Fix(
    "Start from small outputs",
    instruction="Divide the initial weights of the last layer by ten, or leave torch's default initialisation.",
)
