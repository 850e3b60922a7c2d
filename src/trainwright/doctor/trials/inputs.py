"""Trials of the inputs: their size and layout, as the model hands them to its first layer."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from trainwright.core import CannotEvaluate
from trainwright.doctor.entering import CONVOLUTION, entering
from trainwright.doctor.layers import begins_with_norm
from trainwright.doctor.layout import layout_of
from trainwright.doctor.observers.sentinels import Sentinels
from trainwright.doctor.observers.sums import Sums
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial
from trainwright.measures.batches import InputLayout, InputScale


def measure_input_scale(setup: Setup) -> InputScale:
    """The size of the first tensor of the inputs, over all samples of the set-up."""
    inputs = _numbers(setup)
    _, inside = _entering(setup, inputs)
    sums, sentinels = Sums(), Sentinels()
    sums.add(inputs)
    sentinels.trained(inputs)
    feature, value, n_far, distance = sentinels.farthest()
    return replace(
        sums.scale(normalised=begins_with_norm(setup.model)),
        spread_inside=float(inside.double().std(correction=0)) if inside is not None else math.nan,
        far_feature=feature,
        far_value=value,
        n_far=n_far,
        far_distance=distance,
    )


def measure_input_layout(setup: Setup) -> InputLayout:
    """How like neighbours are in what enters a first layer that is a convolution."""
    operation, inside = _entering(setup, _numbers(setup))
    found = layout_of(inside) if inside is not None and operation == CONVOLUTION else None
    if found is None:
        raise CannotEvaluate("no pictures or signals of several channels enter a convolution")
    return found


def _numbers(setup: Setup) -> Tensor:
    inputs = next(iter(setup.features(setup.inputs)), None)
    if inputs is None or not inputs.is_floating_point():
        raise CannotEvaluate("the inputs are no numbers that have a scale")
    return inputs


def _entering(setup: Setup, inputs: Tensor) -> tuple[str, Tensor | None]:
    with trial(setup), torch.enable_grad():
        setup.model.train()
        return entering(setup.forward(setup.inputs), inputs) or ("", None)
