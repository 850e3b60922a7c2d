"""TW612 best-at-first-epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.trends import noise

RISE = 0.05
"""Rise of the validation loss above its first value, as a share of the constant prediction's loss. Healthy benches
never have their best epoch first."""

NOISE = 4.0
"""The rise must also be this many times the noise between evaluations."""

FEWEST_POINTS = 5


class BestAtFirstEpoch(Check):
    """The first evaluation was the best, and it has gone downhill since.

    What it finds:
        A validation loss that is lowest at its very first value and higher at every later one, while the training loss
        falls.

    Why it hurts:
        Everything after the first epoch was spent on memorising, and what happened within that epoch was not seen: the
        best model may lie there. In fine-tuning it says that the rate is too high or one epoch is enough.

    How it is measured:
        Every later value lies above the first, the last three by 5 % of the constant prediction's loss and four
        times the noise; at least five evaluations.

    How to fix:
        Evaluate several times within the first epoch, lower the learning rate, regularise, and keep the best weights.

    References:
        Google, Deep Learning Tuning Playbook (a best step in the first tenth: the training is too long).
    """

    code = "TW612"
    name = "best-at-first-epoch"
    severity = Severity.ADVICE
    after = ("TW401", "TW208", "TW213", "TW501", "TW502", "TW605", "TW601")
    cases = (Case(training_benches.alloys_mlp, curve_faults.shuffled_labels),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_points(curve.validation_loss, FEWEST_POINTS, "validation losses")
        known = curve.validation_loss.finite
        train = curve.train_loss.at(known.x)
        first, final = float(known.y[0]), float(known.y[-3:].mean())
        limit = max(RISE * curve.scale, NOISE * noise(known.y))
        if known.y[1:].min() <= first or final - first < limit or not np.isfinite(train).all() or train[-1] >= train[0]:
            return
        yield self.finding(
            happened=f"The validation loss was lowest at {curve.x_unit} {known.x[0]:g} ({first:.4g}), the first of "
            f"{len(known)} evaluations, and is {final:.4g} at the end, while the training loss fell from "
            f"{train[0]:.4g} to {train[-1]:.4g}.",
            expected="A validation loss that improves for several evaluations before it rises.",
            todo="Evaluate within the first epoch, lower the learning rate, and keep the best weights.",
            evidence=(
                Evidence(
                    "rise of the validation loss since the first evaluation",
                    final - first,
                    limit=limit,
                    series=(curve.train_loss.series("training loss"), curve.validation_loss.series("validation loss")),
                ),
            ),
            fixes=(
                Fix(
                    "Look into the first epoch",
                    instruction="Evaluate ten times within the first epoch, with a learning rate three times lower.",
                ),
            ),
            confidence=0.85,
            why_confident="Every later evaluation is worse than the first, by more than the noise.",
        )
