"""How a model is put together, as one forward pass shows it."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class LayerUse(Measurement):
    """One layer as a training batch passes through it.

    ``kind``: class of the module. ``values_in``, ``values_out``: numbers per sample that enter and leave it.
    ``trained_bias``: it has a bias that is trained. ``norm_after``: name of the normalisation that alone takes its
    output and subtracts each channel's mean, or empty. ``values_per_channel``: how many numbers one statistic of a
    batch normalisation is made of in training, 0 for other layers. ``only_way``: with its output replaced by one
    sample's, all samples get the same outputs; looked at only for layers that leave, or are given, few values, or one
    channel. ``channels_in``, ``channels_out``: of a convolution, 0 for other layers.
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
