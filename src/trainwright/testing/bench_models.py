"""The small networks of the clinic's benches, with the faults (quirks) that can be built into each."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainwright.clinic.bench import ModelSpec
from trainwright.core import UsageError
from trainwright.testing.initial_quirks import INITIAL_QUIRKS, TimePooling, change_features, change_parameters

QUIRKS: dict[str, str] = {
    "batch-leak": "subtracts the mean over the batch",
    "batch-norm": "batch normalisation after every hidden layer",
    "dropout": "dropout of one half after every hidden layer",
    "frozen": "no parameter trained but the last bias",
    "frozen-first": "first layer frozen on purpose",
    "heavy-dropout": "dropout of 0.99 after every hidden layer",
    "ignore-input": "multiplies the features by zero",
    "large-head": "last layer thirty times too large",
    "layer-norm": "layer normalisation after every hidden layer",
    "log-of-negative": "log of the features, which may be negative",
    "sigmoid-output": "sigmoid after the last layer",
    "softmax": "softmax after the last layer",
    "zero-head": "last layer starts at zero",
    **INITIAL_QUIRKS,
}
"""Every quirk and what it does."""

_VOCABULARY = 64
"""Tokens of a clinic's text are below this number."""


class BenchNet(nn.Module):
    """Hidden layers (``body``), a linear ``head``, and between and behind them the quirks."""

    def __init__(self, spec: ModelSpec, sample_shape: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        unknown = spec.quirks - set(QUIRKS)
        if unknown:
            raise UsageError(
                f"There is no quirk '{min(unknown)}' of bench models.",
                expected=f"One of {', '.join(QUIRKS)}.",
                todo="Correct the name, or add the quirk to testing/bench_models.py.",
            )
        self.quirks = spec.quirks
        self.body, features = _BODIES[spec.kind](spec, sample_shape)
        if "bottleneck" in self.quirks:
            self.body, features = nn.Sequential(self.body, nn.Linear(features, 1)), 1
        self.head = nn.Linear(features, n_outputs)
        self._apply_to_parameters()

    def _apply_to_parameters(self) -> None:
        change_parameters(self.body, self.head, self.quirks)
        with torch.no_grad():
            if "zero-head" in self.quirks:
                nn.init.zeros_(self.head.weight)
                nn.init.zeros_(self.head.bias)
            if "large-head" in self.quirks:
                self.head.weight.mul_(30)
        if "frozen-first" in self.quirks:
            next(iter(self.body.parameters())).requires_grad_(False)
        if "frozen" in self.quirks:
            self.requires_grad_(False)
            self.head.bias.requires_grad_(True)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [N, n_outputs] of inputs [N, ...]."""
        features = self.body(inputs)
        if "batch-leak" in self.quirks:
            features = features - features.mean(0, keepdim=True)
        if "ignore-input" in self.quirks:
            features = features * 0
        if "log-of-negative" in self.quirks:
            features = torch.log(features - 0.1)
        features = change_features(features, self.quirks, training=self.training)
        outputs: Tensor = self.head(features)
        if "softmax" in self.quirks:
            outputs = outputs.softmax(-1)
        return outputs.sigmoid() if "sigmoid-output" in self.quirks else outputs


class _Recurrent(nn.Module):
    """A GRU over sequences [N, T, F]: its last state, or with the quirk ``pooled`` the mean of its states."""

    def __init__(self, features: int, spec: ModelSpec) -> None:
        super().__init__()
        batch_first = "time-first" not in spec.quirks
        self.gru = nn.GRU(features, spec.width, num_layers=max(1, spec.depth), batch_first=batch_first)
        self.pooling = TimePooling(exchange="view" not in spec.quirks) if "pooled" in spec.quirks else None

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.gru(inputs)
        return states[:, -1] if self.pooling is None else self.pooling(states)  # type: ignore[no-any-return]


class _States(nn.Module):
    """All states of a GRU over embedded tokens [N, T]."""

    def __init__(self, vocabulary: int, width: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=bidirectional)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.gru(self.table(tokens))
        return states  # type: ignore[no-any-return]


def _after(spec: ModelSpec, width: int, *, image: bool = False) -> list[nn.Module]:
    layers: list[nn.Module] = []
    if "batch-norm" in spec.quirks:
        layers.append(nn.BatchNorm2d(width) if image else nn.BatchNorm1d(width))
    if "layer-norm" in spec.quirks:
        layers.append(nn.GroupNorm(1, width) if image else nn.LayerNorm(width))
    layers.append(nn.Tanh() if "tanh" in spec.quirks else nn.Sigmoid() if "sigmoid" in spec.quirks else nn.ReLU())
    if "dropout" in spec.quirks:
        layers.append(nn.Dropout(0.5))
    if "heavy-dropout" in spec.quirks:
        layers.append(nn.Dropout(0.99))
    return layers


def _has_bias(spec: ModelSpec) -> bool:
    """Batch normalisation shifts by itself: a bias before it would have no effect."""
    return "batch-norm" not in spec.quirks or "bias-before-norm" in spec.quirks


def _linear(_: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    return nn.Flatten(), math.prod(sample_shape)


def _mlp(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    layers: list[nn.Module] = [nn.Flatten()]
    features = math.prod(sample_shape)
    for _ in range(max(1, spec.depth)):
        layers += [nn.Linear(features, spec.width, bias=_has_bias(spec)), *_after(spec, spec.width)]
        features = spec.width
    return nn.Sequential(*layers), features


def _cnn(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    channels, height, width = sample_shape
    layers: list[nn.Module] = []
    filters = channels
    for level in range(max(1, spec.depth)):
        layers.append(nn.Conv2d(filters, spec.width * 2**level, 3, padding=1, bias=_has_bias(spec)))
        filters = spec.width * 2**level
        layers += _after(spec, filters, image=True)
        if min(height, width) >= 2:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    return nn.Sequential(*layers, nn.Flatten()), filters * height * width


def _gru(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    return _Recurrent(sample_shape[-1], spec), spec.width


def _tokens(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:  # noqa: ARG001 - called alike
    both = "bidirectional" in spec.quirks
    return _States(_VOCABULARY, spec.width, bidirectional=both), spec.width * (2 if both else 1)


_BODIES: dict[str, Callable[[ModelSpec, tuple[int, ...]], tuple[nn.Module, int]]] = {
    "linear": _linear,
    "mlp": _mlp,
    "cnn": _cnn,
    "gru": _gru,
    "tokens": _tokens,
}
