"""By hand: weights that a program moves itself, with no optimizer of torch's."""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.doctor.optimizers import held_by, living_optimizers

LEAST_COSINE = 0.9
"""Between the step and the gradient, from which the step counts as gradient descent and has a rate. Weight decay and
rounding leave it above 0.99; momentum and division by each weight's own scale bring it below within a few steps."""


class HandWritten(Optimizer):
    """Stands for the optimizer that a program does without: plain gradient descent on the weights that it moves."""

    def __init__(self, parameters: Sequence[nn.Parameter], rate: float = math.nan) -> None:
        # torch's own constructor imports its compiler: a second and a half in a program that has no use for it.
        self.defaults = {"lr": rate}
        self.param_groups = [{"params": list(parameters), "lr": rate}]
        self.state = defaultdict(dict)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every weight against its gradient."""
        del closure
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(p.grad, alpha=group["lr"])

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: ARG002 - torch's signature
        """Forget all gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None


class Before:
    """Weights and gradients as they were before a program may have moved them."""

    def __init__(self, models: Iterable[nn.Module]) -> None:
        self.parameters = [p for p in trainable(models) if p.grad is not None]
        self.weights = [p.detach().clone() for p in self.parameters]
        self.gradients: list[Tensor] = []
        self.keep_gradients()

    def keep_gradients(self) -> None:
        """Those of the latest backward pass, which may have added to others."""
        self.gradients = [torch.zeros_like(p) if p.grad is None else p.grad.detach().clone() for p in self.parameters]

    def moved(self) -> list[nn.Parameter]:
        """The parameters that are not what they were."""
        pairs = zip(self.parameters, self.weights, strict=True)
        return [p for p, weight in pairs if not torch.equal(p.detach(), weight)]

    def weights_of(self, optimizer: Optimizer) -> list[Tensor | None]:
        """The weights kept, in the optimizer's order."""
        kept = {id(p): weight for p, weight in zip(self.parameters, self.weights, strict=True)}
        return [kept.get(id(p)) for group in optimizer.param_groups for p in group["params"]]

    def rate(self) -> float:
        """The rate of the gradient descent that makes this step; NaN where the step is no gradient descent."""
        slopes = torch.cat([gradient.flatten() for gradient in self._latest_gradients()]).double()
        steps = [weight - p.detach() for p, weight in zip(self.parameters, self.weights, strict=True)]
        step = torch.cat([each.flatten() for each in steps]).double()
        product, lengths = float(step @ slopes), float(step.norm() * slopes.norm())
        return product / float(slopes @ slopes) if lengths > 0 and product > LEAST_COSINE * lengths else math.nan

    def _latest_gradients(self) -> Iterator[Tensor]:
        """Those of the parameters, which may have been clipped meanwhile; where they were cleared, those kept."""
        for p, kept in zip(self.parameters, self.gradients, strict=True):
            yield p.grad.detach() if p.grad is not None and bool(p.grad.any()) else kept

    @contextmanager
    def gradients_back(self) -> Iterator[None]:
        """Within, parameters whose gradients were cleared have them again."""
        now = [p.grad for p in self.parameters]
        for p, gradient in zip(self.parameters, list(self._latest_gradients()), strict=True):
            p.grad = gradient
        try:
            yield
        finally:
            for p, cleared in zip(self.parameters, now, strict=True):
                p.grad = cleared

    def put_back(self) -> None:
        """Weights and gradients become again what they were."""
        with torch.no_grad():
            for p, weight, gradient in zip(self.parameters, self.weights, self.gradients, strict=True):
                p.copy_(weight)
                p.grad = gradient


def trainable(models: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The parameters of several models that may be moved."""
    return [p for model in models for p in model.parameters() if p.requires_grad]


class ByHand:
    """Notices, in a program without an optimizer, that the weights of these models moved after a backward pass.

    One that has an optimizer for them, which looks ahead, say, before its step, is left alone. Where the step is looked
    at closely all weights are kept for comparison, else the smallest that is known to move. The models themselves are
    not held.
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        self.optimizer: HandWritten | None = None
        self.before: Before | None = None
        own = {id(p) for p in trainable(models)}
        self._is_by_hand = not any(own & held_by(each) for each in living_optimizers())
        self._witness: tuple[nn.Parameter, Tensor] | None = None
        self._smallest: nn.Parameter | None = None

    @property
    def waits(self) -> bool:
        """Whether a backward pass was made, and it is not known yet whether a step followed."""
        return self.before is not None or self._witness is not None

    def went_backward(self, models: Iterable[nn.Module], *, sampled: bool = True) -> None:
        """Gradients of these were computed."""
        if self.before is not None:
            self.before.keep_gradients()
        elif not self._is_by_hand or self._witness is not None:
            return
        elif sampled or self._smallest is None:
            self.before = Before(models)
        else:
            self._witness = self._smallest, self._smallest.detach().clone()

    def stepped(self) -> bool:
        """Whether the weights moved since. Asked before anything else may change them or their gradients."""
        if self._witness is not None:
            parameter, weight = self._witness
            return not torch.equal(parameter.detach(), weight)
        moved = self.before.moved() if self.before is not None else []
        if not moved or self.before is None:
            return False
        if self.optimizer is None or not held_by(self.optimizer) >= {id(p) for p in moved}:
            self.optimizer = HandWritten(moved)
        self._smallest = min(moved, key=torch.Tensor.numel)
        self.optimizer.param_groups[0]["lr"] = self.before.rate()
        return True

    def done(self) -> None:
        """The step was told."""
        self.before = self._witness = None


class HandSteps:
    """The models of a program that may move their weights itself; none of them is held."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[nn.Module, ByHand] = weakref.WeakKeyDictionary()
        self._moving: weakref.ReferenceType[nn.Module] | None = None

    def forget(self) -> None:
        """No step is waited for."""
        self._moving = None

    def went_backward(self, models: Sequence[nn.Module], *, sampled: bool) -> bool:
        """These models have gradients now. Whether a step of the program's own is waited for."""
        by_hand = self._known.get(models[0]) or self._known.setdefault(models[0], ByHand(models))
        by_hand.went_backward(models, sampled=sampled)
        self._moving = weakref.ref(models[0]) if by_hand.waits else None
        return by_hand.waits

    def stepped(self) -> ByHand | None:
        """The models whose weights have moved since the latest backward pass, once."""
        model = self._moving() if self._moving is not None else None
        by_hand = self._known.get(model) if model is not None else None
        if by_hand is None or not by_hand.stepped():
            return None
        self._moving = None
        return by_hand
