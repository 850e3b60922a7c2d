"""Trial of the loss: does it respond to the outputs of the samples of either target value?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from trainwright.core import CannotEvaluate
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import plain_targets, trial
from trainwright.measures.gradients import LossResponse

_FEWEST = 3
"""Samples of each target value."""
_FACTORS = (0.03, 0.3, 1.0, 3.0, 30.0)


@torch.no_grad()
def loss_response(setup: Setup) -> LossResponse:
    """Move the outputs of all samples of one target value up and down, far and a little, and see whether the loss
    changes.

    Raises ``CannotEvaluate`` unless there are two target values, one for each sample, and one output. Of more values,
    or of several targets in one sample, some may be meant to be left out (masks, unlabelled samples, padding).
    """
    targets = plain_targets(setup)
    values = torch.unique(targets)
    if targets.numel() != len(targets) or len(values) != 2:
        raise CannotEvaluate("the targets are not one of two values for each sample")
    with trial(setup):
        setup.model.eval()
        outputs = setup.forward(setup.inputs).detach()
        if outputs.numel() != len(targets):
            raise CannotEvaluate(f"outputs {list(outputs.shape)} are not one for each target")
        of_value = [(targets == value).reshape(outputs.shape) for value in values]
        if min(int(rows.sum()) for rows in of_value) < _FEWEST:
            raise CannotEvaluate(f"fewer than {_FEWEST} samples have one of the two target values")
        unmoved = _loss(setup, outputs, targets)
        found = [any(change != 0 for change in _changes(setup, outputs, targets, rows, unmoved)) for rows in of_value]
    if found[0] == found[1]:
        return LossResponse(passed_over=math.nan, other=math.nan, n_samples=0)
    place = found.index(False)
    low, high = values.tolist()
    return LossResponse(passed_over=(low, high)[place], other=(high, low)[place], n_samples=int(of_value[place].sum()))


def _changes(setup: Setup, outputs: Tensor, targets: Tensor, rows: Tensor, unmoved: float) -> Iterator[float]:
    """Changes of the loss, those left out where it is no number: not every loss takes any output."""
    scale = max(1.0, float(outputs.std()))
    ends = (outputs.min(), outputs.max())
    moved = [outputs + factor * scale for each in _FACTORS for factor in (-each, each)]
    for other in (*moved, *(torch.full_like(outputs, float(end)) for end in ends)):
        value = _loss(setup, torch.where(rows, other, outputs), targets)
        if math.isfinite(value):
            yield value - unmoved


def _loss(setup: Setup, outputs: Tensor, targets: Tensor) -> float:
    torch.manual_seed(0)
    return float(setup.loss(outputs, targets))
