"""Built-in models.

Every factory is called as ``factory(sample_shape=…, n_outputs=…, width=…, depth=…, dropout=…)`` with the shape of one
prepared sample and returns a module that maps a batch to logits [N, classes] or, for regression, to [N, 1].
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from trainwright.data.dataset import Kind
from trainwright.workbench.models.cnn import cnn
from trainwright.workbench.models.linear import linear
from trainwright.workbench.models.mlp import mlp

__all__ = ["BUILT_IN", "choose", "cnn", "linear", "mlp"]

BUILT_IN: dict[str, Callable[..., nn.Module]] = {"linear": linear, "mlp": mlp, "cnn": cnn}


def choose(kind: Kind) -> str:
    """The simplest architecture known to work for a kind of data: a CNN for images and sequences, else an MLP."""
    return "mlp" if kind is Kind.TABLE else "cnn"
