"""TW212 evaluated-on-training."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import SampleOverlap

FEWEST_SAMPLES = 30
SHARE = 0.1
"""Share of the evaluated samples that were also trained on. Sets of photographs hold up to 0.03 natural doubles."""

PART = 0.1
"""Share of the training data beyond which, up to all but this share, a part of them is taken for a validation set."""


class EvaluatedOnTraining(Check):
    """What the running program evaluates on, it has trained on.

    What it finds:
        A validation set cut out of the training set, and copies of samples (oversampling, augmentation) that were made
        before the split and fell on both sides.

    Why it hurts:
        The score tells how well the network remembers. It rises as long as one trains, and every choice made by it is
        wrong.

    How it is measured:
        A number for each sample that entered the model, in training and in evaluation; equal numbers are equal samples.
        More than 10 % of the evaluated samples were also seen in training, in the evaluation that shares least, so that
        an evaluation of the training set itself beside another one does not count. Samples with few or coarse numbers
        (tokens, say) may be equal by nature: how many, the doubles within the training data tell, and that share comes
        on top. Where nothing but training samples were ever evaluated, and no loader tells the parts apart, it is a
        warning if they are a part of the training data, as a validation set is, and advice if they are all of it, or a
        handful.

    How to fix:
        Split first, then copy and augment the training part only.

    References:
        Barz and Denzler, Do we train on test data? (2020).
    """

    code = "TW212"
    name = "evaluated-on-training"
    severity = Severity.ERROR
    after = ("TW201",)
    cases = (
        Case(training_benches.alloys_mlp, data_faults.copied_before_split),
        Case(training_benches.digits_cnn, data_faults.copied_before_split),
    )

    def run(self, overlap: SampleOverlap) -> Iterator[Finding]:
        if overlap.n_evaluation < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{overlap.n_evaluation} evaluated samples are too few; {FEWEST_SAMPLES} are needed")
        limit = SHARE + overlap.natural
        if limit >= 1:
            raise CannotEvaluate("samples of so few or so coarse numbers may be equal by nature")
        share = overlap.n_shared / overlap.n_evaluation
        if not share > limit:
            return
        is_part = PART * overlap.n_train <= overlap.n_evaluation <= (1 - PART) * overlap.n_train
        severity = Severity.ERROR
        if overlap.only_training:
            severity = Severity.WARNING if is_part else Severity.ADVICE
        yield self.finding(
            happened=f"{overlap.n_shared} of the {overlap.n_evaluation} samples that were evaluated ({share:.0%}) had "
            f"also been trained on, equal in every number.",
            expected=f"Other samples than the {overlap.n_train} of the training: at most {limit:.0%} natural doubles.",
            todo="Hold samples back for the evaluation."
            if overlap.only_training
            else "Split the data before anything is copied, and evaluate on the other part.",
            evidence=(
                Evidence("share of evaluated samples also trained on", share, limit=limit, where="evaluation"),
                Evidence("evaluated samples", overlap.n_evaluation, unit="samples"),
            ),
            fixes=(
                Fix(
                    "Evaluate on samples of their own",
                    instruction="Split by index before oversampling or augmentation, and build the evaluation set from "
                    "the held-out indices.",
                ),
            ),
            confidence=_CONFIDENCE[severity],
            why_confident="No other evaluation was seen; it may be meant as the training score."
            if overlap.only_training
            else "The samples are equal in every number as they entered the model.",
            severity=severity,
        )


_CONFIDENCE = {Severity.ERROR: 0.95, Severity.WARNING: 0.8, Severity.ADVICE: 0.6}
