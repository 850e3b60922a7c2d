"""Faults of initialisation and structure that bench models can be built with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

INITIAL_QUIRKS: dict[str, str] = {
    "always-dropout": "drops a third of the features in eval mode as well",
    "bias-before-norm": "layers before a normalisation keep their biases",
    "bidirectional": "a model of the next token looks at all tokens",
    "bottleneck": "a single unit before the last layer",
    "constant-weights": "every weight starts at 0.01, every bias at 0",
    "custom-gradient": "an autograd.Function with a right gradient",
    "divided-by-batch": "divides the features by the number of samples",
    "hidden-softmax": "softmax in place of ReLU",
    "kaiming": "weights by He's rule for ReLU, biases 0",
    "large-body": "hidden layers a hundred times too large",
    "negative-bias": "biases of the hidden layers at −10",
    "normal-weights": "weights from a standard normal distribution",
    "pooled": "averages the states of a GRU over time by a pooling layer",
    "prefixed-load": "loads a checkpoint whose entries all carry a prefix",
    "pretrained": "starts from a checkpoint made on standardised noise",
    "sigmoid": "sigmoid in place of ReLU",
    "sparse-units": "biases of the hidden layers at −0.5",
    "tanh": "tanh in place of ReLU",
    "time-first": "a GRU that takes the samples for time",
    "train-only-norm": "standardises the features over the batch, in train mode only",
    "unseeded-noise": "adds noise in train mode from a generator made anew without a seed",
    "view": "renames time and features before pooling",
    "wrong-gradient": "an autograd.Function with a wrong gradient",
    "zero-weights": "every weight and bias starts at 0",
}
"""Every quirk of this module and what it does."""


class _Cube(torch.autograd.Function):
    """x + x³/10."""

    slope = 0.3

    @classmethod
    def forward(cls, ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x + x**3 / 10

    @classmethod
    def backward(cls, ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (1 + cls.slope * x**2)  # type: ignore[no-any-return]


class _WrongCube(_Cube):
    """The same with the exponent forgotten in the gradient."""

    slope = 0.1


class TimePooling(nn.Module):
    """Mean over time of states [N, T, F] by a layer that wants [N, F, T]; ``exchange`` turns the axes, else a view."""

    def __init__(self, *, exchange: bool) -> None:
        super().__init__()
        self.exchange = exchange
        self.pool = nn.AdaptiveAvgPool1d(1)

    def forward(self, states: Tensor) -> Tensor:
        n, time, features = states.shape
        turned = states.transpose(1, 2) if self.exchange else states.reshape(n, features, time)
        return self.pool(turned).squeeze(2)  # type: ignore[no-any-return]


def change_parameters(body: nn.Module, head: nn.Linear, quirks: frozenset[str]) -> None:
    """Apply the quirks that concern where the weights start."""
    for name, change in _STARTS.items():
        if name in quirks:
            with torch.no_grad():
                change(body, head)


def change_features(features: Tensor, quirks: frozenset[str], *, training: bool) -> Tensor:
    """Apply the quirks that concern the forward pass between the hidden layers and the head."""
    for name, change in _PASSES.items():
        if name in quirks:
            features = change(features, training)
    return features


def _fill(weight: float) -> Callable[[nn.Module, nn.Linear], None]:
    def start(body: nn.Module, head: nn.Linear) -> None:
        for parameter in (*body.parameters(), *head.parameters()):
            parameter.fill_(weight if parameter.dim() > 1 else 0.0)

    return start


def _normal(body: nn.Module, head: nn.Linear) -> None:
    for parameter in (*body.parameters(), *head.parameters()):
        parameter.normal_(0.0, 1.0)


def _kaiming(body: nn.Module, head: nn.Linear) -> None:  # noqa: ARG001 - all starts are called alike
    for parameter in body.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
        else:
            parameter.zero_()


def _biases(value: float) -> Callable[[nn.Module, nn.Linear], None]:
    def start(body: nn.Module, head: nn.Linear) -> None:  # noqa: ARG001
        for name, parameter in body.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(value)

    return start


def _large_body(body: nn.Module, head: nn.Linear) -> None:  # noqa: ARG001
    for parameter in body.parameters():
        parameter.mul_(100.0)


def _pretrained(body: nn.Module, head: nn.Linear) -> None:  # noqa: ARG001
    """What earlier training on standardised inputs leaves: running statistics."""
    first = next(p for p in body.parameters() if p.dim() > 1)
    body.train()
    for _ in range(30):
        body(torch.randn(64, first.shape[1], 8, 8) if first.dim() == 4 else torch.randn(64, first.shape[1]))
    body.load_state_dict({name: value.clone() for name, value in body.state_dict().items()})


def _prefixed_load(body: nn.Module, head: nn.Linear) -> None:  # noqa: ARG001
    body.load_state_dict({f"module.{name}": value for name, value in body.state_dict().items()}, strict=False)


def _with_noise(features: Tensor) -> Tensor:
    noise = np.random.default_rng().normal(scale=0.05, size=features.shape).astype(np.float32)
    return features + torch.from_numpy(noise)


_STARTS: dict[str, Callable[[nn.Module, nn.Linear], None]] = {
    "kaiming": _kaiming,
    "zero-weights": _fill(0.0),
    "constant-weights": _fill(0.01),
    "normal-weights": _normal,
    "negative-bias": _biases(-10.0),
    "sparse-units": _biases(-0.5),
    "large-body": _large_body,
    "pretrained": _pretrained,
    "prefixed-load": _prefixed_load,
}
_PASSES: dict[str, Callable[[Tensor, bool], Tensor]] = {
    "always-dropout": lambda x, _: functional.dropout(x, 1 / 3, training=True),
    "custom-gradient": lambda x, _: _Cube.apply(x),  # type: ignore[no-untyped-call]
    "wrong-gradient": lambda x, _: _WrongCube.apply(x),  # type: ignore[no-untyped-call]
    "divided-by-batch": lambda x, _: x / len(x),
    "unseeded-noise": lambda x, training: _with_noise(x) if training else x,
    "train-only-norm": lambda x, training: (x - x.mean(0)) / (x.std(0) + 1e-5) if training else x,
}
