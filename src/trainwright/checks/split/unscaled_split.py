"""TW208 unscaled-split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.clinic import loop_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import InputStatistics

RATIO = 1.8
"""Spread of a feature in one part beside that in the other, median over features. Random splits stay below 1.2, input
dropout and added noise reach 1.5, the two usual scalings of pixels differ by 2, raw inputs by 6 and more."""

SHIFT = 2.5
"""Distance of the means in units of the larger spread, median over features. Random splits stay below 0.3."""

FEWEST_SAMPLES = 30

_Columns = npt.NDArray[np.float64]


class UnscaledSplit(Check):
    """What enters the network in evaluation is scaled otherwise than in training.

    What it finds:
        A validation split that is raw while training inputs are scaled, divided by 255 twice, or normalised with other
        numbers.

    Why it hurts:
        The network is judged on inputs it has never seen the like of. It looks as if it did not generalise.

    How it is measured:
        Mean and standard deviation of every feature (column, channel) of the tensors that entered the model in training
        and in evaluation. The spread differs by a factor of 1.8 or the mean by 2.5 spreads, in the median over the
        features, so that one odd column says nothing; with fewer than 30 samples on a side it is not judged. What
        augmentation does to a batch stays below that. Of a model that takes several inputs each is judged by itself.

    How to fix:
        Pass both through one and the same preparation, fitted on the training part.

    References:
        Karpathy, A Recipe for Training Neural Networks: look at what enters the network, right before the model.
    """

    code = "TW208"
    name = "unscaled-split"
    severity = Severity.WARNING
    cases = (
        Case(training_benches.alloys_mlp, loop_faults.raw_validation),
        Case(training_benches.digits_cnn, loop_faults.raw_validation),
        Case(training_benches.digits_cnn, loop_faults.scaled_twice),
    )

    def run(self, inputs: InputStatistics) -> Iterator[Finding]:
        if min(inputs.n_train, inputs.n_evaluation) < FEWEST_SAMPLES:
            raise CannotEvaluate(f"fewer than {FEWEST_SAMPLES} samples were seen in training or in evaluation")
        columns = (inputs.train_mean, inputs.train_std, inputs.evaluation_mean, inputs.evaluation_std)
        if len({len(column) for column in columns}) > 1:
            raise CannotEvaluate("training and evaluation have inputs of different shapes")
        if (main := _compared(inputs)) is None:
            raise CannotEvaluate("no feature varies in both parts")
        pairs = [(inputs, main), *((each, _compared(each)) for each in inputs.others)]
        for place, (each, compared) in enumerate(pairs):
            if compared is not None and (compared.ratio > RATIO or compared.shift > SHIFT):
                yield self._scaled_otherwise(compared, each, place)
                return

    def _scaled_otherwise(self, compared: _Compared, inputs: InputStatistics, place: int) -> Finding:
        ratio, shift, n = compared.ratio, compared.shift, len(compared.train[0])
        which = f"the {_features(n)}" if not place else f"further input {place} ({n} features) is"
        return self.finding(
            happened=f"In training {which} {_range(*compared.train)}, in evaluation {_range(*compared.evaluation)}: "
            f"the spreads differ by a factor of {ratio:.3g}, the means by {shift:.2g} spreads.",
            expected=f"The same scale up to sampling and augmentation: a factor below {RATIO:g}, means within "
            f"{SHIFT:g} spreads.",
            todo="Send training and evaluation inputs through the same preparation, once.",
            evidence=(
                Evidence("ratio of the spreads, median over features", ratio, limit=RATIO, where="evaluation"),
                Evidence("distance of the means, median over features", shift, limit=SHIFT, unit="spreads"),
            ),
            fixes=(
                Fix(
                    "Scale both alike",
                    instruction="Fit the scaling on the training part and apply the same object (or transform) to "
                    "both, once.",
                ),
            ),
            confidence=0.9,
            why_confident=f"Measured on {inputs.n_train} and {inputs.n_evaluation} samples as they entered the model.",
        )


@dataclass(frozen=True)
class _Compared:
    """Mean and spread of every feature in both parts; ``ratio`` of the spreads and ``shift`` of the means, in units of
    the larger spread, in the median over features."""

    train: tuple[_Columns, _Columns]
    evaluation: tuple[_Columns, _Columns]
    ratio: float
    shift: float


def _compared(inputs: InputStatistics) -> _Compared | None:
    """None where no feature varies in both parts."""
    columns = (inputs.train_mean, inputs.train_std, inputs.evaluation_mean, inputs.evaluation_std)
    known = np.isfinite(np.stack(columns)).all(axis=0) & (inputs.train_std > 0) & (inputs.evaluation_std > 0)
    if not known.any():
        return None
    mean, spread, other_mean, other_spread = (column[known] for column in columns)
    return _Compared(
        train=(mean, spread),
        evaluation=(other_mean, other_spread),
        ratio=float(np.exp(np.median(np.abs(np.log(other_spread / spread))))),
        shift=float(np.median(np.abs(other_mean - mean) / np.maximum(spread, other_spread))),
    )


def _features(n: int) -> str:
    return "input is" if n == 1 else f"{n} features are"


def _range(mean: npt.NDArray[np.float64], spread: npt.NDArray[np.float64]) -> str:
    if len(mean) == 1:
        return f"{mean[0]:.3g} ± {spread[0]:.3g}"
    return f"{np.median(mean):.3g} ± {np.median(spread):.3g} in the median"
