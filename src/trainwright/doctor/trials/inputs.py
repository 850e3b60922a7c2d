"""Trial of the inputs: their size, and what the model hands of them to its first layer."""

from __future__ import annotations

import math

import torch

from trainwright.core import CannotEvaluate
from trainwright.doctor.entering import entering
from trainwright.doctor.layers import begins_with_norm
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import trial
from trainwright.measures.batches import InputScale


def measure_input_scale(setup: Setup) -> InputScale:
    """The size of the first tensor of the inputs, over all samples of the set-up."""
    inputs = next(iter(setup.features(setup.inputs)), None)
    if inputs is None or not inputs.is_floating_point():
        raise CannotEvaluate("the inputs are no numbers that have a scale")
    values = inputs.double()
    with trial(setup), torch.enable_grad():
        setup.model.train()
        inside = entering(setup.forward(setup.inputs), inputs)
    spread, mean = torch.std_mean(values, correction=0)
    return InputScale(
        mean=float(mean),
        spread=float(spread),
        length=math.sqrt(float(values.square().mean()) * values[0].numel()),
        n_samples=len(inputs),
        shape=tuple(inputs.shape[1:]),
        normalised=begins_with_norm(setup.model),
        spread_inside=float(inside.double().std(correction=0)) if inside is not None else math.nan,
    )
