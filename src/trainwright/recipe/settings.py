"""Settings: what an experiment uses now, what can be varied, and the seeds every comparison shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from trainwright.recipe.context import Context, RunPlan
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.models.building import dropout_layers

SNAPSHOTS = 10
"""Epochs whose weights every full training keeps, equally spaced: they answer early stopping, averaging and snapshot
ensembles without training again."""
MOST_DECAY = 3.0
"""A weaker decay would do nothing in a short run at a tiny rate; a stronger one than this breaks any other run."""
FRESH = 1000
"""Offset of the seeds that no decision has seen before."""


def comparison_seeds(context: Context) -> list[int]:
    """Seeds of every paired comparison up to the search."""
    return [context.experiment.config.seed + number for number in range(context.plan.seeds)]


def fresh_seeds(context: Context, count: int) -> list[int]:
    """Seeds for the last comparisons, which no earlier decision has seen."""
    return [context.experiment.config.seed + FRESH + number for number in range(count)]


def with_snapshots(experiment: Experiment, plan: RunPlan) -> Experiment:
    """The experiment as all full trainings run it, so that stages recognise each other's trainings."""
    wanted = max(experiment.config.training.snapshots, min(SNAPSHOTS, plan.epochs_full))
    return experiment.with_changes({"training.snapshots": wanted})


def learning_rate(experiment: Experiment) -> float:
    """The rate in force: the configured one, or that of the optimizer's first group."""
    configured = experiment.config.optimizer.learning_rate
    if configured is not None:
        return configured
    optimizer = experiment.build_optimizer(experiment.build_model(experiment.config.seed))
    return float(optimizer.param_groups[0]["lr"])


def capacity(experiment: Experiment) -> tuple[str, int] | None:
    """(dotted setting, present value) of what scales the model's capacity; None where the model has no such keyword."""
    if experiment.capacity is None or experiment.model_name == "linear":
        return None
    return "model.width", experiment.config.model.width


def dropout(experiment: Experiment) -> float:
    """The largest dropout probability in force, that of a user's own layers included."""
    layers = dropout_layers(experiment.build_model(experiment.config.seed))
    return max((float(layer.p) for layer in layers), default=experiment.config.model.dropout)


def weight_decay(experiment: Experiment) -> float:
    """The largest weight decay in force, that of a user's own optimizer included."""
    optimizer = experiment.build_optimizer(experiment.build_model(experiment.config.seed))
    return max(float(group.get("weight_decay", 0.0)) for group in optimizer.param_groups)


def current_value(experiment: Experiment, setting: str) -> Any:
    """What the experiment uses for a setting now, read from what it builds where its own code may decide."""
    in_force = {
        "optimizer.learning_rate": learning_rate,
        "optimizer.weight_decay": weight_decay,
        "model.dropout": dropout,
    }
    if setting in in_force:
        return in_force[setting](experiment)
    section, name = setting.split(".")
    return getattr(getattr(experiment.config, section), name)


def decay_strengths(
    experiment: Experiment, plan: RunPlan, shrinkages: Sequence[float], penalties: Sequence[float]
) -> tuple[dict[str, Any], tuple[float, ...]]:
    """Settings to fix alongside weight decay, and its strengths, weakest first.

    Decoupled decay and plain SGD shrink an idle weight by rate × decay × steps (an exponent of e) over the run:
    ``shrinkages`` gives that, so that the strengths fit every rate and length. An adaptive optimizer that adds the
    penalty to the gradient divides it by the gradient's size, so there ``penalties`` hold as they are. The built-in
    Adam becomes AdamW, which differs from it in nothing but how it decays.
    """
    fixed: dict[str, Any] = {"optimizer.name": "adamw"} if experiment.config.optimizer.name == "adam" else {}
    optimizer = experiment.build_optimizer(experiment.build_model(experiment.config.seed))
    adapts = isinstance(optimizer, torch.optim.Adam | torch.optim.RMSprop | torch.optim.Adagrad)
    if adapts and not fixed and not isinstance(optimizer, torch.optim.AdamW):
        return {}, tuple(penalties)
    training = experiment.config.training
    batches = -(-len(experiment.prepared.train_inputs) // (training.batch_size * training.accumulate))
    distance = learning_rate(experiment) * batches * plan.epochs_full
    return fixed, tuple(min(MOST_DECAY, float(f"{share / distance:.2g}")) for share in shrinkages)


def describe(changes: Mapping[str, Any]) -> str:
    """``"optimizer.learning_rate = 0.001, model.width = 32"``."""
    return ", ".join(f"{name} = {short(value)}" for name, value in changes.items()) or "nothing changed"


def short(value: Any) -> str:
    """A setting's value, numbers to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
