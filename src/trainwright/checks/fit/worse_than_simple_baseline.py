"""TW520 worse-than-simple-baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from trainwright.clinic import training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import BaselineComparison, BaselineScore, LearningCurve

LINEAR = ("linear", "ridge", "logistic", "lasso")
"""Words in the names of predictors that are simpler than any network; one of them as good as the network is worth
knowing even when it is not better."""

FEWEST_SAMPLES = 20


class WorseThanSimpleBaseline(Check):
    """A simple predictor is better than the network, or as good.

    What it finds:
        A network that predicts worse than a linear model, nearest neighbours, a kernel machine or boosted trees on the
        same validation samples; no better than a constant; or not measurably better than a linear model.

    Why it hurts:
        Where a simple predictor is better the network was trained wrongly or is the wrong tool. Where a linear model is
        as good, the network costs more and gives nothing.

    How it is measured:
        The difference of the metric on the same validation samples with its 95 % interval over samples. Worse means
        that the whole interval lies on the baseline's side, widened for the number of baselines (Bonferroni), so that
        the best of many is not worse by luck; as good, that the interval includes 0.

    How to fix:
        Train longer where the curve still falls, keep the best epoch where it rises again; otherwise use the simpler
        model, or find what it sees that the network does not.

    References:
        Grinsztajn et al., Why do tree-based models still outperform deep learning on tabular data? (2022).
    """

    code = "TW520"
    name = "worse-than-simple-baseline"
    severity = Severity.WARNING
    after = (
        *("TW213", "TW401", "TW315", "TW304", "TW303", "TW311", "TW329", "TW301", "TW302", "TW307", "TW308", "TW324"),
        *("TW335", "TW337", "TW341", "TW342", "TW501", "TW502", "TW504", "TW507", "TW508", "TW514", "TW602"),
        *("TW604", "TW605"),
    )
    cases = (
        Case(training_benches.digits_cnn, training_faults.short_training),
        Case(training_benches.yield_mlp, training_faults.short_training),
    )

    def run(self, found: BaselineComparison, curve: LearningCurve | None) -> Iterator[Finding]:
        scores = [s for s in found.baselines if all(map(math.isfinite, (s.value, s.advantage, s.low, s.high)))]
        if found.n_samples < FEWEST_SAMPLES or not scores or not math.isfinite(found.value):
            raise CannotEvaluate(f"{len(scores)} baselines on {found.n_samples} samples allow no comparison")
        curve = curve if curve is not None and len(curve.validation_loss.finite) else None
        if curve is not None and len(curve.train_loss) and not math.isfinite(curve.train_loss.y[-1]):
            raise CannotEvaluate("the training ended with a loss that is not finite")
        better = found.better
        constant = [s for s in scores if s.ignores_input and s.low <= 0]
        equal = [s for s in scores if _is_linear(s) and s.low <= 0 <= s.high]
        if better:
            yield self._finding(found, curve, min(better, key=lambda s: s.advantage), "better", Severity.WARNING)
        elif constant:
            yield self._finding(found, curve, constant[0], "no worse", Severity.WARNING)
        elif equal:
            yield self._finding(found, curve, equal[0], "as good", Severity.ADVICE)

    def _finding(
        self,
        found: BaselineComparison,
        curve: LearningCurve | None,
        score: BaselineScore,
        how: str,
        severity: Severity,
    ) -> Finding:
        unit = f" {found.unit}" if found.unit else ""
        within = how == "as good"
        return self.finding(
            happened=f"'{score.name}' is {how}{', within noise,' if within else ''} on {found.n_samples} validation "
            f"samples: {found.metric_name} {score.value:.4g}{unit} against the network's {found.value:.4g}{unit} "
            f"({found.low:.4g} … {found.high:.4g}); the network's advantage is {score.advantage:+.3g}{unit}, 95 % "
            f"interval {score.low:+.3g} … {score.high:+.3g}.",
            expected="A network whose advantage over every simple predictor lies above 0 with its 95 % interval.",
            todo=_todo(found, curve, score, within=within),
            evidence=(
                Evidence("advantage over the baseline", score.advantage, limit=0.0, unit=found.unit, where=score.name),
                Evidence("upper end of its interval", score.high, limit=0.0, unit=found.unit, where=score.name),
            ),
            fixes=_fixes(curve, score, within=within),
            confidence=0.85 if within else 0.9,
            why_confident="Both predicted the same samples; the interval is over samples, not over seeds.",
            where=score.name,
            severity=severity,
        )


def _is_linear(score: BaselineScore) -> bool:
    return any(word in score.name.lower() for word in LINEAR)


def _todo(found: BaselineComparison, curve: LearningCurve | None, score: BaselineScore, *, within: bool) -> str:
    if within:
        return f"Use '{score.name}', unless more data or a better network makes the difference clear."
    if curve is not None and _still_improving(curve):
        return f"Train longer: {found.metric_name} was still improving at the last of {curve.length:g} {curve.x_unit}s."
    if curve is not None and _was_better(curve):
        return f"Keep the best {curve.x_unit} ({_best(curve):g}), not {curve.kept_at:g}; then regularise."
    return f"Use '{score.name}', or find out what it sees that the network does not: scaling, features, too few steps."


def _fixes(curve: LearningCurve | None, score: BaselineScore, *, within: bool) -> tuple[Fix, ...]:
    simpler = Fix(f"Use '{score.name}'", instruction=f"Take '{score.name}' as the model to beat, or as the model.")
    if within or curve is None:
        return (simpler,)
    if _still_improving(curve):
        epochs = 10 * round(curve.length / (1 if curve.x_unit == "epoch" else curve.steps_per_epoch or 1))
        return (
            Fix(f"Train for {epochs} epochs", changes={"training.epochs": epochs, "training.keep": "best"}),
            simpler,
        )
    if _was_better(curve):
        return (Fix("Keep the best epoch", changes={"training.keep": "best"}), simpler)
    return (simpler,)


def _best(curve: LearningCurve) -> float:
    known = curve.validation_loss.finite
    return float(known.x[int(np.argmin(known.y))])


def _still_improving(curve: LearningCurve) -> bool:
    """Whether the validation loss was lowest in the last tenth of the training."""
    return _best(curve) > 0.9 * float(curve.validation_loss.finite.x[-1])


def _was_better(curve: LearningCurve) -> bool:
    return curve.kept_at is not None and curve.kept_at > _best(curve)
