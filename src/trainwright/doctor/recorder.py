"""Recorder: gradient norms, weight norms and update ratios of a running training, without changing it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwright.doctor.gradients import dense, norms
from trainwright.doctor.optimizers import held_by


class Recorder:
    """Listens to a training loop on every ``every``-th step.

    Call :meth:`after_backward` between ``backward`` and the optimizer's step, and :meth:`after_step` behind it, with
    the number of the step. Only reads: weights, gradients, losses and random states stay bit for bit what they are
    without it. All norms of a step are computed by fused kernels on the device and cross to the host in one transfer;
    other steps cost a comparison.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, every: int) -> None:
        self._every = max(1, every)
        held = held_by(optimizer)
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad and id(p) in held]
        self._layers = [_layer_of(name) for name, _ in named]
        self._parameters = [p for _, p in named]
        self._before: list[Tensor] = []
        self._gradient_norms: Tensor | None = None
        self._latest: dict[str, dict[str, float]] = {}

    @property
    def every(self) -> int:
        """Steps between two samples."""
        return self._every

    def latest(self) -> dict[str, dict[str, float]]:
        """Layer → ``gradient_norm``, ``weight_norm``, ``update_ratio`` (update norm / weight norm) of the last sample.

        Empty before the first sample. A layer's value joins its weight and bias.
        """
        return self._latest

    @torch.no_grad()
    def after_backward(self, step: int) -> None:
        """Keep the norms of the gradients and a copy of the weights, if this step is sampled."""
        if step % self._every or not self._parameters:
            return
        gradients = [_dense_gradient(p) for p in self._parameters]
        self._gradient_norms = norms(gradients)
        self._before = [p.detach().clone() for p in self._parameters]

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Compare the weights with the copy and bring the numbers of all layers to the host at once."""
        if step % self._every or self._gradient_norms is None:
            return
        current = [p.detach() for p in self._parameters]
        updates = norms(torch._foreach_sub(current, self._before))
        weights = norms(current)
        squares = torch.stack([self._gradient_norms, weights, updates]).square().tolist()  # the one transfer
        self._before, self._gradient_norms = [], None
        self._latest = self._by_layer(*squares)

    def _by_layer(
        self, gradients: list[float], weights: list[float], updates: list[float]
    ) -> dict[str, dict[str, float]]:
        sums: dict[str, list[float]] = {}
        for layer, *squares in zip(self._layers, gradients, weights, updates, strict=True):
            total = sums.setdefault(layer, [0.0, 0.0, 0.0])
            for position, square in enumerate(squares):
                total[position] += square
        return {
            layer: {
                "gradient_norm": gradient**0.5,
                "weight_norm": weight**0.5,
                # A layer that starts at zero has no scale to compare its update with.
                "update_ratio": (update / weight) ** 0.5 if weight > 0 else 0.0,
            }
            for layer, (gradient, weight, update) in sums.items()
        }


def _layer_of(parameter_name: str) -> str:
    return parameter_name.rpartition(".")[0] or parameter_name


def _dense_gradient(parameter: Tensor) -> Tensor:
    gradient = parameter.grad
    if gradient is None:
        return torch.zeros((), device=parameter.device, dtype=parameter.dtype)
    return dense(gradient)
