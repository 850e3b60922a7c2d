"""Set-ups of which one cannot say what belongs to which sample: the first axis may be time, or samples are compared."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trainwright.core import CannotEvaluate
from trainwright.doctor.batch import n_samples, rows_of
from trainwright.doctor.setup import Setup

_SHIFTED = 0.95
"""Share of the targets that are the next tokens along an axis, from which that axis is time."""


def may_be_time_first(setup: Setup) -> bool:
    """Whether the first dimension may well be time, whose steps depend on each other by design.

    So it is where layers take time first and there is a target for each position: [T, N] looks like [N, T]. Where the
    targets are the next tokens along the second axis, that one is time, and where the first one is as long as a
    loader's batch, or as the list of places that targets were taken from, it is not.
    """
    kinds = (nn.RNNBase, nn.MultiheadAttention)
    time_first = any(isinstance(m, kinds) and not m.batch_first for m in setup.model.modules())
    targets = setup.targets
    if not time_first or not isinstance(targets, Tensor) or targets.dim() < 2:
        return False
    if setup.samples_first and targets.shape[0] != targets.shape[1]:
        return False
    alike = [t for t in setup.features(setup.inputs) if t.shape[:2] == targets.shape[:2]]
    return bool(alike) and not any(_go_on_along_rows(tokens, targets) for tokens in alike)


def _go_on_along_rows(tokens: Tensor, targets: Tensor) -> bool:
    if tokens.shape != targets.shape or tokens.is_floating_point() or tokens.shape[1] < 3:
        return False
    return float((tokens[:, 1:] == targets[:, :-1]).double().mean()) > _SHIFTED


def refuse_time_first(setup: Setup) -> None:
    """``CannotEvaluate`` where :func:`may_be_time_first`."""
    if may_be_time_first(setup):
        raise CannotEvaluate("the model's layers take time first, so that the first dimension may be time, not samples")


@torch.no_grad()
def refuse_scores_of_pairs(setup: Setup, inputs: Any) -> None:
    """``CannotEvaluate`` where a sample's output has an entry for every sample of the batch, as the scores [N, N] of
    two towers with the others of the batch as negatives have. Leaves the model in eval mode."""
    setup.model.eval()
    count = n_samples(inputs)
    shapes = [setup.forward(rows_of(inputs, slice(rows))).shape for rows in (count, count - 1)] if count > 2 else []
    if shapes and all(len(shape) > 1 and shape[0] == shape[1] for shape in shapes):
        raise CannotEvaluate("every output has an entry for every sample of the batch: samples are compared on purpose")
