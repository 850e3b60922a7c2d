"""Curves: a finished training as charts for the report and as measurements for the checks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from trainwright.data.dataset import Task
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.report.view import Chart, Rule
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import EpochRecord, TrainingResult
from trainwright.workbench.losses import Loss
from trainwright.workbench.randomness import seeded

MOST_LAYERS = 12
"""Lines that can still be told apart in one chart; of deeper networks evenly spaced layers are shown."""
SAMPLES_COMPARED = 64
"""Samples on which training and evaluation mode are compared."""


def learning_curve(experiment: Experiment, result: TrainingResult) -> LearningCurve:
    """The training as a measurement, beside the best prediction that ignores the input."""
    history = result.history
    constant = constant_baseline(experiment)
    metric = experiment.metric
    prepared = experiment.prepared
    schedule = experiment.config.schedule
    epochs = [r.epoch for r in history]
    return LearningCurve(
        train_loss=Curve.of(epochs, (r.train_loss for r in history)),
        validation_loss=Curve.of(epochs, (r.validation_loss for r in history)),
        train_metric=Curve.of(epochs, (r.train_metric for r in history)),
        validation_metric=Curve.of(epochs, (r.validation_metric for r in history)),
        learning_rate=Curve.of(epochs, (r.learning_rate for r in history)),
        metric_name=metric.name,
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        baseline_train_loss=constant["train"][0],
        baseline_train_metric=constant["train"][1],
        baseline_validation_loss=constant["validation"][0],
        baseline_validation_metric=constant["validation"][1],
        n_train=len(prepared.train_inputs),
        n_validation=len(prepared.validation_inputs),
        kept_at=float(result.kept_epoch),
        steps_per_epoch=history[0].step if history else None,
        optimizer=experiment.config.optimizer.name,
        has_schedule=schedule.name != "constant" or schedule.warmup > 0,
        is_game=False,
        train_only=tuple(_train_only(experiment, result)),
    )


def _train_only(experiment: Experiment, result: TrainingResult) -> Iterator[str]:
    """What acts in training only, and so may make the training loss the worse one of the two."""
    config = experiment.config
    if config.training.augmentation != "none":
        yield "augmentation"
    if config.loss.label_smoothing:
        yield "label smoothing"
    if config.training.average:
        yield "averaged weights"
    if config.loss.name == "python":
        yield "a loss of your own"
    model, inputs = experiment.build_model(result.seed), experiment.prepared.train_inputs[:SAMPLES_COMPARED]
    with torch.no_grad(), seeded(0):
        if not torch.allclose(model.train()(inputs), model.eval()(inputs), equal_nan=True):
            yield "layers that act in training only, such as dropout"


def constant_baseline(experiment: Experiment) -> dict[str, tuple[float, float]]:
    """(loss, metric) on each part of the best prediction that ignores the input, fitted on the training part."""
    prepared = experiment.prepared
    losses = {"train": experiment.build_loss(), "validation": experiment.build_loss(smoothing=False)}
    parts = {
        "train": prepared.train_targets.detach().cpu(),
        "validation": prepared.validation_targets.detach().cpu(),
    }
    if experiment.dataset.task is Task.CLASSIFICATION:
        shares = torch.bincount(parts["train"], minlength=experiment.dataset.n_outputs).double()
        logits = (shares.clamp_min(0.5) / shares.clamp_min(0.5).sum()).log().float()
        majority = int(shares.argmax())
        return {
            name: (_loss(losses[name], logits.repeat(len(t), 1), t), 100.0 * float((t == majority).double().mean()))
            for name, t in parts.items()
        }
    mean = parts["train"].double().mean()
    scale = prepared.preparation.target_scale
    return {
        name: (
            _loss(losses[name], mean.float().repeat(len(t), 1), t.reshape(-1)),
            scale * float((t.double() - mean).square().mean().sqrt()),
        )
        for name, t in parts.items()
    }


def _loss(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> float:
    with torch.no_grad():
        return float(loss(outputs, targets))


def curve_charts(
    title: str, experiment: Experiment, result: TrainingResult, baselines: Mapping[str, float]
) -> tuple[Chart, Chart]:
    """Loss and metric per epoch, the metric with the baselines drawn in."""
    metric = experiment.metric
    losses = _rows(result.history, lambda r: r.train_loss, lambda r: r.validation_loss, "loss")
    metrics = _rows(result.history, lambda r: r.train_metric, lambda r: r.validation_metric, "metric")
    return (
        Chart(
            title=f"{title}: loss",
            kind="line",
            rows=losses,
            x="epoch",
            y="loss",
            color="part",
            rules=(Rule(float(result.kept_epoch), "kept epoch", axis="x"),),
            caption="Validation rising while training falls is overfitting; both still falling: too short a run.",
        ),
        Chart(
            title=f"{title}: {metric.name}",
            kind="line",
            rows=metrics,
            x="epoch",
            y="metric",
            color="part",
            rules=tuple(Rule(value, name) for name, value in baselines.items() if math.isfinite(value)),
            caption="Dashed: what simple predictors reach on the same validation samples.",
            y_title=f"{metric.name} ({metric.unit})" if metric.unit else metric.name,
        ),
    )


def _rows(history: Iterable[EpochRecord], train: Any, validation: Any, name: str) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"epoch": record.epoch, name: float(value(record)), "part": part}
        for record in history
        for part, value in (("train", train), ("validation", validation))
        if math.isfinite(value(record))
    )


def signal_charts(result: TrainingResult) -> tuple[Chart, ...]:
    """Gradient norm and update-to-weight ratio of each layer per epoch; empty where none was recorded."""
    layers = list(dict.fromkeys(layer for record in result.history for layer in record.signal))
    step = max(1, math.ceil(len(layers) / MOST_LAYERS))
    shown = layers[::step]
    kinds = (
        (
            "gradient_norm",
            "Gradient norm per layer",
            (),
            "Layers should stay within a few factors of ten of each other.",
        ),
        (
            "update_ratio",
            "Update-to-weight ratio per layer",
            (Rule(1e-3, "1e-3, healthy"),),
            "Far above: the rate is high.",
        ),
    )
    charts = []
    for field, title, rules, caption in kinds:
        rows = tuple(
            {"epoch": record.epoch, field: float(record.signal[layer][field]), "layer": layer}
            for record in result.history
            for layer in shown
            if layer in record.signal and _drawable(record.signal[layer].get(field))
        )
        if rows:
            charts.append(
                Chart(
                    title,
                    "line",
                    rows,
                    "epoch",
                    field,
                    "layer",
                    rules,
                    caption,
                    log_y=True,
                    y_title=field.replace("_", " "),
                )
            )
    return tuple(charts)


def _drawable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0
