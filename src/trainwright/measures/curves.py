"""How a whole training went, and how its result compares with simple predictors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LearningCurve(Measurement):
    """Loss and metric per epoch, arrays of equal length [E]; ``epochs`` counts from 1.

    Losses are in the loss's unit, metrics in ``unit`` (accuracy in %, error in the unit of the target). ``baseline_*``:
    the same quantities for the best prediction that ignores the input (class shares or mean of the training targets).
    ``kept_epoch``: the epoch whose weights are the result. ``learning_rate``: the nominal one.
    """

    epochs: Array
    train_loss: Array
    validation_loss: Array
    train_metric: Array
    validation_metric: Array
    metric_name: str
    higher_is_better: bool
    unit: str
    baseline_train_loss: float
    baseline_train_metric: float
    baseline_validation_loss: float
    baseline_validation_metric: float
    n_train: int
    n_validation: int
    kept_epoch: int
    optimizer: str
    learning_rate: float

    @property
    def is_complete(self) -> bool:
        """Whether there is at least one epoch, numbered, and every array has a value for each."""
        arrays = (self.train_loss, self.validation_loss, self.train_metric, self.validation_metric)
        return (
            len(self.epochs) > 0
            and bool(np.isfinite(self.epochs).all())
            and all(len(array) == len(self.epochs) for array in arrays)
        )


@dataclass(frozen=True, kw_only=True)
class BaselineScore:
    """A simple predictor's metric, and by how much the model is better than it on the same samples.

    ``advantage`` is positive where the model is better, whatever the direction of the metric; ``low``, ``high``: its 95
    % interval, paired over samples; all in the unit of the metric. ``ignores_input``: a constant predictor.
    """

    name: str
    value: float
    advantage: float
    low: float
    high: float
    ignores_input: bool = False


@dataclass(frozen=True, kw_only=True)
class BaselineComparison(Measurement):
    """The model's validation metric beside those of simple predictors, on the same ``n_samples`` samples."""

    metric_name: str
    higher_is_better: bool
    unit: str
    n_samples: int
    value: float
    low: float
    high: float
    baselines: tuple[BaselineScore, ...]
