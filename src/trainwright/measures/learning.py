"""Whether a training learns: what every verdict on gradients, activations and updates is gated on."""

from __future__ import annotations

import math

import numpy as np

from trainwright.core import CannotEvaluate
from trainwright.measures.curves import Curve, LearningCurve

LEARNT = 0.05
"""Share of the input-independent loss that a training which learns has left behind at its end."""
FEWEST_STEPS = 100
"""Steps before which nobody can tell; a network that learns has left the constant prediction behind by then."""
FEWEST_EPOCHS = 3
BLOCKS, LAST = 40, 5
"""The course is reduced to this many means, and the median of the last ones is where it stands."""


def learns(curve: LearningCurve | None) -> bool | None:
    """Whether the loss stands clearly below that of the best prediction that ignores the input, on training or
    validation data.

    None where that cannot be told: no curve, one of several learners at a time, no baseline, or too short a training.
    """
    if curve is None or (curve.name and curve.is_game is not False):
        return None
    if not _is_long_enough(curve) or not len(curve.train_loss):
        return None
    if not math.isfinite(float(curve.train_loss.y[-1])):
        return False
    train = _stands_below(curve.train_loss, curve.baseline_train_loss)
    validation = _stands_below(curve.validation_loss, curve.baseline_validation_loss)
    return True if validation else train


def is_unmoved(curve: LearningCurve) -> bool:
    """Whether the training loss of the only learner has stayed within :data:`LEARNT` of its first value so far."""
    values = curve.train_loss.finite.blocks(BLOCKS).y
    if curve.name or not _is_long_enough(curve) or len(values) < FEWEST_EPOCHS or values[0] <= 0:
        return False
    return float(np.median(values[-LAST:])) > (1 - LEARNT) * float(values[0])


def share_learnt(loss: float, baseline: float | None) -> float:
    """Share of the constant prediction's loss (``baseline``) that was left behind; ``CannotEvaluate`` where that is not
    known."""
    if baseline is None or not math.isfinite(baseline) or baseline <= 0:
        raise CannotEvaluate(f"the loss of a constant prediction is {'not known' if baseline is None else baseline}")
    return (baseline - loss) / baseline


def accuracy_error(percent: float, n: int | None) -> float:
    """Standard error [percentage points] of an accuracy [%] over ``n`` samples, of a binomial share kept off its
    ends."""
    share = min(max(percent / 100, 0.01), 0.99)
    return 100 * math.sqrt(share * (1 - share) / max(1, n or 1))


def beats_constant(metric: Curve, baseline: float | None, n: int | None, errors: float) -> bool:
    """Whether the latest accuracy [%] lies more than so many standard errors over ``n`` samples above that of the
    constant prediction (``baseline``); no where either is not known."""
    if not len(metric) or baseline is None:
        return False
    return float(metric.y[-1]) > baseline + errors * accuracy_error(baseline, n)


def _is_long_enough(curve: LearningCurve) -> bool:
    return curve.length >= (FEWEST_STEPS if curve.x_unit == "step" else FEWEST_EPOCHS)


def _stands_below(losses: Curve, baseline: float | None) -> bool | None:
    values = losses.finite.blocks(BLOCKS).y
    if baseline is None or not (math.isfinite(baseline) and baseline > 0) or len(values) < FEWEST_EPOCHS:
        return None
    return float(np.median(values[-LAST:])) < (1 - LEARNT) * baseline


RAN_AWAY, FEWEST_FINITE = 10.0, 3
"""Factor by which a loss has grown since its beginning when it stops being finite because it ran away, and the finite
losses that show it."""


def ran_away(losses: Curve) -> bool:
    """Whether a loss that stopped being finite had grown until then, so that this is the end of a divergence."""
    bad = np.flatnonzero(~np.isfinite(losses.y))
    finite = losses.y[: bad[0]] if len(bad) else losses.y[:0]
    return len(finite) >= FEWEST_FINITE and bool(finite[-1] > RAN_AWAY * abs(finite[0]))
