"""Learning-rate range test: a rate for a model and its data, or an honest refusal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch.optim import Optimizer

from trainwright.workbench.experiment import Experiment

LOWEST, HIGHEST = 1e-7, 10.0
"""Rates outside are of no use to any optimizer of the field."""
STEPS = 160
"""Of one sweep: twenty for each factor of ten, so that a smoothed minimum is placed within a factor of 1.5."""
SMOOTHING = 0.9
"""Weight of the past in the running mean of the loss, which is corrected for its start."""
DIVERGED = 4.0
"""A smoothed loss this many times its best ends the sweep."""
SAFETY = 10.0
"""The suggestion is the rate at the lowest smoothed loss over this: on digits it varied by 2× between seeds, whereas
the valley varied by 48× and the steepest descent by 100×."""
LEAST_FALL = 0.05
"""A sweep whose smoothed loss falls by less than this share of its start has seen no learning to judge by."""
LARGEST_SPREAD = 10.0
"""Sweeps that disagree by more than this factor give no answer."""


@dataclass(frozen=True)
class Sweep:
    """One range test. ``rates`` and smoothed ``losses`` per step; ``suggestion`` is None when nothing was learned."""

    seed: int
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    diverged: bool
    suggestion: float | None


@dataclass(frozen=True)
class RateFinding:
    """What several sweeps say together: ``rate`` is their median, or None with the ``reason`` for refusing.

    ``spread`` is the largest over the smallest suggestion.
    """

    rate: float | None
    spread: float
    reason: str
    sweeps: tuple[Sweep, ...]


def sweep_rates(experiment: Experiment, seed: int, steps: int = STEPS) -> Sweep:
    """Train a fresh model for ``steps`` batches while the rate grows exponentially; stops when the loss explodes.

    The experiment's own model, loss and optimizer are used; parameter groups keep their proportions. The batches come
    from the prepared training part.
    """
    setup = experiment.setup(seed)
    setup.model.train()
    prepared = experiment.prepared
    size = min(experiment.config.training.batch_size, len(prepared.train_inputs))
    rows = _batches(len(prepared.train_inputs), size, steps, seed)
    device = setup.inputs.device
    scale = _rate_setter(setup.optimizer)

    def step(position: int, rate: float) -> float:
        scale(rate)
        chosen = rows[position]
        return setup.step(prepared.train_inputs[chosen].to(device), prepared.train_targets[chosen].to(device))

    return _sweep(step, seed, steps)


def _sweep(step: Callable[[int, float], float], seed: int, steps: int) -> Sweep:
    growth = (HIGHEST / LOWEST) ** (1 / max(1, steps - 1))
    rates: list[float] = []
    losses: list[float] = []
    running, weight, diverged = 0.0, 0.0, False
    for position in range(steps):
        rate = LOWEST * growth**position
        loss = step(position, rate)
        if not math.isfinite(loss):
            diverged = True
            break
        running = SMOOTHING * running + (1 - SMOOTHING) * loss
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        rates.append(rate)
        losses.append(running / weight)
        # Losses that may be negative have no meaningful multiple; distance from the start serves for both.
        if losses[-1] - min(losses) > (DIVERGED - 1) * max(abs(losses[0]), abs(min(losses))) and position > 10:
            diverged = True
            break
    return Sweep(seed, tuple(rates), tuple(losses), diverged, suggest_rate(rates, losses))


def suggest_rate(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """The rate at the lowest smoothed loss over :data:`SAFETY`; None when the loss hardly fell."""
    if not losses:
        return None
    start = median(losses[: max(1, len(losses) // 8)])
    lowest = min(range(len(losses)), key=losses.__getitem__)
    if start - losses[lowest] < LEAST_FALL * abs(start):
        return None
    return rates[lowest] / SAFETY


def combine_sweeps(sweeps: Sequence[Sweep]) -> RateFinding:
    """Median suggestion of the sweeps, or a refusal when most saw no learning or they disagree."""
    found = [sweep.suggestion for sweep in sweeps if sweep.suggestion is not None]
    if len(found) * 2 <= len(sweeps):
        reason = f"in {len(sweeps) - len(found)} of {len(sweeps)} sweeps the loss did not fall at any rate"
        return RateFinding(None, math.inf, reason, tuple(sweeps))
    spread = max(found) / min(found)
    if spread > LARGEST_SPREAD:
        reason = f"the sweeps disagree by a factor of {spread:.0f} (more than {LARGEST_SPREAD:.0f})"
        return RateFinding(None, spread, reason, tuple(sweeps))
    rate = float(f"{math.exp(median(math.log(value) for value in found)):.2g}")
    return RateFinding(rate, spread, f"{len(found)} sweeps agree within a factor of {spread:.1f}", tuple(sweeps))


def _batches(n: int, size: int, steps: int, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    batches: list[torch.Tensor] = []
    while len(batches) < steps:
        order = torch.randperm(n, generator=generator)
        batches.extend(order[start : start + size] for start in range(0, n - size + 1, size))
    return batches[:steps]


def _rate_setter(optimizer: Optimizer) -> Callable[[float], None]:
    """Sets the first group's rate and the others in proportion, as ``optimizer.learning_rate`` does."""
    given = [float(group["lr"]) for group in optimizer.param_groups]
    reference = given[0] or 1.0

    def set_rate(rate: float) -> None:
        for group, own in zip(optimizer.param_groups, given, strict=True):
            value = rate * own / reference
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(value)
            else:
                group["lr"] = value

    return set_rate
