"""Variants of an experiment that the check stage compares it with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainwright.workbench.experiment import Experiment
from trainwright.workbench.prepared import is_tokens

TINY_WIDTH = 16


def zeroed_inputs(experiment: Experiment) -> Experiment:
    """The same network on inputs that are all zero: what can be had without looking at them."""
    dataset, splits = experiment.dataset, experiment.splits
    blind = replace(
        dataset,
        inputs=np.zeros_like(dataset.inputs),
        categories={},
        given_splits=dict(splits.items()),
        given_sizes=None,
    )
    # What was dropped or repeated is already left out of the splits; zeroed samples are all alike and must stay.
    kept = {"data.drop_samples": (), "data.drop_features": (), "data.deduplicate": False, "data.scaling": "none"}
    return experiment.with_dataset(blind).with_changes(kept)


def tiny_network(experiment: Experiment) -> Experiment | None:
    """One hidden layer of :data:`TINY_WIDTH` units, all else as it is; None for tokens, which need an embedding."""
    if is_tokens(experiment.dataset):
        return None
    return experiment.with_changes(
        {"model.name": "mlp", "model.width": TINY_WIDTH, "model.depth": 1, "model.output_transform": "none"}
    )


def scaled_capacity(experiment: Experiment, factor: float) -> Experiment | None:
    """``factor`` times the width; None where the model has nothing to scale."""
    if experiment.capacity is None or experiment.model_name == "linear":
        return None
    return experiment.with_changes({"model.width": max(1, round(experiment.config.model.width * factor))})
