"""Budget: what a recipe run will do and cost, decided before it starts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from trainwright.core.errors import UsageError
from trainwright.recipe.context import RunPlan
from trainwright.recipe.stage import Stage
from trainwright.recipe.workers import useful_workers
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import train

FIXED_SECONDS = 15.0
"""Baselines, pictures and the report, which do not grow with the plan (measured on digits with two cores: 9 to 13
s).
"""
MARGIN = 1.15
"""A plan must fit with this much to spare: per-training times vary by about a tenth between stages."""
SMALLEST_EFFORT = 0.2
MEASURED_STEPS = 64
"""Optimizer steps timed before the plan is made: a second or two for most models."""
WORTH_MORE_THREADS = 1.25
"""More threads must be this much faster than one; less is within the noise of a shared machine."""
EFFICIENCY = 0.8
"""Of a core when every core trains something else; more threads for one training must be faster than all of those."""
SIDE_BY_SIDE = 0.85
"""Share of the trainings that wait for no other one (measured on digits: two workers are 1.7 times as fast as one)."""


def parse_duration(text: str) -> float:
    """Seconds in ``90``, ``45s``, ``5m``, ``1h30m``; ``UsageError`` for anything else."""
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip().lower())
    seconds = sum(float(v) * unit for v, unit in zip(match.groups(), (3600, 60, 1), strict=True) if v) if match else 0.0
    if seconds <= 0:
        raise UsageError(
            f"'{text}' is not a duration.",
            expected="A positive time such as 90s, 5m or 1h30m.",
            todo="Pass for example --budget 5m.",
        )
    return seconds


def format_duration(seconds: float) -> str:
    """``75`` as ``1m 15s``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


def measure_epoch(experiment: Experiment, workers: int = 1) -> tuple[int, float]:
    """(threads, seconds of one epoch): one thread, or all of them where that is clearly faster on this experiment.

    Where ``workers`` processes can train at the same time, faster than they are together. Measured on at most
    :data:`MEASURED_STEPS` steps, start-up excluded. Small networks lose time to many threads, and much of it on a
    machine that others use too. The number of threads is left as it was.
    """
    available = torch.get_num_threads()
    sample, share = _sample(experiment)
    seconds = {}
    try:
        for threads in sorted({1, available}):
            torch.set_num_threads(threads)
            seconds[threads] = _second_epoch(sample) / share
    finally:
        torch.set_num_threads(available)
    best = min(seconds, key=lambda n: seconds[n])
    worth = max(WORTH_MORE_THREADS, EFFICIENCY * workers)
    threads = best if seconds[best] * worth <= seconds[1] else 1
    return threads, seconds[threads]


def _sample(experiment: Experiment) -> tuple[Experiment, float]:
    """The experiment on the first few batches, and which share of an epoch that is."""
    splits = experiment.splits
    wanted = MEASURED_STEPS * experiment.config.training.batch_size * experiment.config.training.accumulate
    share = min(1.0, wanted / len(splits.train))
    if share == 1.0:
        return experiment, 1.0
    parts = {name: rows[: max(2, round(len(rows) * share))] for name, rows in splits.items()}
    dataset = replace(experiment.dataset, given_splits=parts, given_sizes=None)
    as_selected = {"data.drop_samples": (), "data.drop_features": (), "data.deduplicate": False}
    return experiment.with_dataset(dataset).with_changes(as_selected), share


def _second_epoch(experiment: Experiment) -> float:
    moments = [time.perf_counter()]
    train(
        experiment.with_changes({"training.epochs": 2, "training.early_stopping": 0}),
        seed=experiment.config.seed,
        on_epoch=lambda _: moments.append(time.perf_counter()),
    )
    return moments[-1] - moments[-2]


def make_plan(
    experiment: Experiment, stages: Sequence[Stage], budget_seconds: float | None, workers: int = 1
) -> RunPlan:
    """The fullest plan that fits the budget; ``UsageError`` when even the smallest honest one does not.

    Epochs shrink first, then the number of long trials and ensemble members. Seeds and short trials stay: fewer could
    not tell a gain from noise. ``workers``: processes that may train at the same time.
    """
    recipe = experiment.config.recipe
    threads, seconds_per_epoch = measure_epoch(experiment, useful_workers(experiment, 1, workers))
    epochs = max(2, round(experiment.epochs * recipe.effort))
    plan = RunPlan(
        epochs_full=epochs,
        epochs_short=short_of(epochs),
        seeds=recipe.seeds,
        short_trials=recipe.short_trials,
        long_trials=recipe.long_trials,
        ensemble=recipe.ensemble,
        rate_sweeps=recipe.rate_sweeps,
        seconds_per_training=seconds_per_epoch * epochs,
        threads=threads,
        workers=useful_workers(experiment, threads, workers),
        budget_seconds=budget_seconds,
    )
    if budget_seconds is None:
        return plan
    fitted = fit(plan, experiment, stages, budget_seconds)
    if fitted is None:
        least = predict_total(shrink(plan, SMALLEST_EFFORT), experiment, stages) * MARGIN
        raise UsageError(
            f"A budget of {format_duration(budget_seconds)} is too small: the least that can still tell a gain from "
            f"noise on this data and machine takes about {format_duration(least)}.",
            expected=f"--budget of at least {format_duration(least)}.",
            todo="Give more time, fewer samples, a smaller model, or stop earlier with --until.",
        )
    return fitted


def fit(plan: RunPlan, experiment: Experiment, stages: Sequence[Stage], seconds: float) -> RunPlan | None:
    """``plan`` shrunk so that ``stages`` take at most ``seconds``; None when that is impossible."""
    effort = 1.0
    while effort >= SMALLEST_EFFORT:
        candidate = shrink(plan, effort)
        if predict_total(candidate, experiment, stages) * MARGIN <= seconds:
            return candidate
        effort *= 0.85
    return None


def predict(plan: RunPlan, experiment: Experiment, stages: Sequence[Stage]) -> dict[str, float]:
    """Predicted seconds of each stage."""
    fixed = FIXED_SECONDS / max(1, len(stages))
    each = plan.seconds_per_training * (1 - SIDE_BY_SIDE + SIDE_BY_SIDE / plan.workers)
    return {s.name: s.trainings(experiment, plan) * each + fixed for s in stages}


def predict_total(plan: RunPlan, experiment: Experiment, stages: Sequence[Stage]) -> float:
    """Predicted seconds of all ``stages`` together."""
    return sum(predict(plan, experiment, stages).values())


def short_of(epochs_full: int) -> int:
    """Epochs of a short trial: long enough to rank settings, a third of a full training."""
    return max(1, round(epochs_full / 3))


def shrink(plan: RunPlan, effort: float) -> RunPlan:
    """``plan`` with its epochs multiplied by ``effort``; below one half also fewer long trials and members."""
    if effort >= 1.0:
        return plan
    epochs = max(2, round(plan.epochs_full * effort))
    note = f"To keep the budget, full trainings take {epochs} epochs instead of {plan.epochs_full}."
    return replace(
        plan,
        epochs_full=epochs,
        epochs_short=short_of(epochs),
        long_trials=plan.long_trials if effort > 0.5 else max(1, plan.long_trials // 2),
        ensemble=plan.ensemble if effort > 0.5 else max(3, min(plan.ensemble, 3)),
        seconds_per_training=plan.seconds_per_training * epochs / plan.epochs_full,
        notes=(*plan.notes, note),
    )
