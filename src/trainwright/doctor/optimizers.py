"""Optimizers of a program: what each holds, and several that move parts of one model as one."""

from __future__ import annotations

import gc
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

T = TypeVar("T")

ASKED = sorted({int(1.1**power) for power in range(130)})
"""Steps up to 220,000 at which a factor is asked for that a program's own function gives."""


class Optimizers(Optimizer):
    """Makes the steps of all of them, one after the other."""

    def __init__(self, optimizers: list[Optimizer]) -> None:
        # They keep their groups and what they remember, so torch's own constructor, which makes both, is left out.
        self.optimizers = tuple(optimizers)
        self.defaults = dict(optimizers[0].defaults)
        self.param_groups = [group for each in optimizers for group in each.param_groups]
        self.state = defaultdict(dict)
        for each in optimizers:
            self.state.update(each.state)
            each.state = self.state

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of each."""
        del closure
        for each in self.optimizers:
            each.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of each."""
        for each in self.optimizers:
            each.zero_grad(set_to_none)


def name_of(optimizer: Optimizer) -> str:
    """What it is called, or all of several."""
    each = optimizer.optimizers if isinstance(optimizer, Optimizers) else (optimizer,)
    return " and ".join(type(one).__name__ for one in each)


def held_by(optimizer: Optimizer) -> set[int]:
    """The ids of its parameters."""
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def living_optimizers() -> list[Optimizer]:
    """All that the program has, but for Lightning's wrappers, which are others over again."""
    return [each for each in _living(Optimizer) if not hasattr(each, "_optimizer")]


def _living(kind: type[T]) -> list[T]:
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]


def leave_warm_up(optimizer: Optimizer) -> None:
    """Give groups whose rate a schedule holds at 0 the rate that they are warmed up to, so that a step is one."""
    for group in optimizer.param_groups:
        if group.get("lr") == 0 and group.get("initial_lr"):
            group["lr"] = group["initial_lr"]


def peak_rates(optimizers: Iterable[Optimizer]) -> dict[int, float]:
    """The learning rate that a living scheduler of torch warms a group up to, by the group's ``id``, where it is above
    the present one."""
    schedulers = _living(LRScheduler)
    found = {}
    for optimizer in optimizers:
        own = [each for each in schedulers if getattr(each, "optimizer", None) is optimizer]
        for number, group in enumerate(optimizer.param_groups if own else ()):
            peak = max((_peak(each, number) for each in own if isinstance(each, LambdaLR)), default=None)
            peak = float(group.get("max_lr", group.get("initial_lr", 0.0))) if peak is None else peak
            if peak > float(group.get("lr", math.inf)):
                found[id(group)] = peak
    return found


def _peak(scheduler: LambdaLR, number: int) -> float:
    try:
        return max(float(scheduler.base_lrs[number] * scheduler.lr_lambdas[number](step)) for step in ASKED)
    except Exception:  # noqa: BLE001 - whatever a function of the user's does with a step that never comes
        return 0.0


def with_partners(optimizer: Optimizer, model: nn.Module, living: Iterable[Optimizer]) -> Optimizer:
    """The optimizer together with those of ``living`` that hold further parameters of the same model."""
    held = held_by(optimizer)
    missing = {id(p) for p in model.parameters() if p.requires_grad} - held
    if not missing:
        return optimizer
    partners = []
    for each in living:
        own = held_by(each)
        if own & missing and not own & held:
            partners.append(each)
            held |= own
    return Optimizers([optimizer, *partners]) if partners else optimizer
