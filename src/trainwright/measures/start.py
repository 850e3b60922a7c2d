"""What the layers of a model start from: their weights, and what their activations look like."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class WeightStart(Measurement):
    """One trained weight (two dimensions or more, or the scale of a normalisation) at the start.

    ``kind``: class of the module that holds it. ``n_units``: entries of its first dimension. ``largest``: its largest
    magnitude; in a watched loop its norm. ``unit_spread``: largest difference between a unit's weights and the units'
    mean, as a share of the weights' root mean square. ``gradient``: largest magnitude of its gradient over the own
    steps. ``gradient_spread``: like ``unit_spread``, of the gradients, largest over the steps. Both are NaN in a
    watched loop.
    """

    name: str
    kind: str
    n_units: int
    largest: float
    unit_spread: float
    gradient: float
    gradient_spread: float


@dataclass(frozen=True, kw_only=True)
class WeightsAtStart(Measurement):
    """Weights that the optimizer trains, over ``steps`` own steps, or as many of a watched loop that were looked at;
    ``moved``: the steps changed some parameter.

    Dropout layers were off; ``has_dropout``: there are some.
    """

    weights: tuple[WeightStart, ...]
    steps: int
    moved: bool
    has_dropout: bool = False


@dataclass(frozen=True, kw_only=True)
class LayerStart(Measurement):
    """What was seen at one place of the forward pass in train mode with dropout off, at the start and after own steps.

    ``kind``: ``layer`` for what enters a layer with weights; ``relu``, ``tanh``, ``sigmoid`` or ``softmax`` for what
    leaves such a function. ``spread``: root mean square over units of their standard deviation over samples.
    ``dead``: share of the ``n_units`` units that were never above 0, for ``relu``, else NaN. ``saturated``: share of
    values within 1 % of an end of the function's range, for ``tanh`` and ``sigmoid``, else NaN.
    """

    name: str
    kind: str
    n_units: int
    spread: float
    spread_after: float
    dead: float
    dead_after: float
    saturated: float
    saturated_after: float


@dataclass(frozen=True, kw_only=True)
class ActivationsAtStart(Measurement):
    """The places of the forward pass in order, on ``n_samples`` samples, before and after ``steps`` own steps."""

    layers: tuple[LayerStart, ...]
    n_samples: int
    steps: int
