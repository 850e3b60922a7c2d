"""Trial of causality: may an output that predicts the next step see that step?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import map_tensors, n_samples, rows_of, tensors_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import seeded_outputs, trial
from trainwright.measures.causality import FutureDependence

_AGREE = 0.95
"""Share of positions at which the targets are the next inputs before the task counts as predicting them."""
_TRIVIAL = 0.9
"""… unless the targets are as often the present inputs, as where a sequence repeats one token."""


def future_dependence(setup: Setup, *, causal: bool = False, samples: int = 4) -> FutureDependence:
    """Exchange the later part of some sequences for that of other samples, and see which outputs change.

    Judged where an input is the targets one step earlier, as in a language model or a decoder, where one of several
    inputs is the targets unshifted, or where the user says ``causal``. By exchange, so that tokens and numbers are
    treated alike.
    """
    inputs = rows_of(setup.inputs, slice(0, samples))
    found = _sequences(inputs)
    task, judged = _task(setup, causal=causal)
    if not judged:
        return _result(task, found[0] if found else None, 0.0, 0, 0.0)
    leaks = []
    with trial(setup), torch.no_grad():
        setup.model.eval()
        outputs = seeded_outputs(setup, inputs)
        for sequence in (found[number] for number in judged):
            axis = _time_axis(outputs, sequence.shape[1])
            if axis is None:
                return _result("the outputs have no row per position", sequence, 0.0, 0, 0.0)
            ahead = 0 if task == "same" else 1
            leaks += [
                (_leak(setup, inputs, outputs, sequence=sequence, axis=axis, last=last, ahead=ahead), last)
                for last in _positions(sequence.shape[1])
            ]
    precision = torch.finfo(outputs.dtype).eps if outputs.is_floating_point() else 0.0
    return _result(task, found[judged[0]], *max(leaks), precision)


def _result(task: str, sequence: Tensor | None, leak: float, position: int, precision: float) -> FutureDependence:
    samples, steps = (len(sequence), sequence.shape[1]) if sequence is not None else (0, 0)
    return FutureDependence(
        task=task, n_samples=samples, n_steps=steps, leak=leak, position=position, precision=precision
    )


def _sequences(inputs: Any) -> list[Tensor]:
    """All inputs of tokens [N, T], else the first one of numbers [N, T, F]."""
    count = n_samples(inputs)
    found = [t for t in tensors_of(inputs) if t.dim() >= 2 and len(t) == count and t.shape[1] > 2]
    tokens = [t for t in found if t.dim() == 2 and not t.is_floating_point() and t.dtype != torch.bool]
    return tokens or [t for t in found if t.dim() == 3 and t.is_floating_point()][:1]


def _task(setup: Setup, *, causal: bool) -> tuple[str, list[int]]:
    """What the targets are, and the numbers of the sequences that show it."""
    sequences, count = _sequences(setup.inputs), n_samples(setup.inputs)
    if causal and sequences:
        return "declared", [0]
    targets = next((t for t in tensors_of(setup.targets) if t.dim() >= 2 and len(t) == count), None)
    if not sequences or targets is None:
        return "no target per position", []
    if getattr(setup.loss, "shift", 0):  # the model's own loss compares with the next position by itself
        return "next", [0]
    earlier = [number for number, sequence in enumerate(sequences) if _are_next(sequence, targets)]
    if earlier:
        return "next", earlier[:1]
    same = [number for number, sequence in enumerate(sequences) if _are_tokens(sequence, targets)]
    # Whose only sequence is its target rebuilds it, as an auto-encoder does.
    if same and any(_tells(sequence) for number, sequence in enumerate(sequences) if number not in same):
        return "same", same
    return "the targets are not the next inputs", []


def _are_next(sequence: Tensor, targets: Tensor) -> bool:
    if targets.shape != sequence.shape or targets.shape[1] < 3:
        return False
    following = _agreement(sequence[:, 1:], targets[:, :-1])
    return following > _AGREE and _agreement(sequence[:, :-1], targets[:, :-1]) < _TRIVIAL


def _are_tokens(sequence: Tensor, targets: Tensor) -> bool:
    alike = targets.shape == sequence.shape and not targets.is_floating_point() and targets.shape[1] >= 3
    return alike and _agreement(sequence, targets) > _AGREE and bool((targets != targets[:, :1]).any())


def _tells(sequence: Tensor) -> bool:
    """Whether a sequence is more than a mask of two values, or positions that are the same for every sample."""
    return len(torch.unique(sequence)) > 2 and bool((sequence != sequence[:1]).any())


def _agreement(sequence: Tensor, targets: Tensor) -> float:
    """Share of the known targets (from zero on, where they are tokens) that the sequence has at the same places."""
    known = targets >= 0 if not targets.is_floating_point() else torch.ones_like(targets).bool()
    return float((targets == sequence)[known].double().mean()) if bool(known.any()) else 0.0


def _time_axis(outputs: Tensor, steps: int) -> int | None:
    return next((axis for axis in (1, 2) if outputs.dim() > axis and outputs.shape[axis] == steps), None)


def _positions(steps: int) -> list[int]:
    """Last positions that keep their inputs: early, in the middle, late."""
    return sorted({max(0, steps // 4 - 1), steps // 2 - 1, steps - 2})


def _leak(setup: Setup, inputs: Any, outputs: Tensor, *, sequence: Tensor, axis: int, last: int, ahead: int) -> float:
    """Change of the outputs up to ``last`` relative to that of the later ones, when the inputs are exchanged from that
    on which is ``ahead`` of it."""
    changed = sequence.clone()
    changed[:, last + ahead :] = sequence.roll(1, 0)[:, last + ahead :]
    other = seeded_outputs(setup, map_tensors(inputs, lambda t: changed if t is sequence else t))
    difference = (other - outputs).abs().double().movedim(axis, 0)
    before, after = float(difference[: last + 1].max()), float(difference[last + 1 :].max())
    return before / after if after > 0 else (float("inf") if before > 0 else 0.0)
