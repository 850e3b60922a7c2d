"""Dropout as the graph shows it, be it torch's function or written by hand: a product with zeros and one other number,
which makes up for the zeros."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from trainwright.doctor.operations import Node, children, constant_of, factor_of, name_of

FEWEST, MOST = 256, 1_000_000
"""Numbers of a mask that are looked at: with fewer their share says little."""
ALIKE = 0.25
"""Share by which what is kept may be scaled otherwise than by what is dropped."""
_PRODUCTS = ("Mul", "Div")


def largest_share_dropped(nodes: Iterable[Node]) -> float:
    """The largest share of zeros in a constant that something is multiplied with, if the rest is one number that, with
    a constant factor behind it, makes up for them; 0 where there is none."""
    most = 0.0
    for node in nodes:
        if name_of(node) not in _PRODUCTS:
            continue
        factor, product = 1.0, node
        if not isinstance(mask := constant_of(node), Tensor) or mask.numel() < 2:  # then the mask may come before it
            product = next((child for _, child in children(node) if name_of(child) == "Mul"), node)
            factor, mask = factor_of(node), constant_of(product)
        if name_of(product) == "Mul" and isinstance(mask, Tensor) and FEWEST <= mask.numel() <= MOST:
            most = max(most, _share_dropped(mask, factor))
    return most


@torch.no_grad()
def _share_dropped(mask: Tensor, factor: float) -> float:
    if mask.is_complex():
        return 0.0
    wide = mask.detach().float()
    kept, highest = float((wide != 0).float().mean()), float(wide.max())
    if not 0 < kept < 1 or not math.isclose(float(wide.sum()), highest * kept * wide.numel(), rel_tol=1e-3):
        return 0.0
    return 1 - kept if abs(highest * factor * kept - 1) < ALIKE else 0.0
