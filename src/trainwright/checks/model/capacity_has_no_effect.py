"""TW338 capacity-has-no-effect."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trainwright.clinic import model_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Series, Severity
from trainwright.measures.reproducibility import CapacityEffect, CapacityRun


class CapacityHasNoEffect(Check):
    """The keyword that should make the model larger changes nothing that the training could notice.

    What it finds:
        A model factory that takes ``width`` and does not use it, or uses it for layers whose output goes nowhere.

    Why it hurts:
        Every search over the capacity compares a model with itself, and calls the noise of other seeds a result.

    How it is measured:
        Two trainings with the same seed, one of a model of twice the capacity. Their training losses are the same to
        the bit in every epoch, which no two different models manage: a fact, so there is no limit. A loss that merely
        does not fall is not judged: over nine healthy benches, seeds and widths, twice the width changed it by −97 % to
        +203 %, and with a bottleneck of one unit by −33 % to +126 %; on noisy data it rightly changes little.

    How to fix:
        Use the keyword where the layers are made, or name the right one in ``Experiment(capacity=...)``.

    References:
        Karpathy, A Recipe for Training Neural Networks ("verify decreasing training loss": a bit more capacity).
    """

    code = "TW338"
    name = "capacity-has-no-effect"
    severity = Severity.WARNING
    after = ("TW304", "TW310", "TW321", "TW340")
    cases = (
        Case(training_benches.alloys_mlp, model_faults.fixed_width),
        Case(training_benches.digits_cnn, model_faults.fixed_width),
        Case(training_benches.waves_gru, model_faults.spare_width),
    )

    def run(self, found: CapacityEffect) -> Iterator[Finding]:
        small, large = found.small, found.large
        epochs = len(small.losses)
        if epochs == 0 or epochs != len(large.losses) or not np.isfinite([small.losses, large.losses]).all():
            raise CannotEvaluate("there are no finite training losses to compare")
        if not np.array_equal(small.losses, large.losses):
            return
        if epochs > 1 and np.ptp(small.losses) == 0:
            raise CannotEvaluate("the training loss never moves, whatever the capacity")
        more = large.n_parameters - small.n_parameters
        parameters = (
            f"none of its {more:,} more parameters counts" if more else f"both have {small.n_parameters:,} parameters"
        )
        yield self.finding(
            happened=f"A model of {found.keyword} {large.value} trains exactly as one of {found.keyword} "
            f"{small.value}: after {epochs} epochs the training loss of both is {small.losses[-1]:.9g}; {parameters}.",
            expected="A difference other than 0: a larger model starts and learns differently.",
            todo=f"Look where the model factory uses '{found.keyword}': "
            + ("what depends on it does not reach the output." if more else "nothing that it makes depends on it."),
            evidence=(
                Evidence(
                    "largest difference between training losses",
                    0.0,
                    when=f"over {epochs} epochs",
                    series=tuple(_series(found.keyword, run) for run in (small, large)),
                ),
            ),
            fixes=(
                Fix(
                    "Let the keyword count",
                    instruction=f"Make the hidden layers with '{found.keyword}' units, or name the keyword that sizes "
                    "them in Experiment(capacity=...).",
                ),
            ),
            confidence=0.99,
            why_confident="The losses are equal to the bit in every epoch.",
        )


def _series(keyword: str, run: CapacityRun) -> Series:
    epochs = tuple(float(epoch) for epoch in range(1, len(run.losses) + 1))
    return Series(f"{keyword} {run.value}", epochs, tuple(run.losses.tolist()))
