"""torch's names for differentiable operations, sorted by what they do to a graph."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PASSING = _names(
    "View UnsafeView Reshape ReshapeAlias AsStrided T Transpose Permute Expand Unsqueeze Squeeze Select Slice Narrow "
    "Clone ToCopy Alias Index IndexSelect MaskedSelect Gather Unbind UnsafeSplit Split SplitWithSizes Cat Stack "
    "Diagonal Unfold CopySlices WeightNormInterface"
)
"""Operations that only move, copy or choose values."""
LAYERS = _names(
    "Addmm Mm Bmm Baddbmm Addbmm Mv Addmv Linear Convolution ConvolutionOverrideable MkldnnConvolution Embedding "
    "EmbeddingBag NativeLayerNorm NativeGroupNorm NativeBatchNorm CudnnBatchNorm BatchNorm MkldnnRnnLayer CudnnRnn "
    "ThnnFusedGruCell ThnnFusedLstmCell ScaledDotProductFlashAttentionForCpu ScaledDotProductFlashAttention "
    "ScaledDotProductEfficientAttention ScaledDotProductCudnnAttention Trilinear"
)
"""Operations that end the way from the loss back to the last layer."""
LOSSES = _names(
    "MseLoss SmoothL1Loss HuberLoss NllLoss NllLoss2D BinaryCrossEntropy BinaryCrossEntropyWithLogits SoftMarginLoss "
    "MultiMarginLoss MultilabelMarginLoss CtcLoss"
)
"""torch's own loss operations: never negative for valid targets, lower is better."""
DISTANCES = _names("MseLoss SmoothL1Loss HuberLoss")
"""Those among them that measure a distance between outputs and targets."""
NORMALISERS = _names("Logsumexp Logcumsumexp")
"""Logarithms of summed exponentials, by which outputs become log-probabilities."""
MONOTONE = _names(
    "Sum Nansum Sqrt Log Log1P Clamp ClampMin ClampMax Relu Softplus Minimum Maximum NativeDropout Logsumexp Where"
)
"""Operations whose result grows with each operand."""
POSITIVE = _names("Exp Softplus Sigmoid Softmax Pow Abs Sqrt")
"""Operations whose result is not negative; of powers the even ones, which are by far the most."""
WEIGHTED = _names("Addmm Mm Bmm Baddbmm Linear Convolution ConvolutionOverrideable MkldnnConvolution")
"""Operations that multiply by a matrix or kernel."""
LINEAR = _names(
    "Add Sub Rsub Neg Sum Mean Mul Div ConstantPadNd ReflectionPad2D NativeDropout Embedding EmbeddingBag"
    " NativeLayerNorm NativeGroupNorm NativeBatchNorm CudnnBatchNorm BatchNorm FusedRmsNorm"
    " MaxPool2DWithIndices MaxPool3DWithIndices MkldnnMaxPool2D AvgPool2D AvgPool3D AdaptiveAvgPool2D AdaptiveAvgPool3D"
    " AdaptiveMaxPool2D MkldnnAdaptiveAvgPool2D UpsampleNearest2D UpsampleBilinear2D"
)
"""Operations that replace no activation function, normalisation and pooling among them."""
