"""Losses as the trials call them: a function of outputs and targets, whatever shape the user's own has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright.core import CannotEvaluate
from trainwright.doctor.batch import map_tensors

Loss = Callable[[Tensor, Tensor], Tensor]

NAMED: tuple[tuple[type[nn.Module], Callable[..., Tensor], str], ...] = (
    (nn.CrossEntropyLoss, functional.cross_entropy, "cross_entropy"),
    (nn.NLLLoss, functional.nll_loss, "nll"),
    (nn.MSELoss, functional.mse_loss, "mse"),
    (nn.L1Loss, functional.l1_loss, "l1"),
    (nn.HuberLoss, functional.huber_loss, "huber"),
    (nn.SmoothL1Loss, functional.smooth_l1_loss, "smooth_l1"),
    (nn.BCEWithLogitsLoss, functional.binary_cross_entropy_with_logits, "bce_with_logits"),
    (nn.BCELoss, functional.binary_cross_entropy, "bce"),
    (nn.PoissonNLLLoss, functional.poisson_nll_loss, "poisson_nll"),
)
"""torch's losses as module and as function, and what the measurements call them."""


def recognise_loss(loss: object) -> str:
    """``cross_entropy``, ``nll``, ``mse``, ``l1``, ``huber``, ``smooth_l1``, ``bce_with_logits``, ``bce``,
    ``poisson_nll``, or ``python`` for a loss of one's own."""
    if isinstance(loss, OwnLoss | WholeLoss):
        return loss.name
    return next((name for kind, function, name in NAMED if type(loss) is kind or loss is function), "python")


def ignorant_outputs(name: str, outputs: Tensor, axis: int = 1) -> Tensor:
    """Outputs that say nothing, in the shape of ``outputs``: equal log-probabilities along ``axis`` for ``nll``, one
    half for ``bce``, else zeros."""
    if name == "nll":
        return torch.full_like(outputs, -math.log(outputs.shape[axis if outputs.dim() > 1 else 0]))
    return torch.full_like(outputs, 0.5) if name == "bce" else torch.zeros_like(outputs)


@dataclass
class Returned:
    """What the model returned last: the tensor that predicts, and the structure it came in."""

    main: Tensor | None = None
    whole: Any = None


@dataclass
class OwnLoss:
    """The loss that a model returns by itself, given the targets beside its inputs.

    ``replay``: the same loss as a function of outputs and targets, where it was recognised; without it a trial that
    calls the loss on outputs of its own raises ``CannotEvaluate``. ``shift``: 1 where the output of each position is
    compared with the target of the next.
    """

    replay: Loss | None = None
    name: str = "python"
    shift: int = 0

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The recognised loss."""
        if self.replay is None:
            raise CannotEvaluate("the model computes its loss by itself, and not by a standard loss of its main output")
        return self.replay(outputs, targets)


@dataclass
class WholeLoss:
    """A loss that takes all that the model returns (a tuple, dictionary or object), callable with the main tensor.

    ``only_main``: whether the other parts have no influence on the loss, so that any tensor may stand for the main one.
    """

    function: Callable[[Any, Any], Tensor]
    only_main: bool
    returned: Returned = field(repr=False)
    name: str = "python"

    def __call__(self, outputs: Tensor, targets: Any) -> Tensor:
        """The user's loss of what the model returned with ``outputs`` in the main tensor's place."""
        main, whole = self.returned.main, self.returned.whole
        if outputs is main:
            return self.function(whole, targets)
        if not self.only_main:
            raise CannotEvaluate("the loss joins several outputs of the model, so that it cannot be computed from one")
        assert main is not None
        outputs = outputs.reshape(-1, *main.shape[1:])
        return self.function(map_tensors(whole, lambda tensor: outputs if tensor is main else tensor), targets)


@dataclass
class FlatLoss:
    """A loss of the outputs of all positions below each other [N·T, ...], callable with outputs [N, T, ...].

    ``dimensions``: how many the outputs have as the model returns them.
    """

    function: Loss
    dimensions: int

    def __call__(self, outputs: Tensor, targets: Any) -> Tensor:
        """The user's loss."""
        return self.function(outputs.flatten(0, 1) if outputs.dim() > self.dimensions else outputs, targets)


def own_loss_of(returned: Any) -> Tensor | None:
    """The loss among what a model returned: ``loss`` by name, the structure's only single number, or the number itself;
    None where there is none."""
    named = returned.get("loss") if isinstance(returned, Mapping) else getattr(returned, "loss", None)
    if isinstance(named, Tensor):
        return named
    values = returned if isinstance(returned, list | tuple) else [returned]
    numbers = [t for t in values if isinstance(t, Tensor) and t.numel() == 1 and t.dim() == 0 and t.is_floating_point()]
    return numbers[0] if len(numbers) == 1 else None
