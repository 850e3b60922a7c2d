"""Trial of the activations' start: how far samples differ from layer to layer, which units are dead or saturated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainwright.doctor.batch import n_samples, rows_of
from trainwright.doctor.layers import WEIGHTED
from trainwright.doctor.optimizers import leave_warm_up
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import switch_off_dropout, trial, without_compilation
from trainwright.measures.start import ActivationsAtStart, LayerStart

_FUNCTIONS = {
    "relu": "relu",
    "relu_": "relu",
    "relu6": "relu",
    "tanh": "tanh",
    "tanh_": "tanh",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "softmax": "softmax",
}
"""Names of torch's functions → kind of place. Calls are intercepted, so that ``x.relu()`` counts like ``nn.ReLU``."""
_ENDS = {"tanh": (-0.99, 0.99), "sigmoid": (0.01, 0.99)}
_CHANNELS_SECOND = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)
_WEIGHTED = (*WEIGHTED, nn.RNNBase, nn.MultiheadAttention)


@dataclass(frozen=True)
class _Seen:
    name: str
    kind: str
    n_units: int
    spread: float
    dead: float
    saturated: float


def watch_activations(setup: Setup, *, samples: int = 256, steps: int = 10) -> ActivationsAtStart:
    """Look at every place of the forward pass, make ``steps`` own steps, and look again."""
    inputs = rows_of(setup.inputs, slice(0, samples))
    with trial(setup):
        leave_warm_up(setup.optimizer)
        before = _look(setup, inputs)
        setup.model.train()
        for number in range(steps):
            setup.step(*setup.batch(number))
        after = _look(setup, inputs)
    layers = [_pair(seen, after.get(key)) for key, seen in before.items()]
    return ActivationsAtStart(layers=tuple(layers), n_samples=n_samples(inputs), steps=steps)


def _pair(seen: _Seen, after: _Seen | None) -> LayerStart:
    after = after or seen
    return LayerStart(
        name=seen.name,
        kind=seen.kind,
        n_units=seen.n_units,
        spread=seen.spread,
        spread_after=after.spread,
        dead=seen.dead,
        dead_after=after.dead,
        saturated=seen.saturated,
        saturated_after=after.saturated,
    )


@torch.no_grad()
def _look(setup: Setup, inputs: Any) -> dict[tuple[str, str, int], _Seen]:
    setup.model.train()
    switch_off_dropout(setup.model)
    watch = _Watch()
    with without_compilation(), _module_names(setup.model, watch), watch:
        setup.forward(inputs)
    return watch.found


class _Watch(TorchFunctionMode):
    """Keeps what layers with weights are given and what the functions of interest return."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, str, int], _Seen] = {}
        self.inside: list[str] = []
        self.unit_axis = -1
        self._calls: Counter[tuple[str, str]] = Counter()

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        kind = _FUNCTIONS.get(getattr(func, "__name__", ""))
        if kind and isinstance(result, Tensor):
            self.keep(kind, result)
        return result

    def keep(self, kind: str, values: Tensor) -> None:
        """Add what is seen at this place; the same place may be reached several times."""
        name = self.inside[-1] if self.inside else "model"
        number = self._calls[name, kind]
        self._calls[name, kind] += 1
        axis = self.unit_axis if values.dim() > 2 else -1
        label = f"{name} ({kind} {number + 1})" if number else name
        self.found[name, kind, number] = _Seen(
            name=label,
            kind=kind,
            n_units=values.shape[axis] if values.dim() else 1,
            spread=_spread(values),
            dead=_dead(values, axis) if kind == "relu" else float("nan"),
            saturated=_saturated(values, *_ENDS[kind]) if kind in _ENDS else float("nan"),
        )


def _spread(values: Tensor) -> float:
    if values.dim() < 2 or len(values) < 2:
        return float("nan")
    return float(values.float().var(0, correction=0).mean().sqrt())


def _dead(values: Tensor, axis: int) -> float:
    if values.dim() < 2 or not values.numel():
        return float("nan")
    units = (values > 0).movedim(axis, 0).reshape(values.shape[axis], -1)
    return float((~units.any(1)).float().mean())


def _saturated(values: Tensor, low: float, high: float) -> float:
    return float(((values < low) | (values > high)).float().mean()) if values.numel() else float("nan")


@contextmanager
def _module_names(model: nn.Module, watch: _Watch) -> Iterator[None]:
    """Let the watch know which module is running, and what enters the layers with weights."""

    def enter(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            watch.inside.append(name)
            first = next((t for t in inputs if isinstance(t, Tensor)), None)
            if isinstance(module, _WEIGHTED) and first is not None and first.is_floating_point():
                watch.keep("layer", first)
            if isinstance(module, _CHANNELS_SECOND):
                watch.unit_axis = 1
            elif isinstance(module, _WEIGHTED):
                watch.unit_axis = -1

        return hook

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ARG001 - torch's signature
        watch.inside.pop()

    handles = []
    for name, module in model.named_modules():
        handles += [module.register_forward_pre_hook(enter(name or "model")), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
