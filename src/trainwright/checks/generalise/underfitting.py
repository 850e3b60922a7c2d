"""TW602 underfitting."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import BaselineComparison, LearningCurve
from trainwright.measures.trends import lowest_level

GAP = 0.1
"""Share of the constant prediction's loss by which validation may be worse than training, or better. Weight decay that
is too strong: 0.04."""

LEFT = 0.3
"""Training loss, as a share of the constant prediction's, above which much is left. Healthy benches without dropout end
below 0.1 in their own width; weight decay that is too strong: 0.33 and more."""

GAINING = 0.1
"""Gain of the last fifth as a share of what was learnt; more means that it is only too early."""

FEWEST_POINTS = 8


class Underfitting(Check):
    """The network does not even fit its training data, though the data can be fitted.

    What it finds:
        A training loss that stays high, no gap to validation, no progress at the end, and a simple predictor that does
        clearly better on the same validation samples.

    Why it hurts:
        The network is too small, too strongly regularised or not optimised well; more data will not help.

    How it is measured:
        Four things together. Loss curves alone cannot tell it from noise in the data, which no model can learn: so the
        better simple predictor (its whole 95 % interval) is what makes it a finding. Without such a
        comparison nothing is said.

    How to fix:
        A wider or deeper network, less dropout and weight decay, a better learning rate; then look again.

    References:
        Ng, Machine Learning Yearning (avoidable bias); Karpathy, A Recipe for Training Neural Networks (overfit first).
    """

    code = "TW602"
    name = "underfitting"
    severity = Severity.WARNING
    after = ("TW401", "TW303", "TW311", "TW328", "TW501", "TW502", "TW503", "TW504", "TW507", "TW508")
    cases = (Case(training_benches.yield_mlp, curve_faults.strong_decay),)

    def run(self, curve: LearningCurve, found: BaselineComparison | None) -> Iterator[Finding]:
        if found is None:
            raise CannotEvaluate("no simple predictor was compared, and noise in the data looks the same")
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        curve.require_points(curve.validation_loss, FEWEST_POINTS, "validation losses")
        better = found.better
        values, scale = curve.trend.y, curve.scale
        tail = max(1, len(values) // 5)
        train, validation = float(values[-tail:].mean()), float(curve.validation_trend.y[-tail:].mean())
        left, gap = train / scale, (validation - train) / scale
        gaining = float(values[-2 * tail : -tail].mean()) - train > GAINING * (curve.reference - lowest_level(values))
        if not better or left < LEFT or abs(gap) > GAP or gaining:
            return
        best = min(better, key=lambda score: score.advantage)
        unit = f" {found.unit}" if found.unit else ""
        yield self.finding(
            happened=f"The training loss ends at {train:.4g}, {left:.0%} of a constant prediction's, hardly below the "
            f"validation loss ({validation:.4g}) and no longer falling, while '{best.name}' reaches "
            f"{best.value:.4g}{unit} against the network's {found.value:.4g}{unit} on validation.",
            expected=f"A training loss below {LEFT:.0%} of the constant's, or no simple predictor that is better.",
            todo="Make the network wider or deeper, lower weight decay and dropout, then look at the rate.",
            evidence=(
                Evidence(
                    "training loss / constant's loss",
                    left,
                    limit=LEFT,
                    where="train",
                    series=(curve.train_loss.series("training loss"), curve.validation_loss.series("validation loss")),
                ),
                Evidence(
                    "advantage over the simple predictor", best.advantage, limit=0.0, unit=found.unit, where=best.name
                ),
            ),
            fixes=(
                Fix(
                    "Let it fit first",
                    instruction="Turn off dropout, augmentation and weight decay, widen until the training data are "
                    "fitted, then add back one at a time; the recipe's stages overfit and regularize do so.",
                ),
            ),
            confidence=0.9,
            why_confident=f"'{best.name}' learnt from the same data what the network did not.",
        )
