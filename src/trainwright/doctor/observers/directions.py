"""Directions of what is drawn in pictures: they stay where lines are, while lines themselves lie elsewhere in each.

The orientation of the structure tensor (Bigün and Granlund, Optimal Orientation Detection of Linear Symmetry, 1987):
of the gradients (gx, gy) of a region the sums of gx² + gy², gx² − gy² and 2·gx·gy, the latter two being the vector of
twice the angle. A mean of pictures whose stripes begin anywhere is grey; a mean of these is not.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from trainwright.doctor.observers.turned import Turn

SIDE = 8
"""Regions along each side."""
SMALLEST = 2 * SIDE
"""Pixels along each side from which on pictures have regions with directions of their own."""

_SIGNS = {
    "mirrored left to right": (1, 1, -1),
    "mirrored top to bottom": (1, 1, -1),
    "turned by 180°": (1, 1, 1),
    "turned by 90°": (1, -1, -1),
    "turned by 270°": (1, -1, -1),
    "transposed": (1, -1, 1),
}
"""What becomes of the three numbers of a region when its picture is turned."""


def directions(pictures: Tensor) -> Tensor:
    """The directions [N, 3, SIDE, SIDE] of pictures [N, C, H, W], the whole contrast of each being 1."""
    across = pictures[..., 1:-1, 2:] - pictures[..., 1:-1, :-2]
    down = pictures[..., 2:, 1:-1] - pictures[..., :-2, 1:-1]
    numbers = (across.square() + down.square(), across.square() - down.square(), 2 * across * down)
    regions = functional.adaptive_avg_pool2d(torch.stack([each.sum(1) for each in numbers], 1), SIDE)
    contrast = regions[:, :1].mean((2, 3), keepdim=True)
    return regions / contrast.clamp_min(torch.finfo(regions.dtype).tiny)


def directed(turns: Mapping[str, Turn]) -> dict[str, Turn]:
    """The same turns, for directions."""
    return {name: _Directed(turn, torch.tensor(_SIGNS[name])[:, None, None]) for name, turn in turns.items()}


class _Directed:
    def __init__(self, turn: Turn, signs: Tensor) -> None:
        self._turn, self._signs = turn, signs

    def __call__(self, regions: Tensor) -> Tensor:
        return self._turn(regions) * self._signs
