"""Trial of causality: may an output that predicts the next step see that step?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import map_tensors, n_samples, rows_of, tensors_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial
from trainwright.measures.causality import FutureDependence

_AGREE = 0.95
"""Share of positions at which the targets are the next inputs before the task counts as predicting them."""
_TRIVIAL = 0.9
"""… unless the targets are as often the present inputs, as where a sequence repeats one token."""


def future_dependence(setup: Setup, *, causal: bool = False, samples: int = 4) -> FutureDependence:
    """Exchange the later part of some sequences for that of other samples, and see which outputs change.

    Judged where the targets are the inputs one step later, or where the user says ``causal``. By exchange, so that
    tokens and numbers are treated alike.
    """
    inputs = rows_of(setup.inputs, slice(0, samples))
    sequence = _sequence(inputs)
    task = _task(setup, causal=causal)
    if sequence is None or task not in ("next", "declared"):
        return _result(task, sequence, 0.0, 0, 0.0)
    with trial(setup), torch.no_grad():
        setup.model.eval()
        outputs = setup.forward(inputs)
        axis = _time_axis(outputs, sequence.shape[1])
        if axis is None:
            return _result("the outputs have no row per position", sequence, 0.0, 0, 0.0)
        leaks = [
            (_leak(setup, inputs, outputs, sequence=sequence, axis=axis, last=last), last)
            for last in _positions(sequence.shape[1])
        ]
    precision = torch.finfo(outputs.dtype).eps if outputs.is_floating_point() else 0.0
    return _result(task, sequence, *max(leaks), precision)


def _result(task: str, sequence: Tensor | None, leak: float, position: int, precision: float) -> FutureDependence:
    samples, steps = (len(sequence), sequence.shape[1]) if sequence is not None else (0, 0)
    return FutureDependence(
        task=task, n_samples=samples, n_steps=steps, leak=leak, position=position, precision=precision
    )


def _sequence(inputs: Any) -> Tensor | None:
    """The tokens [N, T], else the first numbers [N, T, F]."""
    count = n_samples(inputs)
    found = [t for t in tensors_of(inputs) if t.dim() >= 2 and len(t) == count and t.shape[1] > 2]
    tokens = (t for t in found if t.dim() == 2 and not t.is_floating_point() and t.dtype != torch.bool)
    return next(tokens, next((t for t in found if t.dim() == 3 and t.is_floating_point()), None))


def _task(setup: Setup, *, causal: bool) -> str:
    if causal:
        return "declared"
    sequence, count = _sequence(setup.inputs), n_samples(setup.inputs)
    targets = next((t for t in tensors_of(setup.targets) if t.dim() >= 2 and len(t) == count), None)
    if sequence is None or targets is None:
        return "no target per position"
    if getattr(setup.loss, "shift", 0):  # the model's own loss compares with the next position by itself
        return "next"
    return "next" if _are_next(sequence, targets) else "the targets are not the next inputs"


def _are_next(sequence: Tensor, targets: Tensor) -> bool:
    if targets.shape != sequence.shape or targets.shape[1] < 3:
        return False
    known = targets[:, :-1] >= 0 if not targets.is_floating_point() else torch.ones_like(targets[:, :-1]).bool()
    if not bool(known.any()):
        return False
    following = (targets[:, :-1] == sequence[:, 1:])[known].double().mean()
    present = (targets[:, :-1] == sequence[:, :-1])[known].double().mean()
    return float(following) > _AGREE and float(present) < _TRIVIAL


def _time_axis(outputs: Tensor, steps: int) -> int | None:
    return next((axis for axis in (1, 2) if outputs.dim() > axis and outputs.shape[axis] == steps), None)


def _positions(steps: int) -> list[int]:
    """Last positions that keep their inputs: early, in the middle, late."""
    return sorted({max(0, steps // 4 - 1), steps // 2 - 1, steps - 2})


def _leak(setup: Setup, inputs: Any, outputs: Tensor, *, sequence: Tensor, axis: int, last: int) -> float:
    """Change of the outputs up to ``last`` relative to that of the later ones, when the later inputs are exchanged."""
    changed = sequence.clone()
    changed[:, last + 1 :] = sequence.roll(1, 0)[:, last + 1 :]
    other = setup.forward(map_tensors(inputs, lambda t: changed if t is sequence else t))
    difference = (other - outputs).abs().double().movedim(axis, 0)
    before, after = float(difference[: last + 1].max()), float(difference[last + 1 :].max())
    return before / after if after > 0 else (float("inf") if before > 0 else 0.0)
