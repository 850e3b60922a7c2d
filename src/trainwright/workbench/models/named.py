"""Names for the layers of a sequence, so that findings and charts can speak of them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence

from torch import nn


def sequential(layers: Sequence[nn.Module], head: nn.Module) -> nn.Sequential:
    """The layers called by their kind and how many of it came before (``conv1``, ``norm1``, …), the last one ``head``.

    Kinds are class names in lower case without their dimension: ``Conv2d`` is ``conv``, ``BatchNorm1d`` is ``norm``.
    """
    seen: Counter[str] = Counter()
    named = OrderedDict[str, nn.Module]()
    for layer in layers:
        kind = type(layer).__name__.strip("_").lower().removesuffix("1d").removesuffix("2d")
        kind = {"batchnorm": "norm", "avgpool": "pool"}.get(kind, kind)
        seen[kind] += 1
        named[f"{kind}{seen[kind]}"] = layer
    named["head"] = head
    return nn.Sequential(named)
