"""Where numbers stop being numbers: the first module to give NaN or Inf, and the samples that carry it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainwright.doctor.batch import clone, tensors_of
from trainwright.doctor.restore import random_state, set_random_state
from trainwright.measures.signal import NonFinite


@dataclass(frozen=True)
class Place:
    """``kind`` and ``where`` as in ``NonFinite``, the ``values`` found there, the largest magnitude that entered."""

    kind: str
    where: str
    values: Tensor
    entered: float = math.nan


def non_finite(
    place: Place | None, step: int, steps: int, *, learning_rate: float, cure: Mapping[str, Any]
) -> NonFinite:
    """The measurement for a place, or for its absence."""
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
        learning_rate=learning_rate,
        cure=cure,
    )


@contextmanager
def first_non_finite(model: nn.Module, found: list[Place]) -> Iterator[None]:
    """While the block runs, put the first module to give a number that is not finite into ``found``."""

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001 - torch's signature
            output = output[0] if isinstance(output, tuple) else output
            if not found and isinstance(output, Tensor) and not is_finite(output):
                found.append(_bad_activation(name, inputs, output))

        return hook

    # Inner modules finish before the ones that hold them, so the innermost culprit is found first.
    handles = [module.register_forward_hook(watch(name or "model")) for name, module in model.named_modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _bad_activation(name: str, inputs: tuple[Any, ...], output: Tensor) -> Place:
    entered = next((t.detach() for t in inputs if isinstance(t, Tensor)), None)
    if entered is None:
        return Place("activation", name, output.detach().clone())
    if not is_finite(entered):
        # Every module before was fine, so the code between the modules is to blame.
        return Place("activation", f"the code before {name}", entered.clone(), largest(entered))
    return Place("activation", name, output.detach().clone(), largest(entered))


@torch.no_grad()
def replay(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Place:
    """Call a copy of a module again on inputs whose loss was not finite, and name what is to blame."""
    inputs = list(tensors_of([list(args), dict(kwargs)]))
    for tensor in inputs:
        if not is_finite(tensor.nan_to_num(math.nan, math.inf, 0.0)):  # a mask may well hold −inf
            return Place("input", "inputs", tensor.detach(), largest(tensor))
    for name, parameter in module.named_parameters():
        if not is_finite(parameter):
            return Place("parameter", name, parameter.detach(), largest(parameter))
    found: list[Place] = []
    state = random_state()
    try:
        # A copy: writing anything back into the model, even what it holds, would break the graph that waits for it.
        twin = copy.deepcopy(module)
        with first_non_finite(twin, found):
            twin(*clone(args), **clone(dict(kwargs)))
    except Exception as error:  # noqa: BLE001 - models that cannot be copied or called twice are simply not looked into
        return Place("loss", f"the loss (the model could not be called again: {error})", torch.tensor(math.nan))
    finally:
        set_random_state(state)
    return found[0] if found else Place("loss", "the loss, behind the model", torch.tensor(math.nan))


def is_finite(tensor: Tensor) -> bool:
    """Whether every value is a number, integers always; waits for the device."""
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def largest(tensor: Tensor) -> float:
    """The largest magnitude among the finite values, NaN where there is none."""
    finite = tensor.detach().double().flatten()
    finite = finite[torch.isfinite(finite)]
    return float(finite.abs().max()) if len(finite) else math.nan
