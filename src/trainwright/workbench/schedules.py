"""Learning-rate schedules as pure functions of the optimizer step, so that resuming needs no state."""

from __future__ import annotations

import math

from trainwright.workbench.config import ScheduleConfig

ONE_CYCLE_WARMUP = 0.25
"""Share of the steps a one-cycle schedule climbs where ``schedule.warmup`` does not say; 25–30 % is customary."""
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4
STEP_FACTOR = 0.1
STEP_AT = (0.5, 0.75)
"""Shares of all steps at which the step schedule multiplies the rate by :data:`STEP_FACTOR`."""


def schedule_factor(schedule: ScheduleConfig, step: int, total: int) -> float:
    """What the learning rate is multiplied by at ``step`` (0 … total - 1).

    constant: 1. cosine: falls to 0. onecycle: climbs from 1/25 to 1, then falls to 1e-4. step: ×0.1 at 50 % and 75 %.
    ``schedule.end`` is where it has run out, as a share of ``total``.
    ``schedule.warmup`` climbs in equal steps over that share of ``total``, for every schedule but constant 0.
    """
    total = max(1, round(schedule.end * total))
    step = min(step, total)
    if schedule.name == "onecycle":
        warmup = round((schedule.warmup or ONE_CYCLE_WARMUP) * total)
        if step < warmup:
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * step / warmup
        return ONE_CYCLE_END + (1 - ONE_CYCLE_END) * _cosine(step - warmup, total - warmup)
    warmup = round(schedule.warmup * total)
    if step < warmup:
        return (step + 1) / warmup
    if schedule.name == "cosine":
        return _cosine(step - warmup, total - warmup)
    if schedule.name == "step":
        return STEP_FACTOR ** sum(step >= share * total for share in STEP_AT)
    return 1.0


def _cosine(step: int, total: int) -> float:
    """From 1 at the first step towards 0, which would be reached one step after the last."""
    return 0.5 * (1 + math.cos(math.pi * step / total))
