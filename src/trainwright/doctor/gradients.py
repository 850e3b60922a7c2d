"""Gradients as every reader of them needs them: dense, and their norms taken together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def dense(gradient: Tensor) -> Tensor:
    """The gradient, or of a sparse one the values it holds."""
    return gradient.coalesce().values().detach() if gradient.is_sparse else gradient.detach()


def norms(tensors: Sequence[Tensor], order: float = 2.0) -> Tensor:
    """The norm of each tensor, [N] in single precision on the first one's device, by fused kernels; N is at least 1."""
    found = torch._foreach_norm(list(tensors), order)
    # float and to are free where nothing has to change: one type and one device is the rule.
    return torch.stack([norm.to(found[0].device, torch.float32) for norm in found])
