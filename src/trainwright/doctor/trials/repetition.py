"""Trial of repetition: the user's own steps, made twice over from the same beginning."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trainwright.core import CannotEvaluate
from trainwright.doctor.optimizers import leave_warm_up
from trainwright.doctor.outside import Outside
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial, without_compilation
from trainwright.measures.reproducibility import Repetition

_STEPS = 3
_Run = tuple[Tensor | None, list[float], list[Tensor]]
"""Outputs before the first step, losses, and weights after the last step."""


def repeat_steps(setup: Setup) -> Repetition:
    """Make a forward pass and some own steps in train mode, restore everything, and do the same again.

    Random generators of the user's own are put back as well. Raises ``CannotEvaluate`` where the two differ and some
    other state that the user's code keeps is not what it was: nothing random need have a part in it then.
    """
    outside = Outside(setup.model, setup.loss, setup.step_function, setup.call)
    try:
        first = _run(setup)
        outside.restore()
        began_alike = not outside.has_moved()
        second = _run(setup)
    finally:
        outside.restore()
    differing = _first_difference(first, second)
    if differing and not began_alike:
        raise CannotEvaluate("what the model, its loss or its step keeps besides tensors cannot be put back")
    outputs = first[0]
    floating = outputs is not None and outputs.is_floating_point()
    return Repetition(
        subject=f"{_STEPS} of your own steps",
        steps=_STEPS,
        first=np.array(first[1]),
        second=np.array(second[1]),
        differing=differing,
        precision=torch.finfo(outputs.dtype).eps if outputs is not None and floating else 0.0,
        device=next((weight.device.type for weight in first[2]), "cpu"),
    )


def _run(setup: Setup) -> _Run:
    with trial(setup), without_compilation():
        leave_warm_up(setup.optimizer)
        setup.model.train()
        with torch.no_grad():
            outputs = setup.returning(setup.batch(0)[0])
            outputs = None if outputs is None else outputs.clone()
        losses = [setup.step(*setup.batch(number)) for number in range(_STEPS)]
        return outputs, losses, [weight.detach().clone() for weight in setup.model.parameters()]


def _first_difference(first: _Run, second: _Run) -> str:
    if first[0] is not None and second[0] is not None and not _equal(first[0], second[0]):
        return "the output of the forward pass"
    if first[1][:1] != second[1][:1] and np.isfinite([*first[1], *second[1]]).all():
        return "the loss of the first batch"
    same = all(_equal(one, other) for one, other in zip(first[2], second[2], strict=True))
    return "" if same else "the weights after the steps"


def _equal(one: Tensor, other: Tensor) -> bool:
    """To the bit, where NaN equals NaN."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
