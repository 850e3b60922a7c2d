"""A batch to be fitted, with the scale on which a fit is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainwright.core import CannotEvaluate
from trainwright.doctor.losses import Loss, OwnLoss
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import constant_outputs, is_classification, one_hot, trial

_FREE_OUTPUTS = 1_000_000
"""Outputs of the batch above which the lowest loss is not searched for."""
_LEAST_DOUBT = 1e-6
"""How far from 0 and 1 a probability is kept, so that its logarithm is finite."""
_LEAST_SHARE = 0.01
"""The same where a search begins."""
_STILL = 0.1
"""Share of the way from the constant prediction to the lowest loss that four times the search may add to it."""


@dataclass(frozen=True)
class Batch:
    """A batch with the scale on which a fit is judged."""

    inputs: Any
    targets: Tensor
    judge: Loss
    floor: float
    baseline: float

    def remaining(self, loss: float) -> float:
        distance = self.baseline - self.floor
        return (loss - self.floor) / distance if distance > 1e-12 and math.isfinite(loss) else math.inf


def make_batch(setup: Setup, inputs: Any, targets: Tensor) -> Batch:
    """Measure on free outputs how low the loss can go, and how low with one output for all."""
    with trial(setup):
        setup.model.eval()
        with torch.no_grad():
            like = setup.forward(inputs).detach()
        judge = setup.loss
        if setup.loss_name == "bce":  # takes probabilities, which free outputs are not
            sure = targets.reshape(like.shape).to(like.dtype).clamp(_LEAST_DOUBT, 1 - _LEAST_DOUBT)
            shares = sure.mean(0, keepdim=True).expand_as(sure).contiguous()
            return Batch(inputs, targets, judge, float(judge(sure, targets)), float(judge(shares, targets)))
        # So many free outputs would take minutes to fit, and such outputs are logits, for which zero is within reach.
        many = like.numel() > _FREE_OUTPUTS and setup.loss_name == "cross_entropy"
        zeros = torch.zeros_like(like)
        constant = constant_outputs(setup, like, targets)[:1].clone()
        free = judge
        if _are_shares(setup, like, targets):
            # The model cannot leave the range from 0 to 1, beyond which such a loss (an overlap, say) may fall on.
            free, constant = _squashed(judge), constant.clamp(_LEAST_SHARE, 1 - _LEAST_SHARE).logit()
        search: tuple[Loss, Tensor] = (free, zeros)
        floor = 0.0 if many else _lowest(*search, targets)
        baseline = _lowest(free, constant, targets, expand=len(like), steps=1 if many else 200)
        if not many and not _is_bounded(floor, baseline):
            # Distances between outputs that are all alike have no gradient; those of the model's own outputs may have.
            found = _lowest(judge, like, targets)
            if found < float(judge(like, targets).detach()):
                floor, search = found, (judge, like)
        # A loss below zero may have a lowest value (Poisson's) or none; a longer search falls on where there is none.
        falls = floor < 0 and _lowest(*search, targets, steps=800) < floor - _STILL * (baseline - floor)
        floor += _unforeseeable(setup, inputs, targets)
        if (falls or not _is_bounded(floor, baseline)) and are_probabilities(setup, like, targets):
            # Such a loss takes the log of its input, which means nothing for free outputs.
            perfect = one_hot(setup, targets, setup.class_axis(like, targets)).to(like.dtype)
            shares, sure = perfect.mean(0, keepdim=True).expand_as(like), perfect.clamp(_LEAST_DOUBT, 1 - _LEAST_DOUBT)
            floor, baseline = float(judge(sure, targets)), float(judge(shares, targets))
            falls = False
        if falls or not _is_bounded(floor, baseline):
            if setup.task == "regression" and like.numel() != targets.numel():
                shapes = f"outputs {list(like.shape)} with targets {list(targets.shape)}"
                raise CannotEvaluate(f"no loss is known that compares {shapes}")
            judge = standard_loss(setup)
            floor, baseline = 0.0, _lowest(judge, constant, targets, expand=len(like))
    return Batch(inputs, targets, judge, floor, baseline)


def _lowest(loss: Loss, start: Tensor, targets: Tensor, *, expand: int | None = None, steps: int = 200) -> float:
    """The lowest loss found by moving the outputs themselves; infinite where the loss refuses free outputs.

    Outputs may be values on the scale of the targets, or their logarithms: both scales are tried.
    """
    scale = float(targets.double().std(correction=0)) if targets.is_floating_point() and len(targets) > 1 else 1.0
    tries = [(start, 0.5 * scale if math.isfinite(scale) and scale > 0 else 0.5)]
    if scale > 1:
        tries.append((torch.zeros_like(start), 0.5))
    return min(_descended(loss, outputs, targets, rate, expand=expand, steps=steps) for outputs, rate in tries)


def _descended(loss: Loss, start: Tensor, targets: Tensor, rate: float, *, expand: int | None, steps: int) -> float:
    free = start.detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([free], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best = math.inf
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            outputs = free if expand is None else free.expand(expand, *free.shape[1:]).contiguous()
            value = loss(outputs, targets)
            best = min(best, float(value.detach()))
            if not value.requires_grad:
                break
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return best


def _unforeseeable(setup: Setup, inputs: Any, targets: Tensor) -> float:
    """Mean entropy, in nats, of the class at each position [N, T] given the tokens up to there.

    Equal beginnings that go on differently leave that much cross entropy to the best model that does not see the
    future; 0 for anything but tokens.
    """
    tokens = setup.features(inputs)[0]
    if targets.dim() != 2 or tokens.shape != targets.shape or tokens.is_floating_point():
        return 0.0
    if setup.loss_name != "cross_entropy":
        return 0.0
    shift = setup.loss.shift if isinstance(setup.loss, OwnLoss) else 0
    entropies = []
    for position in range(targets.shape[1] - shift):
        _, group = torch.unique(tokens[:, : position + 1], dim=0, return_inverse=True)
        pairs = torch.stack([group.reshape(-1), targets[:, position + shift].long()], 1)
        _, pair, count = torch.unique(pairs, dim=0, return_inverse=True, return_counts=True)
        sizes = torch.bincount(group.reshape(-1))[group.reshape(-1)]
        entropies.append(float((sizes.double() / count[pair.reshape(-1)]).log().mean()))
    return float(np.mean(entropies)) if entropies else 0.0


def _is_bounded(floor: float, baseline: float) -> bool:
    return math.isfinite(floor) and math.isfinite(baseline) and baseline > floor


def standard_loss(setup: Setup) -> Loss:
    if is_classification(setup):
        return lambda outputs, targets: functional.cross_entropy(*setup.pairs(outputs, targets))
    return _squared_error if setup.task == "regression" else _binary_cross_entropy


def _binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs.reshape(targets.shape), targets.to(outputs.dtype))


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs.reshape(targets.shape), targets.to(outputs.dtype))


def _are_shares(setup: Setup, outputs: Tensor, targets: Tensor) -> bool:
    """Whether outputs, as a sigmoid gives them, and targets lie between 0 and 1, and the loss of them is the user's."""
    own = setup.loss_name == "python" and not is_classification(setup)
    return own and all(bool(((each >= 0) & (each <= 1)).all()) for each in (outputs, targets))


def _squashed(loss: Loss) -> Loss:
    return lambda outputs, targets: loss(outputs.sigmoid(), targets)


def are_probabilities(setup: Setup, outputs: Tensor, targets: Tensor) -> bool:
    if not is_classification(setup):
        return False
    rows, _ = setup.pairs(outputs, targets)
    if rows.shape[-1] != setup.n_outputs:
        return False
    return bool((rows >= 0).all()) and bool(((rows.sum(-1) - 1).abs() < 1e-3).all())
