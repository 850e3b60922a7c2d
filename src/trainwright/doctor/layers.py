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
