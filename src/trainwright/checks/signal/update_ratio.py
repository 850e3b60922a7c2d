"""TW406 update-ratio."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import loop_benches, loop_faults, training_benches, training_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.curves import LearningCurve
from trainwright.measures.layers import Array, LayerSignals
from trainwright.measures.learning import is_unmoved, learns

HIGH = 0.45
"""Largest update beside its weights: median over layers, median of three neighbouring samples. Healthy runs stay below
0.2 (plain descent at rate 1 with batch normalisation); rates that throw the weights away start at 0.6."""

LOW = 3e-5
"""The same that is never exceeded on any sample. Healthy runs exceed 0.001, fine-tuning at 1e-5 reaches 9e-5; rates a
thousand times too small stay below 2e-5."""

HEALTHY = 1e-3
"""Update beside weights to aim for: Karpathy's rule of thumb."""

FEWEST_SAMPLES = 10


class UpdateRatio(Check):
    """Updates are out of proportion to the weights, and the network does not learn.

    What it finds:
        Steps that replace the weights rather than change them, or steps so small that the weights hardly leave their
        place over the whole run.

    Why it hurts:
        Too large, every step throws away what the one before it learnt; too small, nothing happens in the time there
        is.

    How it is measured:
        The norm of each layer's update divided by that of its weights, median over layers, on the sampled steps; layers
        that start at zero and normalisation layers are left out. Too large: more than 0.45 over three neighbouring
        samples. Too small: below 3e-5 on every sample, schedules and warm-up included. Both only where the loss does
        not stand below the constant prediction's (too small also where that one is not known and the loss stays within
        5 % of its first value). About 1e-3 is healthy.

    How to fix:
        Change the learning rate in proportion.

    References:
        Karpathy, CS231n, Neural Networks part 3: ratio of weights to updates.
    """

    code = "TW406"
    name = "update-ratio"
    severity = Severity.WARNING
    after = ("TW401", "TW339", "TW303", "TW310", "TW409", "TW410", "TW407", "TW411", "TW402", "TW502")
    cases = (
        Case(training_benches.alloys_mlp, training_faults.tiny_rate),
        Case(loop_benches.yield_linear, loop_faults.over_the_edge),
    )

    def run(self, signals: LayerSignals, curve: LearningCurve | None) -> Iterator[Finding]:
        if not signals.consistent or len(signals.steps) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{len(signals.steps)} samples are too few; {FEWEST_SAMPLES} are needed")
        ratios = _ratios(signals)
        smooth = np.array([np.median(ratios[i : i + 3]) for i in range(len(ratios) - 2)])
        rate = float(np.max(signals.learning_rate))
        if not (np.isfinite(ratios).all() and np.isfinite(rate) and rate > 0):
            raise CannotEvaluate(f"the updates or the learning rate ({rate:.3g}) are not known")
        high, low = float(smooth.max()), float(ratios.max())
        value, limit, word = (high, HIGH, "large") if high > HIGH else (low, LOW, "small")
        if not (high > HIGH or 0 < low < LOW) or not _stays(curve, small=word == "small"):
            return
        better = float(f"{rate * HEALTHY / value:.1g}")
        yield self.finding(
            happened=f"At a learning rate of {rate:.3g} the steps of {signals.optimizer} change the weights by "
            f"{value:.2g} of their norm {'for several samples on end' if word == 'large' else 'at most'}; the network "
            "did not learn.",
            expected=f"Updates of about {HEALTHY:g} of the weights, between {LOW:g} and {HIGH:g}.",
            todo=f"{'Lower' if word == 'large' else 'Raise'} the learning rate to about {better:g}.",
            evidence=(
                Evidence(
                    "norm of the update beside that of the weights",
                    value,
                    limit=limit,
                    when=f"steps {signals.steps[0]} to {signals.steps[-1]}",
                    series=(
                        Series("update ratio", tuple(map(float, signals.steps)), tuple(map(float, ratios))),
                    ),
                ),
            ),
            fixes=(Fix(f"Set the learning rate to {better:g}", changes={"optimizer.learning_rate": better}),),
            confidence=0.85,
            why_confident=f"It does not learn, and the updates are too {word} over several samples; a short training "
            "at the other rate would settle it.",
        )  # fmt: skip


def _stays(curve: LearningCurve | None, *, small: bool) -> bool:
    """Whether the network does not learn. Where no constant prediction's loss is known, that of small updates shows in
    a loss that stays where it began."""
    verdict = learns(curve)
    if verdict is None and small and curve is not None:
        return is_unmoved(curve)
    return verdict is False


def _ratios(signals: LayerSignals) -> Array:
    """Median over layers on every sample [T]; 0 where no layer had an update."""
    judged = ~signals.is_norm & ~signals.zero_at_start & (signals.weight_norm > 0).all(axis=1)
    if not judged.any():
        raise CannotEvaluate("no layer starts with weights to compare updates with")
    with np.errstate(invalid="ignore", over="ignore"):  # weights that have become infinite
        ratios = np.nan_to_num(signals.update_norm[judged] / signals.weight_norm[judged], nan=0.0, posinf=np.inf)
    return np.asarray(np.median(ratios, axis=0), dtype=np.float64)
