"""What was seen of every layer on the sampled steps of a running loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LayerSignals(Measurement):
    """Gradients, weights and updates of the layers that one optimizer trains, on ``steps`` [T] of the loop.

    ``names`` [L]: layers in the order in which the forward pass uses them (that of registration where it is not known);
    a layer's weight and bias are joined. ``gradient_norm``, ``weight_norm``, ``update_norm`` [L, T]: Euclidean norms;
    the update is what the optimizer's step changed; NaN where a layer had no gradient at all in that step.
    ``gradient_max``: [L, T] largest magnitude in a gradient. ``n_parameters`` [L]. ``zero_at_start`` [L]: all weights
    were zero at the first sample. ``is_norm`` [L]: normalisation layers. ``is_output`` [L]: the last layer.
    ``n_frozen``: parameters of the model without ``requires_grad``. ``learning_rate`` [T]: largest of the groups.
    ``unscaled`` [T]: whether a gradient scaler had been applied, so that gradients are in their own unit.
    """

    optimizer: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    steps: npt.NDArray[np.int64]
    gradient_norm: Array
    gradient_max: Array
    weight_norm: Array
    update_norm: Array
    n_parameters: npt.NDArray[np.int64]
    zero_at_start: npt.NDArray[np.bool_]
    is_norm: npt.NDArray[np.bool_]
    is_output: npt.NDArray[np.bool_]
    learning_rate: Array
    n_frozen: int = 0

    @property
    def consistent(self) -> bool:
        """Whether every array has one entry per layer and sample."""
        layers, samples = len(self.names), len(self.steps)
        wide = (self.gradient_norm, self.gradient_max, self.weight_norm, self.update_norm)
        deep = (self.n_parameters, self.zero_at_start, self.is_norm, self.is_output, self.kinds)
        return (
            all(each.shape == (layers, samples) for each in wide)
            and all(len(each) == layers for each in deep)
            and len(self.learning_rate) == samples
        )


@dataclass(frozen=True, kw_only=True)
class ActivationSignals(Measurement):
    """What leaves the non-linearities of a model in train mode, on the sampled ``steps`` [T] of the loop.

    ``names``, ``kinds`` [L]: modules, and their classes (``ReLU``, ``GELU``, ``Tanh``, ``Sigmoid``, ``Softmax``, …), in
    order of use. ``dead`` [L, T]: share of units (channels of feature maps) that were zero for every sample of the last
    few sampled batches together, for kinds that can be exactly zero, else NaN. ``zero`` [L, T]: share of values that
    are exactly zero. ``saturated`` [L, T]: share of values within 1 % of an end of the range, for kinds that have one,
    else NaN. ``mean``, ``std`` [L, T]: over all values. ``n_units`` [L]; ``n_samples`` [T]: samples seen by ``dead``.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    steps: npt.NDArray[np.int64]
    dead: Array
    zero: Array
    saturated: Array
    mean: Array
    std: Array
    n_units: npt.NDArray[np.int64]
    n_samples: npt.NDArray[np.int64]

    @property
    def consistent(self) -> bool:
        """Whether every array has one entry per module and sample."""
        layers, samples = len(self.names), len(self.steps)
        wide = (self.dead, self.zero, self.saturated, self.mean, self.std)
        return (
            all(each.shape == (layers, samples) for each in wide)
            and len(self.kinds) == len(self.n_units) == layers
            and len(self.n_samples) == samples
        )


@dataclass(frozen=True, kw_only=True)
class OutputSpread(Measurement):
    """How the model's outputs differ between the samples of a training batch, on the sampled ``steps`` [T].

    ``between`` [T]: root mean square over outputs of their standard deviation over the samples. ``size`` [T]: root mean
    square of the outputs. ``n_samples`` [T]. ``rank`` [T]: effective rank (exponential of the entropy of the normalised
    singular values) of the features [N, F] that enter the last layer, NaN where they are not known; ``n_features``
    [T]. A collapsed network gives every sample the same answer: ``between`` falls to a tiny share of ``size``.
    """

    steps: npt.NDArray[np.int64]
    between: Array
    size: Array
    rank: Array
    n_samples: npt.NDArray[np.int64]
    n_features: npt.NDArray[np.int64]
