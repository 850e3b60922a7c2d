"""TW213 renumbered-classes."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.labels import FEWEST_PREDICTED, PredictedClasses

INFORMED = 0.4
"""Agreement with labels of other numbers (Cohen's kappa) from which on a model tells them."""
MISLED = 0.1
"""Agreement with labels of the same numbers up to which it seems to tell nothing."""


class RenumberedClasses(Check):
    """The model tells the classes of an evaluation well, under other numbers than its labels have.

    What it finds:
        Predictions that go with the labels one to one, but with other labels than their own: class 3 is said of what is
        labelled 4, class 4 of what is labelled 5.

    Why it hurts:
        Labels were numbered in one way for training and in another for evaluation: from 1 and from 0, by a dictionary
        that was built for each part, by the order of folders. What was learnt is right, every score of it is wrong,
        and whoever uses the model gets the wrong names.

    How it is measured:
        Labels of an evaluation beside the class of the largest output. In one half of the samples each class that is
        predicted often enough is given the label that it goes with most, if no two have the same, or the next number;
        in the other half the agreement beyond chance (Cohen's kappa) is 0.4 or more so, and 0.1 or less with the
        numbers as they are. A network that has learnt little, or that says the same of all samples, agrees with
        nothing. Where no loss is given these labels, only numbers that are all off by one count.

    How to fix:
        Build the numbering of classes once, from the training data, store it with the model, and use it everywhere.

    References:
        Cohen, A Coefficient of Agreement for Nominal Scales (1960).
    """

    code = "TW213"
    name = "renumbered-classes"
    severity = Severity.ERROR
    after = ("TW208", "TW606")
    cases = (
        Case(training_benches.alloys_mlp, data_faults.validation_counted_from_one),
        Case(training_benches.digits_cnn, data_faults.validation_counted_from_one),
    )

    def run(self, predicted: PredictedClasses) -> Iterator[Finding]:
        if not predicted.is_enough:
            raise CannotEvaluate(f"{predicted.n_samples} labelled samples are too few; {FEWEST_PREDICTED} are needed")
        meanings = [each for each in predicted.meanings() if len(each) > 1 and _is_mistake(each, predicted)]
        meaning = max(meanings, key=predicted.agreement, default={})
        other, own = predicted.agreement(meaning), predicted.agreement({said: said for said in meaning})
        if other < INFORMED or own > MISLED:
            return
        shown = ", ".join(f"{said} of what is labelled {label}" for said, label in list(meaning.items())[:4])
        yield self.finding(
            happened=f"In the evaluation the model says class {shown}{' …' if len(meaning) > 4 else ''}. So read, its "
            f"answers agree with the labels by {other:.0%} (0 % would be chance), under their own numbers by "
            f"{own:.0%}.",
            expected="Predictions that agree with the labels under their own numbers.",
            todo="Compare the numbering of classes in training with that of the evaluation: an offset, a dictionary "
            "built twice, the order of folders.",
            evidence=(
                Evidence("agreement under other numbers, beyond chance", other, limit=INFORMED),
                Evidence("agreement as it is, beyond chance", own, limit=MISLED),
                Evidence("evaluated samples", predicted.n_samples, unit="samples"),
            ),
            fixes=(
                Fix(
                    "Number the classes once",
                    instruction="Build one mapping from names to numbers, store it, and use it for every part.",
                ),
            ),
            confidence=0.9,
            why_confident="Answers that are no better than chance under their own numbers, and right under others, "
            "were learnt under those others.",
        )


def _is_mistake(meaning: dict[int, int], predicted: PredictedClasses) -> bool:
    """Whether a program does not mean it so: the loss is given these labels, or all are off by one while labels use the
    whole range of the outputs."""
    labels = predicted.counts.sum((0, 2))
    off_by = {label - said for said, label in meaning.items()}
    return predicted.told or (off_by in ({1}, {-1}) and bool(labels[0] and labels[-1]))
