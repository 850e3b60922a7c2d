"""Trial of finiteness: make some own steps and find where the first NaN or Inf is born."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from trainwright.doctor.batch import tensors_of
from trainwright.doctor.finite import Place, first_non_finite, is_finite, largest, non_finite
from trainwright.doctor.gradients import dense
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.changes import with_scaled_inputs
from trainwright.doctor.trials.common import trial
from trainwright.measures.signal import NonFinite

_LOWEST_RATE = 1e-8
"""Down to this share of the user's rate lower ones are tried, by factors of ten."""
CHANCE = 1.2
"""What the loss of other batches may be above that of the first where the same rate is kept."""


def find_non_finite(setup: Setup, *, steps: int = 30) -> NonFinite:
    """Make ``steps`` own steps over mini-batches; where the loss, a gradient or a weight stops being finite, repeat the
    steps up to there and watch every module, so that the first one to do so is named.

    When it is neither the data's nor the first pass's fault, standardised inputs (where they are raw) and lower rates
    are tried. Missing values in the data are no fault as long as the steps are finite: the program leaves them out, as
    of targets that were not measured.
    """
    with trial(setup):
        step = _first_bad_step(setup, steps)
    if step < 0:
        return non_finite(None, -1, steps, learning_rate=setup.learning_rate, cure={})
    place = _bad_data(setup)
    if place is not None:
        step = 0
    else:
        with trial(setup):
            place = _watch_step(setup, step)
    cure = _find_cure(setup, place, step, steps)
    return non_finite(place, step, steps, learning_rate=setup.learning_rate, cure=cure)


def _bad_data(setup: Setup) -> Place | None:
    places = [("input", t) for t in setup.features(setup.inputs)] + [("target", t) for t in tensors_of(setup.targets)]
    for kind, tensor in places:
        if not is_finite(tensor):
            return Place(kind, f"{kind}s", tensor, largest(tensor))
    return next(
        (Place("parameter", n, p.detach(), largest(p)) for n, p in setup.model.named_parameters() if not is_finite(p)),
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
    gradients = [dense(p.grad) for p in model.parameters() if p.grad is not None]
    tensors = [p.detach() for p in model.parameters()] + gradients
    if not tensors:
        return True
    norms = torch._foreach_norm([t for t in tensors if t.is_floating_point()], float("inf"))
    return bool(torch.isfinite(torch.stack([n.double() for n in norms])).all())


def _watch_step(setup: Setup, step: int) -> Place:
    """Repeat the steps before ``step``, then watch that one."""
    setup.model.train()
    for number in range(step):
        setup.step(*setup.batch(number))
    found: list[Place] = []
    with first_non_finite(setup.model, found):
        inputs, targets = setup.batch(step)
        loss = setup.step(inputs, targets)
    if found:
        return found[0]
    if not math.isfinite(loss):
        return Place("loss", "loss", torch.tensor(loss))
    for name, parameter in reversed(list(setup.model.named_parameters())):
        if parameter.grad is not None and not is_finite(dense(parameter.grad)):
            return Place("gradient", name, dense(parameter.grad))
    for name, parameter in setup.model.named_parameters():
        if not is_finite(parameter):
            return Place("parameter", name, parameter.detach())
    return Place("loss", "loss", torch.tensor(loss))


def _find_cure(setup: Setup, place: Place, step: int, steps: int) -> Mapping[str, Any]:
    if place.kind == "input" and bool(torch.isnan(place.values).any()):
        return {"data.missing": "impute"}
    # Before the first step is made no rate can be to blame.
    caused_by_first_pass = step == 0 and place.kind in ("activation", "loss", "input", "target", "gradient")
    if caused_by_first_pass or not math.isfinite(setup.learning_rate):
        return {}
    scaled = with_scaled_inputs(setup)
    if scaled is not None:
        with trial(scaled):
            if _calms_down(scaled, steps, CHANCE):
                return {"data.scaling": "standardise"}
    factor = 0.1
    while factor >= _LOWEST_RATE:
        with trial(setup):
            for group in setup.optimizer.param_groups:
                group["lr"] = group["lr"] * factor
            if _calms_down(setup, steps):
                return {"optimizer.learning_rate": _readable_rate(setup)}
        factor /= 10
    return {}


def _calms_down(setup: Setup, steps: int, rise: float = 1.0) -> bool:
    """Whether the steps stay finite and do not end above ``rise`` times the loss they started from."""
    setup.model.train()
    losses = []
    for step in range(steps):
        losses.append(setup.step(*setup.batch(step)))
        if not math.isfinite(losses[-1]):
            return False
    tail = losses[-max(1, steps // 3) :]
    return _all_finite(setup.model) and sum(tail) / len(tail) <= rise * losses[0]


def _readable_rate(setup: Setup) -> float:
    """The optimizer's rate with three significant digits, for settings that people read."""
    return float(f"{setup.learning_rate:.3g}")
