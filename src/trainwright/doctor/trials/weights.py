"""Trial of the weights' start: does every trained weight get a gradient, and every unit one of its own?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainwright.doctor.layers import DROPOUTS, NORMALISATIONS, TABLES
from trainwright.doctor.optimizers import held_by, leave_warm_up
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import switch_off_dropout, trial
from trainwright.measures.start import WeightsAtStart, WeightStart


@dataclass
class _Watched:
    name: str
    kind: str
    parameter: nn.Parameter
    largest: float
    unit_spread: float
    stacked: int
    gradient: float = float("nan")
    gradient_spread: float = 0.0

    def look(self, parameter: Tensor) -> None:
        gradient = parameter.grad
        if gradient is None:
            return
        values = gradient.coalesce().values() if gradient.is_sparse else gradient
        largest = float(values.abs().max()) if values.numel() else 0.0
        self.gradient = max(largest, self.gradient) if self.gradient == self.gradient else largest
        if gradient.is_sparse:  # of a table, whose units need not differ
            return
        self.gradient_spread = max(self.gradient_spread, _unit_spread(gradient, self.stacked))


def watch_weights(setup: Setup, *, steps: int = 5) -> WeightsAtStart:
    """Make ``steps`` own steps and follow the gradient of every trained weight.

    Several steps, because a last layer, a residual scale or a low-rank factor that starts at zero by design keeps the
    gradient from the weights behind it for a step or two, not for longer.
    """
    with trial(setup):
        leave_warm_up(setup.optimizer)
        setup.model.train()
        switch_off_dropout(setup.model)
        watched = _trained_weights(setup)
        held = [p for group in setup.optimizer.param_groups for p in group["params"]]
        before = [p.detach().clone() for p in held]
        with _gradients_seen(watched):
            for number in range(steps):
                setup.step(*setup.batch(number))
        moved = any(not torch.equal(b, p.detach()) for b, p in zip(before, held, strict=True))
    dropout = any(isinstance(module, DROPOUTS) for module in setup.model.modules())
    return WeightsAtStart(weights=tuple(_result(w) for w in watched), steps=steps, moved=moved, has_dropout=dropout)


def _trained_weights(setup: Setup) -> list[_Watched]:
    held = held_by(setup.optimizer)
    found = []
    for name, p, module in _weights(setup.model):
        if p.requires_grad and id(p) in held and p.numel() > 1 and p.is_floating_point():
            stacked, value = _stacked(module, name), p.detach()
            spread = _unit_spread(value, stacked)
            found.append(_Watched(name, type(module).__name__, p, float(value.abs().max()), spread, stacked))
    return found


def _weights(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, nn.Module]]:
    """Every weight once, biases left out."""
    seen: set[int] = set()
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            scale = isinstance(module, NORMALISATIONS) and name == "weight"
            weighs = parameter.dim() >= 2 and not name.startswith("bias")  # Keras has biases in two dimensions
            if id(parameter) not in seen and (weighs or scale):
                seen.add(id(parameter))
                yield f"{prefix}.{name}" if prefix else name, parameter, module


@contextmanager
def _gradients_seen(watched: list[_Watched]) -> Iterator[None]:
    # Taken as they arrive: a user's own step may well clear them before it returns.
    handles = [w.parameter.register_post_accumulate_grad_hook(w.look) for w in watched]  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _unit_spread(values: Tensor, stacked: int) -> float:
    """Largest distance of a unit's values from the units' mean, relative to the root mean square of all; NaN for fewer
    than two units or values. ``stacked``: how many matrices of equal height stand on top of each other."""
    if values.dim() < 2 or len(values) % stacked or len(values) < 2 * stacked or values[0].numel() < 2:
        return float("nan")
    units = values.double().reshape(stacked, len(values) // stacked, -1)
    size = float(units.square().mean().sqrt())
    return float((units - units.mean(1, keepdim=True)).abs().max()) / size if size > 0 else 0.0


def _stacked(module: nn.Module, name: str) -> int:
    if isinstance(module, nn.RNNBase):
        return {"LSTM": 4, "GRU": 3}.get(module.mode, 1)
    return 3 if isinstance(module, nn.MultiheadAttention) and name.endswith("in_proj_weight") else 1


def _result(watched: _Watched) -> WeightStart:
    is_table = watched.kind in {table.__name__ for table in TABLES}
    nothing = float("nan")
    return WeightStart(
        name=watched.name,
        kind=watched.kind,
        n_units=len(watched.parameter),
        largest=watched.largest,
        unit_spread=nothing if is_table else watched.unit_spread,
        gradient=watched.gradient,
        gradient_spread=nothing if is_table else watched.gradient_spread,
    )
