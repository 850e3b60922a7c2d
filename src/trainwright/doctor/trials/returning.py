"""Trial of the way back: does a gradient come back from the outputs to every layer that they depend on?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from trainwright.doctor.batch import rows_of, tensors_of
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
        cut = list(_before_first(tuple(calls.order), *_reached([outputs], trained)))
        others = _numbers(setup) if not cut else []
        if learning := [each for each in others if each.requires_grad]:  # a part of several that are returned
            reached, unreached = _reached(learning, trained)
            cut = [name for name in calls.order if name in {module_of(n) for n in unreached} - reached]
        changed = [p for name, p in trained.items() if module_of(name) in cut]
        return OutputGradient(cut=tuple(cut), effect=_effect(setup, inputs, others or [outputs], changed))


def _numbers(setup: Setup) -> list[Tensor]:
    """All that the model returned last, but for whole numbers."""
    return [each for each in tensors_of(setup.returned.whole) if each.is_floating_point() and each.numel()]


def _reached(outputs: Sequence[Tensor], trained: Mapping[str, Tensor]) -> tuple[set[str], list[str]]:
    """Modules that a gradient of the outputs reaches, and the parameters that none does."""
    gradients = torch.autograd.grad(
        [each.sum() for each in outputs], list(trained.values()), allow_unused=True, retain_graph=True
    )
    unreached = [n for n, g in zip(trained, gradients, strict=True) if g is None]
    return {module_of(n) for n in trained if n not in unreached}, unreached


def _before_first(order: Sequence[str], reached: set[str], unreached: Sequence[str]) -> Iterator[str]:
    """Unreached modules that run before the first reached one."""
    wanted = {module_of(name) for name in unreached} - reached
    for name in order:
        if name in reached:
            return
        if name in wanted:
            yield name


@torch.no_grad()
def _effect(setup: Setup, inputs: object, outputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> float:
    """The largest change of an output, as a share of its largest value."""
    if not parameters:
        return 0.0
    before = [each.detach().clone() for each in outputs]
    for parameter in parameters:
        parameter.mul_(1 + _CHANGE)
    torch.manual_seed(_SEED)
    main = setup.forward(inputs)
    now = [main] if len(before) == 1 else _numbers(setup)
    changes = [
        float((new - old).abs().max()) / max(float(old.abs().max()), 1e-30)
        for new, old in zip(now, before, strict=False)
        if new.shape == old.shape
    ]
    return max(changes, default=0.0)
