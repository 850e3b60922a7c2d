"""Trial of the way back: does a gradient come back from the outputs to every layer that they depend on?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from trainwright.doctor.batch import rows_of
from trainwright.doctor.calls import Calls
from trainwright.doctor.optimizers import held_by
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial
from trainwright.measures.gradients import OutputGradient
from trainwright.measures.reach import module_of

_SEED = 0
_CHANGE = 0.1


def output_gradient(setup: Setup, *, samples: int = 16) -> OutputGradient:
    """Differentiate the outputs, and change the parameters to which no gradient comes back.

    In train mode with the same random numbers each time, so that a sampled output depends on what it is sampled from.
    """
    inputs = rows_of(setup.inputs, slice(samples))
    held = held_by(setup.optimizer)
    trained = {n: p for n, p in setup.model.named_parameters() if p.requires_grad and id(p) in held}
    with trial(setup), torch.enable_grad():
        setup.model.train()
        torch.manual_seed(_SEED)
        with Calls([setup.model]) as calls:
            outputs = setup.forward(inputs)
        if not outputs.requires_grad or not trained:
            return OutputGradient(cut=(), effect=0.0)  # no layer is reached: the loss, if any, tells
        gradients = torch.autograd.grad(outputs.sum(), list(trained.values()), allow_unused=True)
        unreached = [n for n, g in zip(trained, gradients, strict=True) if g is None]
        cut = list(_before_first(tuple(calls.order), {module_of(n) for n in trained if n not in unreached}, unreached))
        changed = [trained[name] for name in unreached if module_of(name) in cut]
        return OutputGradient(cut=tuple(cut), effect=_effect(setup, inputs, outputs.detach(), changed))


def _before_first(order: Sequence[str], reached: set[str], unreached: Sequence[str]) -> Iterator[str]:
    """Unreached modules that run before the first reached one."""
    wanted = {module_of(name) for name in unreached} - reached
    for name in order:
        if name in reached:
            return
        if name in wanted:
            yield name


@torch.no_grad()
def _effect(setup: Setup, inputs: object, outputs: Tensor, parameters: Sequence[Tensor]) -> float:
    if not parameters:
        return 0.0
    for parameter in parameters:
        parameter.mul_(1 + _CHANGE)
    torch.manual_seed(_SEED)
    difference = (setup.forward(inputs) - outputs).abs().max()
    return float(difference) / max(float(outputs.abs().max()), 1e-30)
