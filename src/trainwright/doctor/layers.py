"""Kinds of layers that the doctor treats alike wherever it meets them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from trainwright.measures.structure import Dropouts


class _OfKeras(type):
    """Makes a kind of layer out of names of Keras's classes, which are imported only where a program uses them."""

    names: tuple[str, ...]

    def __instancecheck__(cls, layer: object) -> bool:
        return any(kind.__name__ in cls.names and kind.__module__.startswith("keras.") for kind in type(layer).__mro__)


class KerasBatchNorm(metaclass=_OfKeras):
    """Batch normalisation of Keras."""

    names = ("BatchNormalization",)


class KerasDropout(metaclass=_OfKeras):
    """Layers of Keras that drop units or add noise."""

    names = ("Dropout", "BaseSpatialDropout", "AlphaDropout", "GaussianDropout", "GaussianNoise")


class KerasWeighted(metaclass=_OfKeras):
    """Layers of Keras that join their inputs by weights."""

    names = ("Dense", "BaseConv", "BaseSeparableConv", "BaseDepthwiseConv")


WEIGHTED: tuple[Any, ...] = (nn.Linear, nn.modules.conv._ConvNd, KerasWeighted)
"""Layers that join their inputs by weights."""
BATCH_NORMS: tuple[Any, ...] = (nn.modules.batchnorm._BatchNorm, KerasBatchNorm)
"""Layers that join the samples of a batch by design, in train mode."""
NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Layers whose weight is a scale and not a connection."""
TABLES = (nn.Embedding, nn.EmbeddingBag)
"""Layers whose rows are entries that wait for their token, not units that share an input."""
DROPOUTS: tuple[Any, ...] = (nn.modules.dropout._DropoutNd, KerasDropout)
"""Layers that drop units in train mode."""


def dropouts_of(model: nn.Module) -> Dropouts:
    """What its dropout layers drop."""
    shares = {name: _share_dropped(each) for name, each in model.named_modules() if isinstance(each, DROPOUTS)}
    worst = max(shares, key=lambda name: shares[name], default=None)
    kind = "" if worst is None else type(model.get_submodule(worst)).__name__
    return Dropouts(name=worst or kind, kind=kind, shares=tuple(shares.values()))


def _share_dropped(layer: Any) -> float:
    """Keras calls it otherwise, and has layers that add noise instead."""
    return float(getattr(layer, "p", getattr(layer, "rate", 0.0)))


def has_history(module: nn.Module) -> bool:
    """Whether a layer has running statistics that are not those it was made with."""
    mean, variance = getattr(module, "running_mean", None), getattr(module, "running_var", None)
    if mean is None or variance is None:
        return False
    return bool((mean != 0).any()) or bool((variance != 1).any())


def keeps_statistics(module: nn.Module) -> bool:
    """Whether a normalisation has running statistics."""
    return any(getattr(module, name, None) is not None for name in ("running_mean", "moving_mean"))


@contextmanager
def plain_average(module: Any) -> Iterator[None]:
    """Within, the running statistics of a normalisation become the plain average over its batches in train mode."""
    momentum = module.momentum
    if hasattr(module, "moving_mean"):
        handle = module.register_forward_pre_hook(_Averaging())
    else:
        module.reset_running_stats()
        module.momentum = handle = None
    try:
        yield
    finally:
        module.momentum = momentum
        if handle is not None:
            handle.remove()


class _Averaging:
    """Before each of its batches, gives a Keras layer the momentum under which all batches weigh the same."""

    def __init__(self) -> None:
        self._batches = 0

    def __call__(self, module: Any, args: Any) -> None:  # noqa: ARG002 - torch's signature
        if module.training:
            module.momentum = self._batches / (self._batches + 1)
            self._batches += 1


def begins_with_norm(model: nn.Module) -> bool:
    """Whether the first layer with parameters is a normalisation, in the order in which layers were made; tables, which
    take no numbers, do not count."""
    own = (module for module in model.modules() if next(module.parameters(recurse=False), None) is not None)
    return isinstance(next((layer for layer in own if not isinstance(layer, TABLES)), None), NORMALISATIONS)
