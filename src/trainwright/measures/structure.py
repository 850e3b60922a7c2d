"""How a model is put together, as one forward pass shows it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainwright.core import Measurement

WIDENED, MOST_PREDICTED = 4, 8
"""Values that a layer of one value is given at least, and that the next makes of it again; and outputs of a model up to
which they are taken for values to predict: what gives back as many as it gets may be meant to be narrow."""


def widened_again(sizes: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The places of layers that leave one value of which the next makes many again, in a model that predicts few;
    ``sizes``: values that enter and leave each layer, in order. What makes one value of one is passed over."""
    if not sizes or sizes[-1][1] > MOST_PREDICTED or sizes[0][0] <= sizes[-1][1]:
        return
    changing = [(place, size) for place, size in enumerate(sizes) if size != (1, 1)]
    for (place, (given, left)), (_, (taken, made)) in itertools.pairwise(changing):
        if left == taken == 1 and min(given, made) >= WIDENED:
            yield place


@dataclass(frozen=True, kw_only=True)
class LayerUse(Measurement):
    """One layer as a training batch passes through it.

    ``kind``: class of the module. ``values_in``, ``values_out``: numbers per sample that enter and leave it.
    ``trained_bias``: it has a bias that is trained. ``norm_after``: name of the normalisation that alone takes its
    output and subtracts each channel's mean, so that nothing is left of a bias, or empty; told of layers that have one.
    ``values_per_channel``: how many numbers one statistic of a batch normalisation is made of in training, 0 for other
    layers. ``only_way``: with its output replaced by one sample's, all samples get the same outputs; looked at only for
    layers that leave, or are given, few values, or one channel. ``channels_in``, ``channels_out``: of a convolution, 0
    for other layers.
    """

    name: str
    kind: str
    values_in: int
    values_out: int
    trained_bias: bool
    norm_after: str
    values_per_channel: int
    only_way: bool
    channels_in: int = 0
    channels_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Dropouts(Measurement):
    """The share of values that each dropout layer of a model drops. ``name`` and ``kind`` are those of the layer that
    drops most, empty where there is none."""

    name: str
    kind: str
    shares: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ModelStructure(Measurement):
    """The layers without children in the order in which a batch of ``batch_size`` samples reaches them.

    ``n_outputs``: classes, or 1.
    """

    layers: tuple[LayerUse, ...]
    batch_size: int
    task: str
    n_outputs: int


@dataclass(frozen=True, kw_only=True)
class AxisMix(Measurement):
    """A place where axes are mixed up.

    ``problem``: ``batch as time`` for a recurrent or attention layer that runs along the samples, ``view`` for a tensor
    whose axes were renamed rather than exchanged. ``before``, ``after``: shapes, as text.
    """

    name: str
    kind: str
    problem: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class AxisRoles(Measurement):
    """Whether layers take the axes for what they are; ``n_layers`` layers looked at on batches of ``n_samples``."""

    mixes: tuple[AxisMix, ...]
    n_layers: int
    n_samples: int
