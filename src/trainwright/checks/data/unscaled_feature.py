"""TW112 unscaled-feature."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainwright.clinic import data_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import InputScale
from trainwright.measures.curves import LearningCurve
from trainwright.measures.learning import learns
from trainwright.measures.trials import OverfitTrial

LARGEST = 20.0
"""Standard deviation of the inputs, all together. Standardised ones have 1, digits from 0 to 16 have 6, pixels from 0
to 255 about 75."""
LARGE = 5.0
"""The same where the model cannot fit a batch, and a lower rate or smaller inputs mend it: counts of some tens were
left as they are."""
SHORTEST = 0.1
"""Root mean square of a sample's length. Normalised word counts have 1, pixels that were scaled to 1 twice 0.02."""
FARTHEST = 10.0
"""Ranges of all other values of a column between them and a number that several rows share. Long tails (incomes,
rainfall) and values that were cut off leave less than 1, logarithms of 0 up to 6, numbers such as 9999 beside areas 30.
"""
FLAT = 0.02
"""Spread of all inputs, or of a feature (the median of all), as a share of the mean. Bytes have 0.3 and more, years
0.01 of a spread of 10."""
FLAT_SPREAD = 0.1
"""Spread from which on nothing is too small."""
FEWEST_SAMPLES, FEWEST_ROWS = 16, 100
"""Samples that show the scale of all numbers together, and rows that show what a column holds."""


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
        above 20, or above 5 where the model cannot fit a batch and a lower rate mends it; samples whose
        Euclidean length is below 0.1; or numbers that all are the same but for 2 % of their mean, or in most features
        the same but for 2 % of the feature's. Models that begin with a normalisation, or hand inputs of a usual size to
        their first layer, are passed. An *error* where the model does not learn or cannot fit a batch.
        A number that stands for something else is one that three different rows or more of a table share exactly, and
        that lies beyond all other values of its column by more than ten times their whole range; there must be eight
        different ones among them. Of several inputs the further ones are judged where they are tables and a layer of
        weights is given them as they are.

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

    def run(self, scale: InputScale, curve: LearningCurve | None, overfit: OverfitTrial | None) -> Iterator[Finding]:
        if scale.n_samples < FEWEST_SAMPLES:
            raise CannotEvaluate(f"{scale.n_samples} samples are too few; {FEWEST_SAMPLES} are needed")
        if scale.far_distance > FARTHEST and scale.far_feature >= 0 and scale.n_samples >= FEWEST_ROWS:
            yield self._stands_for_unknown(scale)
            return
        largest = LARGE if overfit is not None and _would_scaling_help(overfit) else LARGEST
        stuck = learns(curve) is False or (overfit is not None and not overfit.own.overfits)
        for each in (scale, *scale.others):
            if not each.normalised and (evidence := _out_of_scale(each, largest)) is not None:
                yield self._out_of_scale(each, evidence, largest, stuck=stuck)
                return

    def _out_of_scale(self, scale: InputScale, evidence: Evidence, largest: float, *, stuck: bool) -> Finding:
        return self.finding(
            happened=f"What enters the model in training has a mean of {scale.mean:.3g} and a standard deviation of "
            f"{scale.spread:.3g}; a sample of shape {list(scale.shape)} has a length of {scale.length:.3g}.",
            expected=f"A standard deviation of about 1, below {largest:g}, and of more than {FLAT:.0%} of the mean; "
            f"a length above {SHORTEST:g}.",
            todo="Scale the inputs once: subtract the training set's mean and divide by its standard deviation.",
            evidence=(evidence,),
            fixes=(
                Fix("Standardise the inputs", changes={"data.scaling": "standardise"}),
                Fix(
                    "Begin with a normalisation",
                    instruction="Put a BatchNorm or LayerNorm in front of the first layer, if the scale is not known.",
                ),
            ),
            confidence=0.9 if stuck else 0.8,
            why_confident="Measured on the very tensors that entered the model"
            + ("; and it does not learn." if stuck else "; some networks cope all the same."),
            severity=Severity.ERROR if stuck else Severity.WARNING,
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


def _would_scaling_help(overfit: OverfitTrial) -> bool:
    """Whether the batch was not fitted, and was by shorter steps or smaller inputs."""
    cure = overfit.cure
    if cure is None:
        return False
    if cure.change == "learning rate":
        return float(cure.setting.get("optimizer.learning_rate", math.inf)) < overfit.learning_rate
    return cure.change in ("scaled inputs", "scaled data")


def _out_of_scale(scale: InputScale, largest: float) -> Evidence | None:
    """What is wrong with the scale of the inputs, as a model that scales them by itself hands them on."""
    inside = scale.spread_inside if math.isfinite(scale.spread_inside) else scale.spread
    if min(inside, scale.spread) > largest:
        return Evidence("standard deviation of the inputs", scale.spread, limit=largest)
    if 0 < scale.relative_spread < FLAT and scale.spread_of_features < FLAT_SPREAD:
        return Evidence("standard deviation / mean of a feature, the median", scale.relative_spread, limit=FLAT)
    if max(inside, scale.spread) > FLAT_SPREAD:
        return None
    if 0 < scale.length < SHORTEST:
        return Evidence("length of a sample", scale.length, limit=SHORTEST)
    if 0 < scale.spread < FLAT * abs(scale.mean):
        return Evidence("standard deviation / mean of the inputs", scale.spread / abs(scale.mean), limit=FLAT)
    return None
