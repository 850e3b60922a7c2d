"""The linear model."""

from __future__ import annotations

import math

from torch import nn

from trainwright.workbench.models.named import sequential


def linear(
    *,
    sample_shape: tuple[int, ...],
    n_outputs: int,
    width: int = 32,  # noqa: ARG001 - all built-in factories are called alike
    depth: int = 0,  # noqa: ARG001
    dropout: float = 0.0,
) -> nn.Module:
    """One linear layer on the flattened sample: [N, *sample_shape] → [N, n_outputs]. Width and depth have no effect."""
    layers = [nn.Flatten(), *([nn.Dropout(dropout)] if dropout else [])]
    return sequential(layers, nn.Linear(math.prod(sample_shape), n_outputs))
