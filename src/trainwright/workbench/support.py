"""Which settings have no effect on an experiment, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from trainwright.core import ModelError, UsageError
from trainwright.data.augmentation import augmentation_for
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.models.building import dropout_layers, last_linear
from trainwright.workbench.prepared import is_tokens


def _no_capacity(experiment: Experiment) -> str | None:
    if experiment.model_name == "linear":
        return "a linear model has no hidden layers"
    if experiment.capacity is None:
        return "the experiment does not say which keyword of its model scales capacity"
    return None


def _no_depth(experiment: Experiment) -> str | None:
    if experiment.model_name in ("python", "linear"):
        return f"the model '{experiment.model_name}' has no depth to set"
    return None


def _no_dropout(experiment: Experiment) -> str | None:
    if experiment.model_name != "python":
        return None
    model = experiment.with_changes({"model.dropout": 0.0}).build_model(0)
    return None if dropout_layers(model) else f"{type(model).__name__} has no dropout layer"


def _no_output_bias(experiment: Experiment) -> str | None:
    model = experiment.with_changes({"model.output_bias": "default"}).build_model(0)
    n = experiment.dataset.n_outputs
    return None if last_linear(model, n) else f"{type(model).__name__} does not end in a linear layer with {n} outputs"


def _no_smoothing(experiment: Experiment) -> str | None:
    try:
        experiment.with_changes({"loss.label_smoothing": 0.1}).build_loss()
    except UsageError as error:
        return error.happened.rstrip(".")
    return None


def _no_weight_decay(experiment: Experiment) -> str | None:
    if experiment.config.optimizer.name != "python":
        return None
    try:
        changed = experiment.with_changes({"optimizer.weight_decay": 0.01})
        changed.build_optimizer(changed.build_model(0))
    except ModelError as error:
        return error.happened.rstrip(".")
    return None


def _no_momentum(experiment: Experiment) -> str | None:
    if experiment.config.optimizer.name in ("sgd", "rmsprop"):
        return None
    return f"the optimizer '{experiment.config.optimizer.name}' takes no momentum from the configuration"


def _no_augmentation(experiment: Experiment) -> str | None:
    dataset = experiment.dataset
    if is_tokens(dataset) or augmentation_for(dataset.kind, experiment.prepared.sample_shape) is None:
        return f"there is no label-preserving augmentation for {dataset.kind} samples of shape {dataset.sample_shape}"
    return None


REASONS: Mapping[str, Callable[[Experiment], str | None]] = MappingProxyType(
    {
        "model.width": _no_capacity,
        "model.depth": _no_depth,
        "model.dropout": _no_dropout,
        "model.output_bias": _no_output_bias,
        "loss.label_smoothing": _no_smoothing,
        "optimizer.weight_decay": _no_weight_decay,
        "optimizer.momentum": _no_momentum,
        "training.augmentation": _no_augmentation,
    }
)
