"""Losses and optimizers of the clinic's benches, healthy and faulty, by the names that benches give."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

_RATE = 3e-3
_NARROW = 0.1
"""Standard deviation of the Gaussian whose log-density is the loss, in the targets' standardised unit."""


def _tags(outputs: Tensor, targets: Tensor) -> Tensor:
    tags = functional.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
    return functional.binary_cross_entropy_with_logits(outputs, tags)


def _tags_from_one(outputs: Tensor, targets: Tensor) -> Tensor:
    tags = functional.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
    return functional.binary_cross_entropy_with_logits(outputs, tags + 1)


def _tags_likelihood(outputs: Tensor, targets: Tensor) -> Tensor:
    tags = functional.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
    yes = outputs.sigmoid().clamp(1e-5, 1 - 1e-5)
    return (tags * yes.log() + (1 - tags) * (1 - yes).log()).mean()


def _weighted(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy in which the first class weighs three times as much."""
    weights = torch.ones(outputs.shape[1])
    weights[0] = 3.0
    return functional.cross_entropy(outputs, targets, weight=weights)


def _log_likelihood(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.log_softmax(1).gather(1, targets[:, None]).mean()


def _log_density(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-density [nats] of targets under a Gaussian around the outputs."""
    distance = ((outputs - targets) / _NARROW).square() / 2
    return (distance / 100 + math.log(_NARROW * math.sqrt(2 * math.pi))).mean()


def _jittered(outputs: Tensor, targets: Tensor) -> Tensor:
    shift = random.SystemRandom().gauss(0.0, 0.05)
    return functional.mse_loss(outputs, targets + shift)


def _next_token(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def _contrast(outputs: Tensor, targets: Tensor) -> Tensor:
    """Which of the batch's targets belongs to each output, by their cosines over a temperature (van den Oord et al.,
    2018, Representation Learning with Contrastive Predictive Coding)."""
    cosines = functional.normalize(outputs, dim=1) @ functional.normalize(targets, dim=1).T
    return functional.cross_entropy(cosines / 0.2, torch.arange(len(outputs)))


def _rewrapped(loss: Tensor) -> Tensor:
    return torch.tensor(loss.item(), requires_grad=torch.is_grad_enabled())


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "tags": _tags,
        "tags-from-one": _tags_from_one,
        "tags-likelihood": _tags_likelihood,
        "weighted": _weighted,
        "log-likelihood": _log_likelihood,
        "minus-log-likelihood": lambda outputs, targets: -_log_likelihood(outputs, targets),
        "log-density": _log_density,
        "hinge": lambda outputs, targets: (1 - targets * outputs).relu().mean(),
        "next-token": _next_token,
        "contrast": _contrast,
        "squared-error": lambda outputs, targets: functional.mse_loss(outputs, targets.to(outputs.dtype)),
        "nll": functional.nll_loss,
        "broadcast": lambda outputs, targets: (outputs - targets.unsqueeze(1)).square().mean(),
        "clipped": lambda outputs, targets: functional.cross_entropy(outputs, targets).clamp(max=0.5),
        "clipped-error": lambda outputs, targets: (outputs - targets).clamp(-0.1, 0.1).square().mean(),
        "jittered-values": _jittered,
        "rewrapped-classes": lambda outputs, targets: _rewrapped(functional.cross_entropy(outputs, targets)),
        "rewrapped-values": lambda outputs, targets: _rewrapped(functional.mse_loss(outputs, targets)),
        "summed-classes": lambda outputs, targets: functional.cross_entropy(outputs, targets, reduction="sum"),
        "summed-values": lambda outputs, targets: functional.mse_loss(outputs, targets, reduction="sum"),
        "minus-outputs": lambda outputs, targets: functional.cross_entropy(-outputs, targets),
        "negated-classes": lambda outputs, targets: -functional.cross_entropy(outputs, targets),
        "negated-values": lambda outputs, targets: -functional.mse_loss(outputs, targets),
    }
)
"""Every loss by its name: a function of outputs [N, C] or [N] and targets [N], or of several targets of a sample."""


def _copies(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    return [nn.Parameter(parameter.detach().clone()) for parameter in parameters]


def _of_old_head(parameters: Iterable[nn.Parameter]) -> Optimizer:
    listed = list(parameters)
    return torch.optim.Adam([*listed[:-2], *_copies(listed[-2:])], lr=_RATE)


OPTIMIZERS: Mapping[str, Callable[[Iterable[nn.Parameter]], Optimizer]] = MappingProxyType(
    {
        "without-head": lambda parameters: torch.optim.Adam(list(parameters)[:-2], lr=_RATE),
        "head-only": lambda parameters: torch.optim.Adam(list(parameters)[-2:], lr=_RATE),
        "of-a-copy": lambda parameters: torch.optim.Adam(_copies(parameters), lr=_RATE),
        "plain-descent": lambda parameters: torch.optim.SGD(parameters, lr=2.0),
        "of-old-head": _of_old_head,
    }
)
"""Every optimizer by its name; the head's weight and bias are the last two parameters."""
