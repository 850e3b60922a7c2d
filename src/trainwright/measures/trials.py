"""What deliberate trials on a copy of the model found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OverfitAttempt:
    """One try at fitting the batch: what was changed for it and how far the loss came.

    ``change`` names what was changed (see :data:`CHANGES`); ``setting`` holds the same change as dotted settings where
    it can be written so. ``losses``: loss before each step and after the last, in the loss's unit. ``remaining``: share
    of the distance from the input-independent loss down to the floor that is still left, 0 when fitted, 1 when nothing
    was learned. ``agreement``: correlation of the last outputs with the targets (where these are names, of how near
    two outputs are with whether they have the same one), NaN where they are no pairs of numbers.
    """

    change: str
    description: str
    losses: Array
    remaining: float
    accuracy: float
    overfits: bool
    setting: Mapping[str, Any] = field(default_factory=dict)
    agreement: float = math.nan


@dataclass(frozen=True, kw_only=True)
class OverfitTrial(Measurement):
    """Fitting one batch of ``n_samples`` with the user's own optimizer and loss, dropout switched off.

    ``own``: the try with nothing changed. ``bisection``: further tries from the same start, made only when it failed,
    up to the first that overfits. ``floor``: lowest loss that any output reaches (label smoothing), ``baseline``: loss
    of the best output that ignores the input, both on this batch. ``rows``: the samples' rows in the batch given.
    ``predictions``, ``targets`` [n_samples]: after the own try; class numbers or values. ``frozen``: parameters without
    ``requires_grad`` or in no optimizer. ``conflicting``: rows whose inputs are identical to another row's with another
    target. ``learning_rate``: largest of the optimizer's groups. ``complete``: there was time for the whole bisection.
    """

    task: str
    n_samples: int
    own: OverfitAttempt
    bisection: tuple[OverfitAttempt, ...]
    floor: float
    baseline: float
    learning_rate: float
    rows: tuple[int, ...]
    predictions: Array
    targets: Array
    frozen: tuple[str, ...]
    conflicting: tuple[int, ...]
    seconds: float
    complete: bool = True

    @property
    def cure(self) -> OverfitAttempt | None:
        """The try of the bisection that overfitted; of several rates that did, the one that was fastest."""
        return min((a for a in self.bisection if a.overfits), key=lambda a: len(a.losses), default=None)

    @property
    def blames_model(self) -> bool:
        """Whether the batch was not fitted and no change around the model cured it: another optimizer or fewer samples
        may have, which points at the model itself."""
        return not self.own.overfits and (self.cure is None or self.cure.change in ("optimizer", "fewer samples"))


CHANGES = (
    "nothing",
    "conflicting labels dropped",
    "log of outputs",
    "scaled inputs",
    "momentum",
    "output bias",
    "scaled data",
    "standard loss",
    "negated loss",
    "weight decay",
    "clipping",
    "frozen parameters",
    "learning rate",
    "targets in range",
    "optimizer",
    "fewer samples",
)
"""What a try may change; mostly in the order of the bisection, simple facts before guesses."""


SAME = 1e-6
"""Spread of an output over different samples, as a share of the outputs' size. Healthy benches after ten steps: at
least 0.08; a zero head 0 before and 0.19 after; rounding alone stays near 1e-7."""


@dataclass(frozen=True, kw_only=True)
class InputDependence(Measurement):
    """Whether the outputs follow the inputs, untrained and after ``steps`` own steps, in eval mode.

    ``spread_at_start``, ``spread_after``: largest standard deviation of an output over ``n_samples`` different samples,
    as a share of the outputs' largest magnitude. ``input_spread``: largest standard deviation of an input over the
    samples. ``influence``: largest absolute gradient of a random mixture of outputs per input [F] after the steps
    (flattened sample), empty for integer inputs. ``varying``: which inputs vary over the samples [F].
    """

    n_samples: int
    steps: int
    spread_at_start: float
    spread_after: float
    input_spread: float
    influence: Array
    varying: npt.NDArray[np.bool_]

    @property
    def is_none(self) -> bool:
        """Whether the outputs are equal for all samples, untrained and after the steps, to :data:`SAME`."""
        return max(self.spread_at_start, self.spread_after) <= SAME


@dataclass(frozen=True, kw_only=True)
class BatchDependence(Measurement):
    """Whether the output of one sample depends on other samples of the batch.

    ``eval_leak``: largest effect of sample j on output i ≠ j in eval mode, divided by the largest effect of a sample on
    its own output. ``train_leak``: the same in train mode with dropout off and normalisation layers in eval mode.
    ``normalised_leak``: in train mode with normalisation layers as the user has them, for information. ``effects`` [n,
    n]: row i, column j, eval mode. ``norm_layers``: names of the layers that mix samples by design. ``method``:
    ``gradient``, or ``perturbation`` for integer inputs.
    """

    n_samples: int
    eval_leak: float
    train_leak: float
    normalised_leak: float
    effects: Array
    norm_layers: tuple[str, ...]
    method: str
