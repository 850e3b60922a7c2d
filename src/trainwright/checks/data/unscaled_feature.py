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
FARTHEST = 10.0
"""Ranges of all other values of a column between them and a number that several rows share. Long tails (incomes,
rainfall) and values that were cut off leave less than 1, logarithms of 0 up to 6, numbers such as 9999 beside areas 30.
"""
FEWEST_SAMPLES = 100


class UnscaledFeature(Check):
    """What enters the network is far larger, or far smaller, than networks are initialised for.

    What it finds:
        Raw pixels from 0 to 255, incomes beside ages, inputs that were divided by 255 twice. And columns of a table in
        which a number such as 999999 or −9999 stands for "not known", so that it alone decides their scale.

    Why it hurts:
        Initialisation and learning rates assume inputs of about unit size. Large ones saturate units, blow up gradients
        and drown the others; tiny ones leave almost only the biases to learn. Beside a number far away, all true values
        of its column are squeezed into one.

    How it is measured:
        Over the training batches that were looked at, as they entered the model: a standard deviation of all numbers
        above 20, or samples whose Euclidean length is below 0.1. Models that begin with a normalisation are not judged.
        A number that stands for something else is one that three different rows or more of a table share exactly, and
        that lies beyond all other values of its column by more than ten times their whole range; there must be eight
        different ones among them.

    How to fix:
        Fill in what is not known (with the column's median, say) and tell it in a column of its own. Else subtract the
        training set's mean and divide by its standard deviation, feature by feature; pixels by 255.

    References:
        LeCun et al., Efficient BackProp (1998), section 4.3.
    """

    code = "TW112"
    name = "unscaled-feature"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.digits_cnn, data_faults.raw_bytes),
        Case(training_benches.alloys_mlp, data_faults.tiny_inputs),
        Case(training_benches.alloys_mlp, data_faults.number_for_unknown),
    )

    def run(self, scale: InputScale) -> Iterator[Finding]:
        if scale.n_samples < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{scale.n_samples} samples are too few; {FEWEST_SAMPLES} are needed")
        if scale.far_distance > FARTHEST and scale.far_feature >= 0:
            yield self._stands_for_unknown(scale)
            return
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

    def _stands_for_unknown(self, scale: InputScale) -> Finding:
        return self.finding(
            happened=f"Feature {scale.far_feature} of the inputs is {scale.far_value:.6g}, exactly, in {scale.n_far} "
            f"rows, {scale.far_distance:,.0f} times as far from all its other values as these are from each other.",
            expected=f"Features without a number that stands for something else, at most {FARTHEST:g} times as far.",
            todo=f"Look up what that number meant before scaling; if it is 'not known', fill in the median and tell it "
            f"in a column of its own. Then scale feature {scale.far_feature} again.",
            evidence=(
                Evidence(
                    "distance of a repeated value, in ranges of the others",
                    scale.far_distance,
                    limit=FARTHEST,
                    where=f"feature {scale.far_feature}",
                ),
            ),
            fixes=(
                Fix(
                    "Fill in the unknown values",
                    instruction="Replace the number by the column's median and add a column that says where.",
                ),
            ),
            confidence=0.9,
            why_confident="Counted in the very tensors that entered the model; several rows share the number exactly.",
            where=f"feature {scale.far_feature}",
        )
