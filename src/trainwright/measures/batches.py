"""What the loop feeds the model with."""

from __future__ import annotations

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
    samples in stored order, None where unknown. ``steps_per_epoch``: 0 where unknown.
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


@dataclass(frozen=True, kw_only=True)
class InputStatistics(Measurement):
    """What enters the model in training beside what enters it in evaluation.

    ``train_mean``, ``train_std``, ``evaluation_mean``, ``evaluation_std`` [F]: per feature (column, channel); NaN for
    integer inputs. ``n_train``, ``n_evaluation``: samples behind them. ``shared``: evaluation batches whose fingerprint
    equals that of a training batch, of ``n_evaluation_batches``. ``train_shape``, ``evaluation_shape``: of one sample.
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
