"""Whether the axes of pictures and signals lie in memory as they are named."""

from __future__ import annotations

import torch
from torch import Tensor

from trainwright.measures.batches import InputLayout

FEWEST_SAMPLES = 8
MOST_SAMPLES = 64
FEWEST_PLACES = 8
"""Places along the last axis from which on neighbours say anything."""


@torch.no_grad()
def layout_of(inputs: Tensor) -> InputLayout | None:
    """How like neighbours are in inputs [N, C, T] or [N, C, H, W] of a convolution, with the axes as they are named and
    as they would be if the channels came last in memory; None where there is too little to tell.

    Neighbours of pictures are looked for in the next row, as channels that hold the same would make pixels alike.
    """
    shape = inputs.shape
    if inputs.dim() not in (3, 4) or not inputs.is_floating_point() or len(inputs) < FEWEST_SAMPLES:
        return None
    channels, width = shape[1], shape[-1] if inputs.dim() == 4 else 1
    if channels < 2 or shape[2] < FEWEST_PLACES or shape[-1] < FEWEST_PLACES:
        return None
    flat = inputs[:MOST_SAMPLES].detach().double().reshape(min(len(inputs), MOST_SAMPLES), -1)
    flat = flat - flat.mean(0)
    spread = float(flat.square().mean())
    if not spread > 0:
        return None
    return InputLayout(
        shape=tuple(shape[1:]),
        n_samples=len(flat),
        neighbours=_difference(flat, width) / spread,
        neighbours_swapped=_difference(flat, width * channels) / spread,
    )


def _difference(flat: Tensor, lag: int) -> float:
    """Half the mean square of the differences between numbers ``lag`` apart: 1 in units of their variance where they
    have nothing to do with each other, 0 where they are equal."""
    return float((flat[:, lag:] - flat[:, :-lag]).square().mean()) / 2
