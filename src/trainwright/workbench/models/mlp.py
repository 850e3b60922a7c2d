"""The multi-layer perceptron."""

from __future__ import annotations

import math

from torch import nn

from trainwright.workbench.models.named import sequential


def mlp(
    *, sample_shape: tuple[int, ...], n_outputs: int, width: int = 32, depth: int = 2, dropout: float = 0.0
) -> nn.Module:
    """``depth`` hidden layers of ``width`` ReLU units on the flattened sample: [N, *sample_shape] → [N, n_outputs]."""
    layers: list[nn.Module] = [nn.Flatten()]
    features = math.prod(sample_shape)
    for _ in range(depth):
        layers += [nn.Linear(features, width), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        features = width
    return sequential(layers, nn.Linear(features, n_outputs))
