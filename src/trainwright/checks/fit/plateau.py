"""TW505 plateau."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Maturity, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.trends import lowest_level, slope

SHARE = 0.6
"""Share of the training, at its end, that must be flat."""

FLAT = 0.01
"""Change over that time as a share of what had been learnt before. Healthy benches that are not near zero: 0.05 and
more over half of the training; weight decay that is too strong: below 0.01."""

FLOOR = 0.2
"""Loss as a share of the constant prediction's below which there is little left to learn."""

LEARNT = 0.1
"""Share of the constant prediction's loss that was learnt before; less is not learning at all."""

FEWEST_POINTS = 10


class Plateau(Check):
    """For most of the training nothing was gained any more, far from zero.

    What it finds:
        A training loss that fell, and then stayed where it was for more than the last 60 % of the training, while the
        rate was not lowered.

    Why it hurts:
        The time was wasted. Something holds the loss where it is: the rate, the regularisation, the size of the model,
        or noise in the data, which nothing can learn.

    How it is measured:
        The straight line through the last 60 % of the training loss changes by less than 1 % of what was learnt before,
        or by less than twice its own uncertainty, at a loss above a fifth of the constant prediction's.
        In preview, because a floor of noise in the data looks exactly the same.

    How to fix:
        Lower the learning rate at the beginning of the flat part; if nothing moves then, less weight decay or
        dropout, or a larger model. If that does not help either, it is the data's own noise, and training may end
        there.

    References:
        Smith, A Disciplined Approach to Neural Network Hyper-Parameters (2018).
    """

    code = "TW505"
    name = "plateau"
    severity = Severity.ADVICE
    maturity = Maturity.PREVIEW
    after = ("TW401", "TW303", "TW501", "TW502", "TW503", "TW504", "TW507", "TW508", "TW602")
    cases = (Case(training_benches.yield_mlp, curve_faults.strong_decay),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_points(curve.train_loss, FEWEST_POINTS)
        curve.require_no_game()
        values = curve.trend
        begin = round((1 - SHARE) * len(values))
        flat = values.y[begin:]
        _require_steady_rate(curve, float(values.x[begin]))
        change, error = slope(flat)
        learnt = curve.reference - lowest_level(values.y)
        level = float(flat.mean())
        if learnt < LEARNT * curve.scale or level < FLOOR * curve.reference:
            return
        if -change > max(FLAT * learnt, 2 * error) or abs(change) > 0.1 * learnt:
            return
        yield self.finding(
            happened=f"Since {curve.x_unit} {values.x[begin]:g} of {curve.length:g} the training loss stayed at "
            f"{level:.4g} "
            f"(change {change:+.2g}); before it had fallen from {curve.reference:.4g}.",
            expected=f"A loss that still falls by {FLAT:.0%} of what was learnt, or is near zero.",
            todo="Lower the learning rate where the flat part begins; then try less regularisation or a larger model.",
            evidence=(
                Evidence(
                    "change over the last 60 % / learnt before",
                    -change / learnt,
                    limit=FLAT,
                    when=f"{curve.x_unit}s {values.x[begin]:g} to {curve.length:g}",
                    series=(curve.train_loss.series("training loss"),),
                ),
            ),
            fixes=(
                Fix(
                    "Let the rate fall",
                    instruction="Lower the learning rate tenfold where the flat part begins, or use a cosine schedule.",
                ),
            ),
            confidence=0.6,
            why_confident="The flat part is a fact; noise in the data, which cannot be learnt, looks the same.",
        )


def _require_steady_rate(curve: LearningCurve, since: float) -> None:
    known = curve.learning_rate.finite
    rates = known.y[known.x >= since]
    if len(rates) > 1 and float(rates.min()) < 0.5 * float(np.max(known.y)):
        raise CannotEvaluate("the learning rate was lowered already")
