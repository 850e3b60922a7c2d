"""TW333 pretrained-input-mismatch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import initial_benches, initial_faults
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.loads import RunningStatistics

LIMIT = 10.0
"""Factor between the variance that reaches the first normalisation and the one it was trained with. Networks trained
on standardised noise and given standardised digits: 0.74 to 0.83; given raw pixels from 0 to 16: 30. Pixels from 0 to 1
in place of standardised ones give about 1/13, from 0 to 255 about 5000."""
FEWEST = 16


class PretrainedInputMismatch(Check):
    """A pretrained model is given inputs on another scale than it was trained with.

    What it finds:
        Weights that came with running statistics, and inputs whose statistics at the first batch normalisation are far
        from them: pixels from 0 to 255, or from 0 to 1, where standardised ones were used.

    Why it hurts:
        The first layers were made for another range; what they find out is lost and has to be learned again.

    How it is measured:
        In eval mode, the variance of each channel that enters the first batch normalisation beside its running
        variance; the median over channels. Models without running statistics of earlier training, such as those with
        layer normalisation, give no evidence and are passed.

    How to fix:
        Prepare the inputs as for the pretraining: the same range, mean and standard deviation of each channel.

    References:
        torchvision and timm document mean and standard deviation of each set of weights.
    """

    code = "TW333"
    name = "pretrained-input-mismatch"
    severity = Severity.ADVICE
    after = ("TW401",)
    cases = (Case(initial_benches.loaded_cnn, initial_faults.other_scale),)

    def run(self, found: RunningStatistics) -> Iterator[Finding]:
        if not found.name:
            return
        ratio = found.variance_ratio
        if not (ratio > 0 and math.isfinite(ratio)) or found.n_samples < FEWEST:
            raise CannotEvaluate(f"the ratio of variances is {ratio} over {found.n_samples} samples")
        if 1 / LIMIT <= ratio <= LIMIT:
            return
        yield self.finding(
            happened=f"What reaches {found.name} has {ratio:.2g} times the variance that it was trained with and a "
            f"mean {found.mean_shift:.2g} standard deviations away; the inputs lie between {found.input_min:.3g} and "
            f"{found.input_max:.3g}, mean {found.input_mean:.3g}, spread {found.input_std:.3g}.",
            expected=f"A factor between {1 / LIMIT:g} and {LIMIT:g}.",
            todo="Prepare the inputs as they were for the pretraining.",
            evidence=(
                Evidence("variance relative to the running one", ratio, limit=LIMIT, where=found.name),
                Evidence("mean off by", found.mean_shift, unit="standard deviations", where=found.name),
            ),
            fixes=(
                Fix("Standardise the inputs", changes={"data.scaling": "standardise"}),
                Fix(
                    "Prepare as for the pretraining",
                    instruction="Divide by 255 if the pixels are bytes, subtract the mean and divide by the standard "
                    "deviation that the weights are documented with.",
                ),
            ),
            confidence=0.9,
            why_confident="The running statistics say what the weights were trained with.",
        )
