"""The small networks of the clinic's benches, with the faults (quirks) that can be built into each."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainwright.clinic.bench import ModelSpec
from trainwright.core import UsageError
from trainwright.testing.initial_quirks import INITIAL_QUIRKS, TimePooling, change_features, change_parameters

QUIRKS: dict[str, str] = {
    "adapter": "frozen head with a low-rank adapter that starts at zero",
    "auxiliary": "auxiliary head that is never called",
    "batch-leak": "subtracts the mean over the batch",
    "batch-norm": "batch normalisation after every hidden layer",
    "cell": "a GRU written as a loop over one cell, its state read out at every step",
    "cut-cell": "the same loop, its state detached at every step",
    "detached": "cuts the graph in front of the head",
    "disturbed": "sign of the last layer turned once, in the midst of training",
    "dropout": "dropout of one half after every hidden layer",
    "fixed-width": "a factory that takes a width and does not use it",
    "frozen": "no parameter trained but the last bias",
    "frozen-body": "all layers but the last frozen",
    "frozen-first": "first layer frozen on purpose",
    "hasty-norm": "running statistics of batch normalisation follow the last batch",
    "heavy-dropout": "dropout of 0.99 after every hidden layer",
    "ignore-input": "multiplies the features by zero",
    "large-head": "last layer thirty times too large",
    "layer-norm": "layer normalisation after every hidden layer",
    "log-of-negative": "log of the features, which may be negative",
    "no-activation": "no activation functions",
    "plain-list": "hidden layers held in a plain list",
    "relu-output": "ReLU after the last layer",
    "sigmoid-output": "sigmoid after the last layer",
    "softmax": "softmax after the last layer",
    "softmax-over-batch": "softmax along the samples after the last layer",
    "unused-layer": "a layer that is never called",
    "sparse-gradient": "an embedding whose gradient is a sparse tensor",
    "spare-width": "a factory that uses the width for a layer that is never called only",
    "thousandfold": "multiplies the outputs by five thousand, a yield's spread in kilograms",
    "stale-evaluation": "evaluation mode uses a copy made before training",
    "tied": "the second and third hidden layer share their weights",
    "zero-head": "last layer starts at zero",
    **INITIAL_QUIRKS,
}
"""Every quirk and what it does."""

_VOCABULARY = 64
"""Tokens of a clinic's text are below this number."""

_CODE = 8
"""Units in the middle of an auto-encoder."""

DISTURBED_AT = 150
"""Training pass in which the quirk "disturbed" strikes."""


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
        if "plain-list" in spec.quirks:
            self.body = _PlainList(self.body)
        if "unused-layer" in spec.quirks:
            self.second = nn.Linear(features, features)
        if "auxiliary" in spec.quirks:
            self.aux_head = nn.Linear(features, n_outputs)
        if "bottleneck" in self.quirks:
            self.body, features = nn.Sequential(self.body, nn.Linear(features, 1)), 1
        head = nn.Linear(features, n_outputs)
        self.head: nn.Module = head
        change_parameters(self.body, head, self.quirks)
        self._apply_to_parameters()
        if "adapter" in spec.quirks:
            self.head = _Adapter(self.head)
        self._passes = 0
        if "stale-evaluation" in spec.quirks:
            # In a function, so that the copy takes part neither in training nor in checkpoints.
            self._evaluate = _joined(copy.deepcopy(self.body), copy.deepcopy(self.head))

    def _disturb(self) -> None:
        self._passes += self.training
        if "disturbed" in self.quirks and self.training and self._passes == DISTURBED_AT:
            with torch.no_grad():
                self.head.get_parameter("weight").neg_()

    def _apply_to_parameters(self) -> None:
        with torch.no_grad():
            if "zero-head" in self.quirks:
                nn.init.zeros_(self.head.get_parameter("weight"))
                nn.init.zeros_(self.head.get_parameter("bias"))
            if "large-head" in self.quirks:
                self.head.get_parameter("weight").mul_(30)
        if "frozen-first" in self.quirks:
            next(iter(self.body.parameters())).requires_grad_(False)
        if "frozen-body" in self.quirks:
            self.body.requires_grad_(False)
        if "frozen" in self.quirks:
            self.requires_grad_(False)
            self.head.get_parameter("bias").requires_grad_(True)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [N, n_outputs] of inputs [N, ...]."""
        if "stale-evaluation" in self.quirks and not self.training:
            return self._evaluate(inputs)
        self._disturb()
        features = self.body(inputs)
        if "batch-leak" in self.quirks:
            features = features - features.mean(0, keepdim=True)
        if "ignore-input" in self.quirks:
            features = features * 0
        if "log-of-negative" in self.quirks:
            features = torch.log(features - 0.1)
        features = change_features(features, self.quirks, training=self.training)
        outputs: Tensor = self.head(features.detach() if "detached" in self.quirks else features)
        for quirk, activation in _ENDINGS.items():
            if quirk in self.quirks:
                outputs = activation(outputs)
        return outputs


_ENDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu-output": torch.relu,
    "sigmoid-output": torch.sigmoid,
    "softmax": lambda outputs: outputs.softmax(-1),
    "softmax-over-batch": lambda outputs: outputs.softmax(0),
    "thousandfold": lambda outputs: outputs * 5000,
}


def _joined(body: nn.Module, head: nn.Module) -> Callable[[Tensor], Tensor]:
    def evaluate(inputs: Tensor) -> Tensor:
        outputs: Tensor = head(body(inputs))
        return outputs

    return evaluate


class _PlainList(nn.Module):
    """Layers that torch does not see."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.layers = [body]

    def forward(self, inputs: Tensor) -> Tensor:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


class _Adapter(nn.Module):
    """A frozen layer and beside it a trained product of two small matrices, of which the second starts at zero."""

    def __init__(self, layer: nn.Module, rank: int = 2) -> None:
        super().__init__()
        weight = layer.get_parameter("weight")
        self.layer = layer.requires_grad_(False)
        self.down = nn.Linear(weight.shape[1], rank, bias=False)
        self.up = nn.Linear(rank, weight.shape[0], bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.layer(inputs) + self.up(self.down(inputs))
        return outputs


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


class _Cell(nn.Module):
    """A loop over the steps of sequences [N, T, F] that reads out every state, and returns the last one read."""

    def __init__(self, features: int, spec: ModelSpec) -> None:
        super().__init__()
        self.cut = "cut-cell" in spec.quirks
        self.cell, self.read = nn.GRUCell(features, spec.width), nn.Linear(spec.width, spec.width)

    def forward(self, inputs: Tensor) -> Tensor:
        state = inputs.new_zeros(len(inputs), self.cell.hidden_size)
        for step in inputs.unbind(1):
            state = self.cell(step, state.detach() if self.cut else state)
            found: Tensor = self.read(state)
        return found


class _Block(nn.Module):
    """Adds to its inputs what two layers make of them; the second starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = inputs + self.second(torch.relu(self.first(inputs)))
        return outputs


class _Experts(nn.Module):
    """Each sample goes through that one of four small networks that a router finds most likely, times its probability
    (Fedus et al., 2021, Switch Transformers)."""

    def __init__(self, features: int, spec: ModelSpec) -> None:
        super().__init__()
        self.width, self.router = spec.width, nn.Linear(features, 4)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(features, spec.width), nn.ReLU(), nn.Linear(spec.width, spec.width), nn.ReLU())
            for _ in range(4)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        inputs = inputs.flatten(1)
        likely, chosen = self.router(inputs).softmax(1).max(1)
        outputs = inputs.new_zeros(len(inputs), self.width)
        for number, expert in enumerate(self.experts):
            rows = (chosen == number).nonzero().squeeze(1)
            outputs = outputs.index_add(0, rows, expert(inputs[rows]) * likely[rows, None])
        return outputs


class _Attention(nn.Module):
    """Transformer layers over sequences [N, T, F]: the mean of their states."""

    def __init__(self, sample_shape: tuple[int, ...], spec: ModelSpec) -> None:
        super().__init__()
        steps, features = sample_shape
        self.embed = nn.Linear(features, spec.width)
        self.place = nn.Parameter(torch.randn(steps, spec.width))
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(spec.width, 4, 2 * spec.width, activation="gelu", batch_first=True)
                for _ in range(max(1, spec.depth))
            )
        )

    def forward(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.layers(self.embed(inputs) + self.place)
        return states.mean(1)


class _States(nn.Module):
    """All states of a GRU over embedded tokens [N, T]."""

    def __init__(self, vocabulary: int, width: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=bidirectional)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.gru(self.table(tokens))
        return states  # type: ignore[no-any-return]


_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "hidden-softmax": lambda: nn.Softmax(dim=1),
}


def _after(spec: ModelSpec, width: int, *, image: bool = False) -> list[nn.Module]:
    layers: list[nn.Module] = []
    if "batch-norm" in spec.quirks:
        momentum = 0.99 if "hasty-norm" in spec.quirks else 0.1
        layers.append(nn.BatchNorm2d(width, momentum=momentum) if image else nn.BatchNorm1d(width, momentum=momentum))
    if "layer-norm" in spec.quirks:
        layers.append(nn.GroupNorm(1, width) if image else nn.LayerNorm(width))
    if "no-activation" not in spec.quirks:
        layers.append(next((make() for quirk, make in _ACTIVATIONS.items() if quirk in spec.quirks), nn.ReLU()))
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
    if "tied" in spec.quirks:
        second, third = [layer for layer in layers if isinstance(layer, nn.Linear)][1:3]
        third.weight = second.weight
    return nn.Sequential(*layers), features


def _residual(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    blocks = [_Block(spec.width) for _ in range(max(1, spec.depth))]
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(sample_shape), spec.width), *blocks), spec.width


def _experts(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    return _Experts(math.prod(sample_shape), spec), spec.width


def _autoencoder(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    features = math.prod(sample_shape)
    encoder = nn.Sequential(nn.Linear(features, spec.width), nn.ReLU(), nn.Linear(spec.width, _CODE))
    decoder = nn.Sequential(nn.Linear(_CODE, spec.width), nn.ReLU())
    return nn.Sequential(nn.Flatten(), encoder, decoder), spec.width


def _attention(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    return _Attention(sample_shape, spec), spec.width


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
    kind = _Cell if spec.quirks & {"cell", "cut-cell"} else _Recurrent
    return kind(sample_shape[-1], spec), spec.width


def _tokens(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:  # noqa: ARG001 - called alike
    both = "bidirectional" in spec.quirks
    return _States(_VOCABULARY, spec.width, bidirectional=both), spec.width * (2 if both else 1)


def _bag(spec: ModelSpec, sample_shape: tuple[int, ...]) -> tuple[nn.Module, int]:  # noqa: ARG001 - called alike
    return nn.EmbeddingBag(_VOCABULARY, spec.width, sparse="sparse-gradient" in spec.quirks), spec.width


_BODIES: dict[str, Callable[[ModelSpec, tuple[int, ...]], tuple[nn.Module, int]]] = {
    "linear": _linear,
    "mlp": _mlp,
    "residual": _residual,
    "experts": _experts,
    "autoencoder": _autoencoder,
    "cnn": _cnn,
    "gru": _gru,
    "attention": _attention,
    "tokens": _tokens,
    "bag": _bag,
}
