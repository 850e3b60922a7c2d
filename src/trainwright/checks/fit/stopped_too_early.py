"""TW512 stopped-too-early."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import FEWEST_STEPS, Array, Curve, LearningCurve
from trainwright.measures.trends import noise

LIMIT = 0.1
"""Gain of the last fifth of the training over the fifth before, as a share of all that was learnt. Healthy benches in
their own width: at most 0.055, in others up to 0.28, which were too short indeed; cut to six epochs: 0.42 and more."""

LEARNT = 0.05
"""Share of the constant prediction's loss that must have been learnt; less is not learning."""

ANNEALED = 0.1
"""Share of the highest rate below which the training was brought to its end on purpose."""

FEWEST_POINTS = 5


class StoppedTooEarly(Check):
    """The training ended while everything was still improving.

    What it finds:
        A validation loss (a training loss, where there is no other) that falls to the end as if nothing were over.

    Why it hurts:
        A better model was to be had for nothing but time; comparisons made so early favour whatever learns fastest.

    How it is measured:
        What the last fifth of the training gained over the fifth before, as a share of all that was learnt. Silent
        where the gain is within the noise, where the loss had been lower before, and where the rate had been brought
        down to the end on purpose: then the last part always gains, and longer training means planning the schedule
        longer.

    How to fix:
        Train longer, two to four times, and keep the best epoch.

    References:
        Google, Deep Learning Tuning Playbook (a best step in the last quarter: train longer).
    """

    code = "TW512"
    name = "stopped-too-early"
    severity = Severity.ADVICE
    after = ("TW401", "TW303", "TW501", "TW502", "TW504", "TW520")
    cases = (Case(training_benches.alloys_mlp, curve_faults.cut_training),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        losses, part = _judged(curve)
        if curve.x_unit == "step" and curve.length < FEWEST_STEPS:
            raise CannotEvaluate(f"{curve.length:g} steps are a beginning; {FEWEST_STEPS} are needed")
        curve.require_no_game()
        rates = curve.learning_rate.finite.y
        if len(rates) and rates[-1] < ANNEALED * rates.max():
            raise CannotEvaluate("the learning rate had been brought down to end the training")
        values = losses.y
        tail = max(1, math.ceil(len(values) / 5))
        before, last = float(values[-2 * tail : -tail].mean()), float(values[-tail:].mean())
        if values[-tail:].min() > values[:-tail].min():
            return  # it goes up and down, as that of networks that train against each other, and had been lower
        learnt = curve.reference - last
        gain = min(before - last, _within(values[-tail:], before))
        if learnt < LEARNT * curve.scale or gain < max(LIMIT * learnt, 2 * noise(values), 2 * curve.batch_noise):
            return
        longer = 3 * math.ceil(curve.length)
        yield self.finding(
            happened=f"The {part} loss still fell from {before:.4g} to {last:.4g} in the last fifth of "
            f"{curve.length:g} {curve.x_unit}s, {gain / learnt:.0%} of all that was learnt.",
            expected=f"A last fifth that gains less than {LIMIT:.0%}.",
            todo=f"Train longer, for {longer} {curve.x_unit}s, and keep the best {curve.x_unit}.",
            evidence=(
                Evidence(
                    "gain of the last fifth / all that was learnt",
                    gain / learnt,
                    limit=LIMIT,
                    where=part,
                    series=(losses.series(f"{part} loss"),),
                ),
            ),
            fixes=(_fix(curve, longer),),
            confidence=0.8,
            why_confident="The trend is beyond the noise; how far it would go on nobody knows.",
        )


def _within(values: Array, before: float) -> float:
    """What the last fifth gained from its own beginning to its end: a drop before it is over."""
    half = len(values) // 2
    return 2 * float(values[:half].mean() - values[-half:].mean()) if half else before - float(values[0])


def _judged(curve: LearningCurve) -> tuple[Curve, str]:
    """The validation loss where it was taken often enough, else the training loss."""
    if len(curve.validation_loss.finite) >= FEWEST_POINTS:
        return curve.validation_trend, "validation"
    curve.require_points(curve.train_loss, FEWEST_POINTS)
    return curve.trend, "training"


def _fix(curve: LearningCurve, longer: int) -> Fix:
    if curve.x_unit == "step":
        return Fix("Train longer", instruction=f"Train for {longer} steps and keep the best of them.")
    return Fix(f"Train for {longer} epochs", changes={"training.epochs": longer, "training.keep": "best"})
