"""Trial of finiteness: make some own steps and find where the first NaN or Inf is born."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainwright.doctor.batch import tensors_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial
from trainwright.measures.signal import NonFinite

_LOWEST_RATE = 1e-8
"""Down to this share of the user's rate lower ones are tried, by factors of ten."""


@dataclass(frozen=True)
class _Place:
    kind: str
    where: str
    values: Tensor
    entered: float = math.nan


def find_non_finite(setup: Setup, *, steps: int = 30) -> NonFinite:
    """Make ``steps`` own steps over mini-batches; where the loss, a gradient or a weight stops being finite, repeat the
    steps up to there and watch every module, so that the first one to do so is named.

    When it is neither the data's nor the first pass's fault, lower rates are tried.
    """
    place = _bad_data(setup)
    step = 0
    if place is None:
        with trial(setup):
            step = _first_bad_step(setup, steps)
        if step < 0:
            return _measurement(setup, None, -1, steps, {})
        with trial(setup):
            place = _watch_step(setup, step)
    return _measurement(setup, place, step, steps, _find_cure(setup, place, step, steps))


def _measurement(setup: Setup, place: _Place | None, step: int, steps: int, cure: Mapping[str, Any]) -> NonFinite:
    bad = ~torch.isfinite(place.values) if place else torch.zeros(0, dtype=torch.bool)
    rows: tuple[int, ...] = ()
    if place and place.kind in ("input", "target", "activation") and bad.dim():
        rows = tuple(bad.reshape(len(bad), -1).any(1).nonzero().flatten().tolist()[:20])
    return NonFinite(
        kind=place.kind if place else "none",
        where=place.where if place else "",
        step=step,
        steps=steps,
        n_bad=int(bad.sum()),
        n_values=bad.numel(),
        samples=rows,
        largest_before=place.entered if place else math.nan,
        learning_rate=setup.learning_rate,
        cure=cure,
    )


def _bad_data(setup: Setup) -> _Place | None:
    places = [("input", t) for t in setup.features(setup.inputs)] + [("target", t) for t in tensors_of(setup.targets)]
    for kind, tensor in places:
        if not _finite(tensor):
            return _Place(kind, f"{kind}s", tensor, _largest(tensor))
    return next(
        (_Place("parameter", n, p.detach(), _largest(p)) for n, p in setup.model.named_parameters() if not _finite(p)),
        None,
    )


def _first_bad_step(setup: Setup, steps: int) -> int:
    """Number of steps made before the one that shows a non-finite number, or −1."""
    setup.model.train()
    for step in range(steps):
        loss = setup.step(*setup.batch(step))
        if not math.isfinite(loss) or not _all_finite(setup.model):
            return step
    return -1


def _all_finite(model: nn.Module) -> bool:
    """Whether weights and gradients are finite; their norms are fused and cross to the host together."""
    gradients = [_dense(p.grad) for p in model.parameters() if p.grad is not None]
    tensors = [p.detach() for p in model.parameters()] + gradients
    if not tensors:
        return True
    norms = torch._foreach_norm([t for t in tensors if t.is_floating_point()], float("inf"))
    return bool(torch.isfinite(torch.stack([n.double() for n in norms])).all())


def _watch_step(setup: Setup, step: int) -> _Place:
    """Repeat the steps before ``step``, then watch that one."""
    setup.model.train()
    for number in range(step):
        setup.step(*setup.batch(number))
    found: list[_Place] = []
    with _hooks(setup.model, found):
        inputs, targets = setup.batch(step)
        loss = setup.step(inputs, targets)
    if found:
        return found[0]
    if not math.isfinite(loss):
        return _Place("loss", "loss", torch.tensor(loss))
    for name, parameter in reversed(list(setup.model.named_parameters())):
        if parameter.grad is not None and not _finite(_dense(parameter.grad)):
            return _Place("gradient", name, _dense(parameter.grad))
    for name, parameter in setup.model.named_parameters():
        if not _finite(parameter):
            return _Place("parameter", name, parameter.detach())
    return _Place("loss", "loss", torch.tensor(loss))


@contextmanager
def _hooks(model: nn.Module, found: list[_Place]) -> Iterator[None]:
    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001 - torch's signature
            output = output[0] if isinstance(output, tuple) else output
            if not found and isinstance(output, Tensor) and not _finite(output):
                found.append(_bad_activation(name, inputs, output))

        return hook

    # Inner modules finish before the ones that hold them, so the innermost culprit is found first.
    handles = [module.register_forward_hook(watch(name or "model")) for name, module in model.named_modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _bad_activation(name: str, inputs: tuple[Any, ...], output: Tensor) -> _Place:
    entered = next((t.detach() for t in inputs if isinstance(t, Tensor)), None)
    if entered is None:
        return _Place("activation", name, output.detach().clone())
    if not _finite(entered):
        # Every module before was fine, so the code between the modules is to blame.
        return _Place("activation", f"the code before {name}", entered.clone(), _largest(entered))
    return _Place("activation", name, output.detach().clone(), _largest(entered))


def _find_cure(setup: Setup, place: _Place, step: int, steps: int) -> Mapping[str, Any]:
    if place.kind == "input" and bool(torch.isnan(place.values).any()):
        return {"data.missing": "impute"}
    # Before the first step is made no rate can be to blame.
    caused_by_first_pass = step == 0 and place.kind in ("activation", "loss", "input", "target", "gradient")
    if caused_by_first_pass or not math.isfinite(setup.learning_rate):
        return {}
    factor = 0.1
    while factor >= _LOWEST_RATE:
        with trial(setup):
            for group in setup.optimizer.param_groups:
                group["lr"] = group["lr"] * factor
            if _calms_down(setup, steps):
                return {"optimizer.learning_rate": _readable_rate(setup)}
        factor /= 10
    return {}


def _calms_down(setup: Setup, steps: int) -> bool:
    """Whether the steps stay finite and do not end above the loss they started from."""
    setup.model.train()
    losses = []
    for step in range(steps):
        losses.append(setup.step(*setup.batch(step)))
        if not math.isfinite(losses[-1]):
            return False
    tail = losses[-max(1, steps // 3) :]
    return _all_finite(setup.model) and sum(tail) / len(tail) <= losses[0]


def _readable_rate(setup: Setup) -> float:
    """The optimizer's rate with three significant digits, for settings that people read."""
    return float(f"{setup.learning_rate:.3g}")


def _dense(gradient: Tensor) -> Tensor:
    """The gradient, or of a sparse one the values it holds."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _largest(tensor: Tensor) -> float:
    finite = tensor.detach().double().flatten()
    finite = finite[torch.isfinite(finite)]
    return float(finite.abs().max()) if len(finite) else math.nan
