"""Trials of dependence: do outputs follow their own input, and only their own?"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwright.doctor.batch import n_samples, rows_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import flat_features, mixing_layers, seeded_outputs, switch_off_dropout, trial
from trainwright.doctor.trials.refusals import refuse_scores_of_pairs, refuse_time_first
from trainwright.measures.trials import BatchDependence, InputDependence


def input_dependence(setup: Setup, *, samples: int = 128, steps: int = 10) -> InputDependence:
    """How far the outputs differ between different inputs, untrained and after a few own steps.

    The second look spares models whose last layer starts at zero by design. Judged by the outputs' values, so that
    integer inputs and a legitimate ``detach`` do no harm; gradients only say which inputs count.
    """
    inputs = rows_of(setup.inputs, slice(samples))
    with trial(setup):
        start = _output_spread(setup, inputs)
        setup.model.train()
        for number in range(steps):
            setup.step(*setup.batch(number))
        after = _output_spread(setup, inputs)
        flat = flat_features(setup, inputs)
        return InputDependence(
            n_samples=len(flat),
            steps=steps,
            spread_at_start=start,
            spread_after=after,
            input_spread=float(flat.std(0, correction=0).max()),
            influence=_influence(setup, inputs) if _differentiable(setup, inputs) else np.zeros(0),
            varying=(flat.std(0, correction=0) > 0).cpu().numpy(),
        )


@torch.no_grad()
def _output_spread(setup: Setup, inputs: Any) -> float:
    setup.model.eval()
    outputs = setup.forward(inputs).double()
    outputs = outputs.reshape(len(outputs), -1)
    spread = float(outputs.std(0, correction=0).max())
    return spread / max(float(outputs.abs().max()), 1e-30)


def _differentiable(setup: Setup, inputs: Any) -> bool:
    """Whether every input can be differentiated by; where one cannot, influence is judged by exchanging inputs."""
    return all(tensor.is_floating_point() for tensor in setup.features(inputs))


def _leaves(setup: Setup, inputs: Any) -> tuple[list[Tensor], Any]:
    """Fresh leaves for all features of the inputs, and the inputs made of them."""
    leaves: list[Tensor] = []

    def follow(tensor: Tensor) -> Tensor:
        leaves.append(tensor.detach().clone().requires_grad_(True))
        return leaves[-1].clone()  # in-place layers may not write to a leaf

    return leaves, setup.changed(inputs, follow)


def _gradients(mixed: Tensor, leaves: list[Tensor]) -> Tensor:
    """Absolute gradients by all features of each sample [N, F], float64."""
    gradients = torch.autograd.grad(mixed, leaves, retain_graph=True, allow_unused=True)
    rows = [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, leaves, strict=True)]
    return torch.cat([row.double().abs().reshape(len(row), -1) for row in rows], 1).cpu()


def _influence(setup: Setup, inputs: Any) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN's RNNs have no backward in eval mode
        leaves, followed = _leaves(setup, inputs)
        outputs = setup.forward(followed)
        if not outputs.requires_grad:
            return np.zeros(sum(leaf[0].numel() for leaf in leaves))
        mixture = torch.randn(outputs.shape[1:], dtype=outputs.dtype, device=outputs.device)
        return np.asarray(_gradients((outputs * mixture).sum(), leaves).amax(0).numpy())


def batch_dependence(setup: Setup, *, samples: int = 8) -> BatchDependence:
    """The effect of every sample on every sample's output, in eval and in train mode."""
    refuse_time_first(setup)
    inputs = rows_of(setup.inputs, slice(samples))
    by_gradient = _differentiable(setup, inputs)
    with trial(setup):
        refuse_scores_of_pairs(setup, inputs)
        layers = mixing_layers(setup.model)
        effects = _effects(setup, inputs, by_gradient=by_gradient, train=False, frozen=())
        plain = _effects(setup, inputs, by_gradient=by_gradient, train=True, frozen=tuple(layers.values()))
        normalised = _effects(setup, inputs, by_gradient=by_gradient, train=True, frozen=()) if layers else plain
    return BatchDependence(
        n_samples=len(effects),
        eval_leak=_leak(effects),
        train_leak=_leak(plain),
        normalised_leak=_leak(normalised),
        effects=effects,
        norm_layers=tuple(layers),
        method="gradient" if by_gradient else "perturbation",
    )


def _effects(
    setup: Setup, inputs: Any, *, by_gradient: bool, train: bool, frozen: tuple[nn.Module, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    setup.model.train(train)
    switch_off_dropout(setup.model)
    for module in frozen:
        module.eval()
    method = _effects_by_gradient if by_gradient else _effects_by_perturbation
    return np.asarray(method(setup, inputs).cpu().numpy(), dtype=np.float64)


def _effects_by_gradient(setup: Setup, inputs: Any) -> Tensor:
    count = n_samples(inputs)
    effects = torch.zeros(count, count, dtype=torch.float64)
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        leaves, followed = _leaves(setup, inputs)
        outputs = setup.forward(followed)
        mixture = torch.randn(outputs.shape[1:], dtype=outputs.dtype, device=outputs.device)
        for row, mixed in enumerate((outputs * mixture).reshape(count, -1).sum(1)):
            if mixed.requires_grad:
                effects[row] = _gradients(mixed, leaves).amax(1)
    return effects


@torch.no_grad()
def _effects_by_perturbation(setup: Setup, inputs: Any) -> Tensor:
    count = n_samples(inputs)
    effects = torch.zeros(count, count, dtype=torch.float64)
    before = seeded_outputs(setup, inputs)
    for column in range(count):
        after = seeded_outputs(setup, setup.changed(inputs, partial(_exchanged, row=column)))
        effects[:, column] = (after - before).abs().reshape(count, -1).amax(1).double().cpu()
    return effects


def _exchanged(tensor: Tensor, row: int) -> Tensor:
    """The tensor with one row replaced by the next one's values."""
    changed = tensor.clone()
    changed[row] = tensor[(row + 1) % len(tensor)]
    return changed


def _leak(effects: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    own = np.diag(effects).max(initial=0.0)
    other = (effects - np.diag(np.diag(effects))).max(initial=0.0)
    return float(other / own) if own > 0 else (float("inf") if other > 0 else 0.0)
