"""TW122 too-little-data."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import BatchStream
from trainwright.measures.curves import LearningCurve
from trainwright.measures.learning import share_learnt
from trainwright.measures.trends import lowest_level

FEW = 100
"""Samples of training up to which their number is the first thing to blame."""
TRAIN = 0.7
"""Share of the constant prediction's loss that was learnt on training data."""
BEHIND = 0.7
"""Share of that which was learnt on validation data at best."""
BY_HEART, BEHIND_BY_HEART = 0.98, 0.8
"""Share of the constant prediction's loss from which on the samples are known by heart, which says enough where no loss
of an evaluation is known; and the share of it on validation data then."""
FEWEST_POINTS = 3


class TooLittleData(Check):
    """So few samples that the network learns them by heart.

    What it finds:
        A training set of a hundred samples or fewer that is learnt nearly to the end, beside a validation loss that is
        far behind at its best.

    Why it hurts:
        What sets single samples apart is learnt before what they share. No setting of the training mends that, and a
        validation score can only be as good as the few samples allow.

    How it is measured:
        The number of samples is the loader's, or that of different inputs seen once no new ones come. 70 % of the
        constant prediction's loss must be learnt on them, and on validation data at best seven tenths of that; where
        98 % are learnt, eight tenths, and where no loss of an evaluation was computed, these 98 % alone.

    How to fix:
        Get more data, real ones first: label more, widen the time or place they come from; then augment them, start
        from a model that was trained on something similar, or take a simple model. Look at twenty samples beside their
        labels too: labels that do not belong to their inputs look the same in so few samples.

    References:
        Perlich, Provost and Simonoff, Tree Induction vs. Logistic Regression: A Learning-Curve Analysis (2003).
    """

    code = "TW122"
    name = "too-little-data"
    severity = Severity.WARNING
    after = ("TW401", "TW205", "TW208", "TW324", "TW501", "TW510", "TW604")
    cases = (Case(training_benches.alloys_mlp, curve_faults.sixty_noisy_samples),)

    def run(self, curve: LearningCurve, stream: BatchStream | None) -> Iterator[Finding]:
        n = _n_train(curve, stream)
        if n > FEW:
            return
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        train = share_learnt(lowest_level(curve.trend.y), curve.baseline_train_loss)
        if not len(curve.validation_loss):
            if train > BY_HEART and (stream is not None and stream.n_samples == n):
                yield self._by_heart(curve, n, train)
            return
        curve.require_points(curve.validation_loss, FEWEST_POINTS, "validation losses")
        validation = share_learnt(float(curve.validation_loss.finite.y.min()), curve.baseline_validation_loss)
        behind = BEHIND_BY_HEART if train > BY_HEART else BEHIND
        if train < TRAIN or validation > behind * train:
            return
        yield self.finding(
            happened=f"The training data are {n} samples. {train:.0%} of the constant prediction's loss was learnt on "
            f"them, and at best {max(validation, 0):.0%} on validation data.",
            expected=f"Validation within {behind:.0%} of what is learnt in training, which {n} samples do not allow.",
            todo=_TODO,
            evidence=(
                Evidence("training samples", n, limit=FEW, unit="samples"),
                Evidence(
                    "share of the constant's loss learnt",
                    validation,
                    limit=behind * train,
                    where="validation",
                    series=(curve.train_loss.series("training loss"), curve.validation_loss.series("validation loss")),
                ),
            ),
            fixes=_FIXES,
            confidence=0.85,
            why_confident="The samples were counted and are learnt by heart; wrong labels would look alike.",
        )

    def _by_heart(self, curve: LearningCurve, n: int, train: float) -> Finding:
        return self.finding(
            happened=f"The training data are {n} different samples, seen again and again until {train:.2%} of the "
            "constant prediction's loss was learnt: by heart, that is. No loss of an evaluation was computed that "
            "could tell what it is worth.",
            expected=f"More than {FEW} samples, or an evaluation that shows how far so few go.",
            todo=_TODO,
            evidence=(
                Evidence("training samples", n, limit=FEW, unit="samples"),
                Evidence(
                    "share of the constant's loss learnt",
                    train,
                    limit=BY_HEART,
                    where="training",
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=_FIXES,
            confidence=0.6,
            why_confident="The samples were counted; without noise so few may do, which only an evaluation tells.",
        )


_TODO = (
    "Get more data, augment them, or take a model that was trained on something similar; a simple model may do better "
    "than this network. See as well whether the labels belong to the inputs."
)
_FIXES = (Fix("Get more data", instruction="Label more samples; until then compare with a linear model."),)


def _n_train(curve: LearningCurve, stream: BatchStream | None) -> int:
    if curve.n_train is not None:
        return curve.n_train
    if stream is not None and stream.n_samples is not None:
        return stream.n_samples
    if stream is not None and stream.steps_per_epoch:
        return round(stream.steps_per_epoch * float(stream.sizes.mean()))
    raise CannotEvaluate("the number of training samples is not known")
