"""TW507 oscillating."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import curve_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.trends import rises

LIMIT = 0.12
"""Upward moves of the validation loss between evaluations (root mean square after the first quarter) as a share of the
constant prediction's loss. Healthy benches: at most 0.043 in four widths, with rare classes that are drawn more often
in training 0.07; running statistics of single batches: 0.34 and more."""

FEWEST_SWINGS = 4
"""Large moves up and down that make an oscillation."""

FEWEST_POINTS = 8


class Oscillating(Check):
    """The validation loss swings up and down from one evaluation to the next.

    What it finds:
        Repeated large swings of the validation loss, with or without a calm training loss.

    Why it hurts:
        Which weights come out is a matter of luck, and so is the choice of the best epoch.

    How it is measured:
        The upward moves of the validation loss after the first quarter of the training, measured against the constant
        prediction's loss, and at least four changes of direction. It is judged on validation data, which are the same
        each time, so that chance in the batches plays no part; without them nothing is said, since networks that train
        against each other swing by design.

    How to fix:
        Where the training loss is calm: batch-norm statistics that follow single batches (PyTorch's ``momentum`` is the
        weight of the new batch, 0.1, where others mean 0.9), or a small validation set. Where it swings as well: a
        lower rate, larger batches, less momentum.

    References:
        PyTorch documentation, BatchNorm (note on momentum).
    """

    code = "TW507"
    name = "oscillating"
    severity = Severity.WARNING
    after = ("TW401", "TW208", "TW324", "TW501", "TW502", "TW503")
    cases = (Case(training_benches.alloys_mlp, curve_faults.hasty_norm),)

    def run(self, curve: LearningCurve) -> Iterator[Finding]:
        curve.require_no_game()
        curve.require_points(curve.validation_loss, FEWEST_POINTS, "validation losses")
        values = curve.validation_trend.y
        late = values[len(values) // 4 :]
        if curve.rate_restarts:
            raise CannotEvaluate("the learning rate itself goes up again during the training")
        swings, moves = _swings(late, LIMIT * curve.scale / 2), rises(late) / curve.scale
        if moves < LIMIT or swings < FEWEST_SWINGS or np.median(late) >= curve.reference:
            return
        calm = rises(curve.trend.y[len(curve.trend) // 4 :]) < LIMIT * curve.scale / 4
        yield self.finding(
            happened=f"The validation loss swings between {late.min():.3g} and {late.max():.3g} with {swings} changes "
            f"of direction, {moves:.0%} of the constant's loss each time, while the training loss is "
            f"{'calm' if calm else 'restless too'}.",
            expected=f"Moves below {LIMIT:.0%} of the constant's loss from one evaluation to the next.",
            todo="Check the momentum of batch norm and the size of the validation set."
            if calm
            else "Lower the learning rate or the momentum, or take larger batches.",
            evidence=(
                Evidence(
                    "upward moves / constant's loss",
                    moves,
                    limit=LIMIT,
                    where="validation",
                    series=(curve.validation_loss.series("validation loss"), curve.train_loss.series("training loss")),
                ),
            ),
            fixes=(
                Fix(
                    "Let the statistics settle" if calm else "Take smaller steps",
                    instruction="Set the momentum of batch norm to 0.1 or less; enlarge the validation set."
                    if calm
                    else "Lower the learning rate by a factor of 3, or let it fall towards the end.",
                ),
            ),
            confidence=0.8,
            why_confident=f"{swings} swings, on the same validation samples each time.",
        )


def _swings(values: np.ndarray[tuple[int], np.dtype[np.float64]], least: float) -> int:
    """Changes of direction among the moves that are larger than ``least``."""
    moves = np.diff(values)
    signs = np.sign(moves[np.abs(moves) > least])
    return int((signs[1:] != signs[:-1]).sum())
