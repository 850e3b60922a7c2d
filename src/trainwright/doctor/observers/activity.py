"""What leaves the non-linearities, read off the autograd graph of a training step.

The graph keeps the results of activation functions for the backward pass, however they were written (``nn.ReLU``,
``F.relu``, ``torch.tanh``), so nothing has to be hooked and nothing is computed twice.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainwright.core import Measurement
from trainwright.doctor.observers.models import Models
from trainwright.doctor.observers.series import Samples
from trainwright.doctor.operations import walk
from trainwright.measures.layers import ActivationSignals, OutputSpread

MOST_NODES = 20_000
MOST_LAYERS = 64
WINDOW = 4
"""Sampled batches in which a unit must have been zero throughout to be called dead."""
RECURRENT = 4
"""Uses of one layer in one step from which on its activations are taken for the gates of a recurrent one."""
KINDS = {
    "ReluBackward0": ("ReLU", "_saved_result"),
    "LeakyReluBackward0": ("LeakyReLU", "_saved_self"),
    "EluBackward0": ("ELU", "_saved_self_or_result"),
    "GeluBackward0": ("GELU", "_saved_self"),
    "SiluBackward0": ("SiLU", "_saved_self"),
    "SigmoidBackward0": ("Sigmoid", "_saved_result"),
    "TanhBackward0": ("Tanh", "_saved_result"),
    "HardtanhBackward0": ("Hardtanh", "_saved_self"),
}
"""Nodes of the graph, what they are called, and where they keep what is looked at."""
RANGES = {"Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
NEAR_END = 0.01
"""Of a range: within this share of it from one end a unit counts as saturated."""
_LINEAR = ("AddmmBackward0", "MmBackward0")


@dataclass
class _Use:
    name: str
    kind: str
    values: Tensor
    channels: int


class Activity:
    """Observes the non-linearities and the outputs of one model on sampled steps."""

    def __init__(self) -> None:
        self._samples: Samples[dict[str, tuple[float, ...]]] = Samples()
        self._kinds: dict[str, str] = {}
        self._units: dict[str, int] = {}
        self._alive: dict[str, deque[Tensor]] = {}
        self._sizes: deque[int] = deque(maxlen=WINDOW)
        self._spread: Samples[tuple[float, ...]] = Samples()

    @torch.no_grad()
    def look(self, step: int, root: Tensor, outputs: Tensor | None, models: Models) -> int:
        """A sampled step is about to go backward from ``root``; ``outputs`` of the model, [N, …].

        Returns the number of nodes of the graph, counted up to :data:`MOST_NODES`.
        """
        uses, features, n_nodes = _find(root, models)
        # An expert that no sample of the batch was sent to did nothing.
        rows: dict[str, list[Tensor]] = {use.name: self._statistics(use) for use in uses if use.values.numel()}
        spread = _spread(outputs, features)
        waiting = [value for row in rows.values() for value in row] + spread
        if not waiting:
            return n_nodes
        numbers = iter(torch.stack([value.reshape(()).double().to(waiting[0].device) for value in waiting]).tolist())
        self._samples.add(step, {name: tuple(next(numbers) for _ in row) for name, row in rows.items()})
        self._sizes.append(len(outputs) if outputs is not None and outputs.dim() else 0)
        if spread and outputs is not None:
            width = features.shape[1] if features is not None else 0
            self._spread.add(step, (*numbers, float(len(outputs)), float(width)))
        return n_nodes

    def _statistics(self, use: _Use) -> list[Tensor]:
        """[dead share, zero share, saturated share, mean, standard deviation], tensors of one element."""
        values = use.values.detach()
        wide = values if values.element_size() >= 4 else values.float()
        self._kinds[use.name] = use.kind
        self._units[use.name] = values.shape[use.channels]
        missing = torch.full((), math.nan, device=values.device)
        dead = zero = saturated = missing
        if use.kind == "ReLU":
            zero = 1 - wide.sign().mean()  # the cheapest pass that tells zero from positive
            axes = tuple(axis for axis in range(values.dim()) if axis != use.channels)
            window = self._alive.setdefault(use.name, deque(maxlen=WINDOW))
            window.append(values.amax(axes) != 0)  # a ReLU gives nothing below zero
            if len({len(each) for each in window}) == 1 and len(window) == WINDOW:
                dead = 1 - _share(torch.stack(list(window)).any(0))
        if use.kind in RANGES:
            low, high = RANGES[use.kind]
            edge = NEAR_END * (high - low)
            saturated = _share((values < low + edge) | (values > high - edge))
        mean = wide.mean()
        # torch.std takes four times as long.
        spread = torch.linalg.vector_norm(wide - mean) / math.sqrt(n - 1) if (n := wide.numel()) > 1 else missing
        return [dead, zero, saturated, mean, spread]

    def measurements(self) -> Iterator[Measurement]:
        """Non-linearities that were seen on most of the samples, and how outputs differ between samples."""
        seen = Counter(name for sample in self._samples.values for name in sample)
        # The newest samples come first in the graph, the first layer last.
        names = [name for name in reversed(list(self._kinds)) if seen[name] >= 0.8 * len(self._samples)]
        if names:
            yield self._signals(names)
        if len(self._spread):
            between, size, rank, n, width = (np.array(c) for c in zip(*self._spread.values, strict=True))
            yield OutputSpread(
                steps=np.array(self._spread.steps, dtype=np.int64),
                between=between,
                size=size,
                rank=rank,
                n_samples=n.astype(np.int64),
                n_features=width.astype(np.int64),
            )

    def _signals(self, names: list[str]) -> ActivationSignals:
        whole = [i for i, sample in enumerate(self._samples.values) if all(name in sample for name in names)]

        def table(column: int) -> Any:
            rows = [[self._samples.values[i][name][column] for i in whole] for name in names]
            return np.array(rows, dtype=np.float64).reshape(len(names), len(whole))

        return ActivationSignals(
            names=tuple(names),
            kinds=tuple(self._kinds[name] for name in names),
            steps=np.array([self._samples.steps[i] for i in whole], dtype=np.int64),
            dead=table(0),
            zero=table(1),
            saturated=table(2),
            mean=table(3),
            std=table(4),
            n_units=np.array([self._units[name] for name in names], dtype=np.int64),
            n_samples=np.full(len(whole), sum(self._sizes), dtype=np.int64),
        )


def _share(where: Tensor) -> Tensor:
    """The share of True."""
    return torch.count_nonzero(where).double() / max(1, where.numel())


def _find(root: Tensor, models: Models) -> tuple[list[_Use], Tensor | None, int]:
    """The non-linearities behind ``root``, last first, the features [N, F] that enter the last linear layer, and the
    number of nodes."""
    uses: list[_Use] = []
    features: Tensor | None = None
    n_nodes = 0
    for node in walk(root, MOST_NODES):
        n_nodes += 1
        kind = type(node).__name__
        if kind in KINDS and (use := _use(node, *KINDS[kind], models)) is not None:
            uses.append(use)
        elif features is None and kind in _LINEAR:
            features = _saved(node, "_saved_mat1" if kind == "AddmmBackward0" else "_saved_self")
    times = Counter(use.name for use in uses)
    kept = [use for use in uses if times[use.name] < RECURRENT]
    return _numbered(kept)[:MOST_LAYERS], features, n_nodes


def _numbered(uses: list[_Use]) -> list[_Use]:
    """Several non-linearities behind one layer get a number, in the order of the forward pass."""
    times = Counter(use.name for use in uses)
    left = dict(times)
    for use in uses:
        name = use.name
        if times[name] > 1:
            use.name = f"{name} ({left[name]})"
            left[name] -= 1
    return uses


def _use(node: Any, kind: str, place: str, models: Models) -> _Use | None:
    values = _saved(node, place)
    if values is None or values.dim() < 2 or not values.is_floating_point():
        return None
    producer, parameter = _producer(node)
    if parameter is None:
        return None
    layer, _ = models.layer_of(parameter)
    if not layer:
        return None
    channels = 1 if "Convolution" in producer and values.dim() > 2 else values.dim() - 1
    return _Use(f"{kind} after {layer}", kind, values, channels)


def _producer(node: Any) -> tuple[str, Tensor | None]:
    """The last operation with parameters in front of a non-linearity: its node's name and one parameter."""
    waiting, seen, convolution = deque([node]), 0, False
    while waiting and seen < 40:
        current = waiting.popleft()
        seen += 1
        for following, _ in current.next_functions:
            if following is None:
                continue
            variable = getattr(following, "variable", None)
            if variable is not None:
                name = type(current).__name__
                if "Norm" in name or "norm" in name:
                    convolution = _behind_convolution(current)
                return ("Convolution" if convolution else name), variable
            waiting.append(following)
    return "", None


def _behind_convolution(norm: Any) -> bool:
    return any(f is not None and "Convolution" in type(f).__name__ for f, _ in norm.next_functions)


def _saved(node: Any, place: str) -> Tensor | None:
    """What a node kept for its backward pass; None where it kept nothing, or has let go of it."""
    try:
        value = getattr(node, place, None)
    except RuntimeError:
        return None
    return value if isinstance(value, Tensor) else None


def _spread(outputs: Tensor | None, features: Tensor | None) -> list[Tensor]:
    """[between samples, size, effective rank of the features]; empty where outputs are not one per sample."""
    if outputs is None or outputs.dim() < 2 or len(outputs) < 2 or not outputs.is_floating_point():
        return []
    flat = outputs.detach().reshape(len(outputs), -1).double()
    between = flat.std(0, correction=0).square().mean().sqrt()
    return [between, flat.square().mean().sqrt(), _effective_rank(features, outputs.device)]


def _effective_rank(features: Tensor | None, device: torch.device) -> Tensor:
    if features is None or features.dim() != 2 or min(features.shape) < 2 or features.numel() > 1 << 20:
        return torch.full((), math.nan, device=device)
    centred = features.detach().double() - features.detach().double().mean(0)
    small = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    values = torch.linalg.eigvalsh(small).clamp_min(0).sqrt() if torch.isfinite(small).all() else small.new_zeros(1)
    total = values.sum()
    shares = values / total.clamp_min(1e-300)
    return torch.where(total > 0, (-(shares * shares.clamp_min(1e-300).log()).sum()).exp(), torch.zeros_like(total))
