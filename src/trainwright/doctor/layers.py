"""Kinds of layers that the doctor treats alike wherever it meets them."""

from __future__ import annotations

from torch import nn

BATCH_NORMS = (nn.modules.batchnorm._BatchNorm,)
"""Layers that join the samples of a batch by design, in train mode."""
NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Layers whose weight is a scale and not a connection."""
TABLES = (nn.Embedding, nn.EmbeddingBag)
"""Layers whose rows are entries that wait for their token, not units that share an input."""
DROPOUTS = (nn.modules.dropout._DropoutNd,)
"""Layers that drop units in train mode."""


def has_history(module: nn.Module) -> bool:
    """Whether a layer has running statistics that are not those it was made with."""
    mean, variance = getattr(module, "running_mean", None), getattr(module, "running_var", None)
    if mean is None or variance is None:
        return False
    return bool((mean != 0).any()) or bool((variance != 1).any())
