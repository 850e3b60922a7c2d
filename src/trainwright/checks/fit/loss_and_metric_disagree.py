"""TW514 loss-and-metric-disagree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.measures.learning import LEARNT, accuracy_error

FALLEN = 0.1
"""Fall of the loss as a share of the constant prediction's loss that counts as getting better."""

ERRORS = 4.0
"""Standard errors that an accuracy must have lost meanwhile, or lie below the constant prediction. Healthy benches gain
0.9 of them and more."""

WORSE = 0.2
"""Share by which any other metric must have become worse; in healthy benches it becomes better."""

FEWEST_POINTS = 6


class LossAndMetricDisagree(Check):
    """The loss gets better while the metric gets worse on the same data.

    What it finds:
        A loss that falls clearly, on training or validation data, while the metric on the very same data goes the wrong
        way.

    Why it hurts:
        The training optimises something else than what is reported: a sign is wrong, the metric is taken over the wrong
        axis or of the wrong labels, or the loss is that of another output.

    How it is measured:
        Means over the first and the last third of the evaluations: the loss fell by a tenth of the constant
        prediction's loss, and below that, while the accuracy lost four standard errors, or another metric a fifth of
        its value, or ended that much below the constant prediction's. The opposite, a validation loss that rises while
        accuracy holds, is overconfidence (TW601) and not looked at here.

    How to fix:
        Compute loss and metric of three samples by hand. Look at signs (a loss of minus the outputs, distances used as
        scores), at the axis of argmax, and at the direction of the metric.

    References:
        Karpathy, A Recipe for Training Neural Networks (verify loss and metric by hand).
    """

    code = "TW514"
    name = "loss-and-metric-disagree"
    severity = Severity.ERROR
    after = ("TW401", "TW213", "TW339", "TW511")
    cases = (
        Case(training_benches.alloys_mlp, curve_faults.flipped_loss),
        Case(training_benches.digits_cnn, curve_faults.flipped_loss),
    )

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        if curve.higher_is_better is None:
            raise CannotEvaluate("there is no metric whose direction is known")
        judged = False
        for part, loss, metric, n, constant in _parts(curve):
            if min(len(loss.finite), len(metric.finite)) < FEWEST_POINTS:
                continue
            judged = True
            lost, limit = _lost(curve, metric, constant.metric), _limit(curve, metric, n)
            better = -_change(loss) > FALLEN * curve.scale and _is_below(loss, constant.loss)
            if better and lost > limit:
                yield self._finding(curve, part, (loss, metric), lost, limit)
                return
        if not judged:
            raise CannotEvaluate(f"{FEWEST_POINTS} values of loss and metric on the same data are needed")

    def _finding(
        self, curve: LearningCurve, part: str, both: tuple[Curve, Curve], lost: float, limit: float
    ) -> Finding:
        loss, metric = both
        unit = f" {curve.unit}" if curve.unit else ""
        return self.finding(
            happened=f"On {part} data the loss fell by {-_change(loss):.3g}, while {curve.metric_name} went from "
            f"{metric.finite.y[0]:.4g} to {metric.finite.y[-1]:.4g}{unit}, the wrong way.",
            expected=f"Loss and {curve.metric_name} getting better together, or the metric losing at most "
            f"{limit:.3g}{unit}.",
            todo="Compute loss and metric of three samples by hand: signs, the axis of argmax, the direction of the "
            "metric.",
            evidence=(
                Evidence(
                    f"{curve.metric_name} lost while the loss fell",
                    lost,
                    limit=limit,
                    unit=curve.unit,
                    where=part,
                    series=(loss.series(f"{part} loss"), metric.series(f"{part} {curve.metric_name}", curve.unit)),
                ),
            ),
            fixes=(
                Fix(
                    "Compare loss and metric by hand",
                    instruction="Take three samples, compute loss and metric by hand, and look at signs and axes.",
                ),
            ),
            confidence=0.95,
            why_confident="Both were taken on the same data, and both changes are far beyond chance.",
        )


@dataclass(frozen=True)
class _Constant:
    """What the best constant prediction gets; None where that is not known."""

    loss: float | None
    metric: float | None


def _parts(curve: LearningCurve) -> Iterator[tuple[str, Curve, Curve, int | None, _Constant]]:
    """Name, loss, metric and number of samples of validation and training, and what a constant has on them."""
    constant = _Constant(curve.baseline_validation_loss, curve.baseline_validation_metric)
    yield "validation", curve.validation_loss, curve.validation_metric, curve.n_validation, constant
    constant = _Constant(curve.baseline_train_loss, curve.baseline_train_metric)
    yield "train", curve.train_loss, curve.train_metric, curve.n_train, constant


def _is_below(loss: Curve, baseline: float | None) -> bool:
    """Whether the loss ends below a constant's; from a level to which it was thrown up it may fall for nothing."""
    return baseline is None or _last_third(loss) < baseline - LEARNT * abs(baseline)


def _last_third(curve: Curve) -> float:
    values = curve.finite.y
    return float(np.mean(values[-max(1, len(values) // 3) :]))


def _change(curve: Curve) -> float:
    """Mean over the last third less mean over the first third."""
    values = curve.finite.y
    third = max(1, len(values) // 3)
    return _last_third(curve) - float(np.mean(values[:third]))


def _lost(curve: LearningCurve, metric: Curve, baseline: float | None) -> float:
    """How much worse the metric became, or how much worse than a constant prediction it ended."""
    sign = -1.0 if curve.higher_is_better else 1.0
    below = sign * (_last_third(metric) - baseline) if baseline is not None else -math.inf
    return max(sign * _change(metric), below)


def _limit(curve: LearningCurve, metric: Curve, n: int | None) -> float:
    values = metric.finite.y
    first = float(np.mean(values[: max(1, len(values) // 3)]))
    if curve.unit != "%" or n is None:
        return WORSE * max(abs(first), 1e-12)
    return ERRORS * accuracy_error(first, n)
