"""TW605 memorised-labels."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.learning import beats_constant, share_learnt
from trainwright.measures.trends import lowest_level

TRAIN = 0.7
"""Share of the constant prediction's loss that was learnt on training data: so much is memory or understanding."""

VALIDATION = 0.05
"""Share learnt on validation data up to which nothing was understood. Healthy benches: 0.26 and more in four widths;
shuffled labels: at most 0.02."""

PARTLY, LOST = 0.1, -0.1
"""The same in the midst of learning by heart, when validation was never better than a constant and has become worse."""

ERRORS = 3.0
"""Standard errors above the constant prediction up to which an accuracy on validation data is chance."""

FEWEST_POINTS = 3


class MemorisedLabels(Check):
    """The training data were learnt by heart, and nothing of it holds elsewhere.

    What it finds:
        A training loss near zero beside a validation loss that at no time was better than a constant prediction.

    Why it hurts:
        This is what a network does with labels that do not belong to their inputs: a shuffled column, a join gone
        wrong, inputs and labels shuffled apart. The same picture comes from an identifier among the inputs or from
        far too few samples. It is not ordinary overfitting, where validation is good for a while.

    How it is measured:
        70 % of the constant prediction's loss learnt on training data, less than 5 % on validation data at any time,
        and no accuracy beyond chance there. Or, while it is on the way there: 10 % learnt on training data, nothing on
        validation data at any time, and a tenth more than the constant's loss there at the end. Needs to know the
        constant prediction's loss.

    How to fix:
        Look at twenty samples beside their labels, in the form in which the model gets them, on both parts. Then
        look for a column that only names the sample.

    References:
        Zhang et al., Understanding Deep Learning Requires Rethinking Generalization (2017).
    """

    code = "TW605"
    name = "memorised-labels"
    severity = Severity.WARNING
    after = ("TW401", "TW121", "TW122", "TW208", "TW213", "TW501", "TW604")
    cases = (Case(training_benches.alloys_mlp, curve_faults.shuffled_labels),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        curve.require_points(curve.validation_loss, FEWEST_POINTS, "validation losses")
        losses = curve.validation_loss.finite.y
        train = share_learnt(lowest_level(curve.trend.y), curve.baseline_train_loss)
        validation = share_learnt(float(losses.min()), curve.baseline_validation_loss)
        by_heart = train >= TRAIN and validation <= VALIDATION
        on_the_way = (
            train >= PARTLY
            and validation <= 0
            and share_learnt(float(losses[-1]), curve.baseline_validation_loss) < LOST
        )
        if not (by_heart or on_the_way) or _beats_chance(curve):
            return
        yield self.finding(
            happened=f"{train:.0%} of the constant prediction's loss was learnt on training data, and at best "
            f"{max(validation, 0):.1%} on validation data, at any time.",
            expected=f"More than {VALIDATION:.0%} on validation data, if the labels belong to the inputs.",
            todo="Look at twenty samples beside their labels on both parts; then for a column that names the sample.",
            evidence=(
                Evidence(
                    "share of the constant's loss learnt",
                    validation,
                    limit=VALIDATION,
                    where="validation",
                    series=(curve.train_loss.series("training loss"), curve.validation_loss.series("validation loss")),
                ),
                Evidence("share of the constant's loss learnt", train, limit=TRAIN, where="train"),
            ),
            fixes=(
                Fix(
                    "Look at inputs beside their labels",
                    instruction="Print twenty prepared samples with their labels; check joins, sorting and shuffling.",
                ),
            ),
            confidence=0.9,
            why_confident="Validation was no better than a constant at any time, which overfitting alone does not "
            "explain.",
        )


def _beats_chance(curve: LearningCurve) -> bool:
    metric, baseline = curve.validation_metric.finite, curve.baseline_validation_metric
    return curve.unit == "%" and beats_constant(metric, baseline, curve.n_validation, ERRORS)
