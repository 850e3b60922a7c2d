"""TW112 unscaled-feature."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import InputScale

LARGEST = 20.0
"""Standard deviation of the inputs, all together. Standardised ones have 1, digits from 0 to 16 have 6, pixels from 0
to 255 about 75."""
SHORTEST = 0.1
"""Root mean square of a sample's length. Normalised word counts have 1, pixels that were scaled to 1 twice 0.02."""
FEWEST_SAMPLES = 100


class UnscaledFeature(Check):
    """What enters the network is far larger, or far smaller, than networks are initialised for.

    What it finds:
        Raw pixels from 0 to 255, incomes beside ages, inputs that were divided by 255 twice.

    Why it hurts:
        Initialisation and learning rates assume inputs of about unit size. Large ones saturate units, blow up gradients
        and drown the others; tiny ones leave almost only the biases to learn.

    How it is measured:
        Over the training batches that were looked at, as they entered the model: a standard deviation of all numbers
        above 20, or samples whose Euclidean length is below 0.1. Models that begin with a normalisation are not judged.

    How to fix:
        Subtract the training set's mean and divide by its standard deviation, feature by feature; pixels by 255.

    References:
        LeCun et al., Efficient BackProp (1998), section 4.3.
    """

    code = "TW112"
    name = "unscaled-feature"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.digits_cnn, data_faults.raw_bytes),
        Case(training_benches.alloys_mlp, data_faults.tiny_inputs),
    )

    def run(self, scale: InputScale) -> Iterator[Finding]:
        if scale.n_samples < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{scale.n_samples} samples are too few; {FEWEST_SAMPLES} are needed")
        if scale.normalised or not (scale.spread > LARGEST or 0 < scale.length < SHORTEST):
            return
        large = scale.spread > LARGEST
        yield self.finding(
            happened=f"What enters the model in training has a standard deviation of {scale.spread:.3g}; a sample of "
            f"shape {list(scale.shape)} has a length of {scale.length:.3g}.",
            expected=f"A standard deviation of about 1, below {LARGEST:g}, and a length above {SHORTEST:g}.",
            todo="Scale the inputs: subtract the training set's mean and divide by its standard deviation.",
            evidence=(
                Evidence("standard deviation of the inputs", scale.spread, limit=LARGEST)
                if large
                else Evidence("length of a sample", scale.length, limit=SHORTEST),
            ),
            fixes=(
                Fix("Standardise the inputs", changes={"data.scaling": "standardise"}),
                Fix(
                    "Begin with a normalisation",
                    instruction="Put a BatchNorm or LayerNorm in front of the first layer, if the scale is not known.",
                ),
            ),
            confidence=0.8,
            why_confident="Measured on the very tensors that entered the model; some networks cope all the same.",
        )
