"""What the loop feeds the model with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BatchStream(Measurement):
    """The batches that were trained on, in order, as far as they were looked at.

    ``fingerprints`` [B]: a number per looked-at batch that is equal for equal inputs (NaN-free), at optimizer
    steps ``steps`` [B]. ``sizes`` [B]: samples. ``distinct_classes``, ``expected_classes`` [B]: different
    class numbers among a batch's targets, and how many a random draw of that size from all targets seen so far would
    have on average; NaN for other targets. ``drift`` [B]: mean target of the batch less the mean of all, in standard
    errors of a random draw; NaN where unknown. ``n_classes``: seen in all. ``full_batch``: every step sees all the data
    (one batch per epoch as far as the loader tells). ``loader_shuffles``: False where the training loader visits its
    samples in stored order, None where unknown. ``steps_per_epoch``: 0 where unknown. ``n_samples``: different samples,
    None as long as new ones may come.
    """

    steps: npt.NDArray[np.int64]
    fingerprints: Array
    sizes: npt.NDArray[np.int64]
    distinct_classes: Array
    expected_classes: Array
    drift: Array
    n_classes: int
    full_batch: bool
    loader_shuffles: bool | None
    steps_per_epoch: float
    n_samples: int | None = None


@dataclass(frozen=True, kw_only=True)
class InputStatistics(Measurement):
    """What enters the model in training beside what enters it in evaluation.

    ``train_mean``, ``train_std``, ``evaluation_mean``, ``evaluation_std`` [F]: per feature (column, channel); NaN for
    integer inputs. ``n_train``, ``n_evaluation``: samples behind them. ``shared``: evaluation batches whose fingerprint
    equals that of a training batch, of ``n_evaluation_batches``. ``train_shape``, ``evaluation_shape``: of one sample.
    ``others``: the same of further inputs of a model that takes several.
    """

    train_mean: Array
    train_std: Array
    evaluation_mean: Array
    evaluation_std: Array
    n_train: int
    n_evaluation: int
    shared: int
    n_evaluation_batches: int
    train_shape: tuple[int, ...]
    evaluation_shape: tuple[int, ...]
    others: tuple[InputStatistics, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SampleOverlap(Measurement):
    """Samples that entered the model in evaluation and in training alike, equal in every number.

    ``n_shared`` of ``n_evaluation`` samples of the evaluation that shares least with training; ``n_train``: different
    training samples known. ``only_training``: nothing else was ever evaluated, and no loader tells the parts apart.
    ``natural``: share of samples that may be equal to a training sample by nature, as an upper bound: 0 where samples
    have so many different numbers that equal ones are no chance, else from the doubles within the training data.
    """

    n_evaluation: int
    n_shared: int
    n_train: int
    only_training: bool
    natural: float


@dataclass(frozen=True, kw_only=True)
class ColumnLeaks:
    """How far columns of a table tell the target, in ``n_rows`` rows of ``n_columns`` numbers.

    ``nearest``: the column most like a target that is a number, by values or by ranks, None for classes; ``left``: the
    share of its variance that the column leaves (1 − r²); ``beside``: the same for the column most like that one.
    ``rounded``: a column of ``n_steps`` different values that grow, or fall, with the target without exception, as a
    target does that was rounded or named by ranges; None where there is none.
    ``parting``: the column that parts two classes best, None where there are not two; ``area``: its area under the ROC
    curve; ``area_beside``: that of the next best column. ``telling``: columns that together tell each class, because
    each is constant in one class and takes that value in no other; empty where they do not.
    """

    n_rows: int
    n_columns: int
    nearest: int | None
    left: float
    beside: float
    rounded: int | None
    n_steps: int
    parting: int | None
    area: float
    area_beside: float
    telling: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TargetCopies(Measurement):
    """Inputs that tell the target: ``features``, positions among the flattened inputs of a sample that are an affine
    function of the target to the last digits, in each of ``n_batches`` looked-at batches with ``n_samples`` samples.
    ``n_features``: in all. ``parts``: positions of several inputs of which the target is a sum with constant weights,
    to the last digits as well; empty where one alone is. ``same_tokens``: the inputs are token numbers, and the targets
    are the very same. ``table``: what single columns tell where a sample is a row of a table.
    """

    features: tuple[int, ...]
    n_features: int
    n_batches: int
    n_samples: int
    same_tokens: bool = False
    parts: tuple[int, ...] = ()
    table: ColumnLeaks | None = None


@dataclass(frozen=True, kw_only=True)
class InputScale(Measurement):
    """The size of what enters the model in training: ``mean`` and ``spread``, standard deviation, of all numbers;
    ``length``, root mean square of a sample's Euclidean length; over ``n_samples`` samples of ``shape``.
    ``spread_of_features``: root mean square of the standard deviations of single features, or channels;
    ``relative_spread``: that of a feature as a share of its mean, the median of all features; NaN where unknown.
    ``normalised``: the first layer with parameters is a normalisation. ``spread_inside``: standard deviation of what
    reaches the first layer of weights, NaN where that is not known. ``far_feature``: column of a table in which one and
    the same number, far from all others, stands in several rows, −1 where there is none; ``far_value``: that number, as
    it entered; ``n_far``: rows that hold it; ``far_distance``: from it to the nearest other value, in ranges of all the
    others. ``others``: the same of further inputs that are tables and enter a layer of weights as they are.
    """

    spread: float
    length: float
    n_samples: int
    shape: tuple[int, ...]
    normalised: bool
    mean: float = 0.0
    spread_of_features: float = math.nan
    relative_spread: float = math.nan
    spread_inside: float = math.nan
    far_feature: int = -1
    far_value: float = math.nan
    n_far: int = 0
    far_distance: float = 0.0
    others: tuple[InputScale, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InputLayout(Measurement):
    """What enters a convolution, ``n_samples`` of ``shape`` [C, T] or [C, H, W]: how much ``neighbours`` differ, half
    the mean square of their difference in units of the variance (0: equal, 1: nothing in common), and how much they
    would if the channels came last in memory, ``neighbours_swapped``."""

    shape: tuple[int, ...]
    n_samples: int
    neighbours: float
    neighbours_swapped: float


@dataclass(frozen=True, kw_only=True)
class TokenUse(Measurement):
    """Of ``n_tokens`` token numbers that entered the model in training, ``n_distinct`` were different; ``n_rows``: of
    the model's largest embedding table."""

    n_tokens: int
    n_distinct: int
    n_rows: int
