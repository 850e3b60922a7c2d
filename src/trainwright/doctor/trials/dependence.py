"""Trials of dependence: do outputs follow their own input, and only their own?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import mixing_layers, switch_off_dropout, trial
from trainwright.measures.trials import BatchDependence, InputDependence


def input_dependence(setup: Setup, *, samples: int = 128, steps: int = 10) -> InputDependence:
    """How far the outputs differ between different inputs, untrained and after a few own steps.

    The second look spares models whose last layer starts at zero by design. Judged by the outputs' values, so that
    integer inputs and a legitimate ``detach`` do no harm; gradients only say which inputs count.
    """
    inputs = setup.inputs[:samples]
    with trial(setup):
        start = _output_spread(setup, inputs)
        setup.model.train()
        for number in range(steps):
            setup.step(*setup.batch(number))
        after = _output_spread(setup, inputs)
        flat = inputs.double().reshape(len(inputs), -1)
        return InputDependence(
            n_samples=len(inputs),
            steps=steps,
            spread_at_start=start,
            spread_after=after,
            input_spread=float(flat.std(0, correction=0).max()),
            influence=_influence(setup, inputs) if inputs.is_floating_point() else np.zeros(0),
            varying=(flat.std(0, correction=0) > 0).cpu().numpy(),
        )


@torch.no_grad()
def _output_spread(setup: Setup, inputs: Tensor) -> float:
    setup.model.eval()
    outputs = setup.forward(inputs).double().reshape(len(inputs), -1)
    spread = float(outputs.std(0, correction=0).max())
    return spread / max(float(outputs.abs().max()), 1e-30)


def _influence(setup: Setup, inputs: Tensor) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    leaf = inputs.detach().clone().requires_grad_(True)
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN's RNNs have no backward in eval mode
        outputs = setup.forward(leaf.clone())  # in-place layers may not write to a leaf
        mixture = torch.randn(outputs.shape[1:], dtype=outputs.dtype, device=outputs.device)
        (gradient,) = torch.autograd.grad((outputs * mixture).sum(), leaf, allow_unused=True)
    if gradient is None:
        return np.zeros(leaf[0].numel())
    return np.asarray(gradient.double().abs().reshape(len(leaf), -1).amax(0).cpu().numpy())


def batch_dependence(setup: Setup, *, samples: int = 8) -> BatchDependence:
    """The effect of every sample on every sample's output, in eval and in train mode."""
    inputs = setup.inputs[:samples]
    by_gradient = inputs.is_floating_point()
    with trial(setup):
        layers = mixing_layers(setup.model)
        effects = _effects(setup, inputs, by_gradient=by_gradient, train=False, frozen=())
        plain = _effects(setup, inputs, by_gradient=by_gradient, train=True, frozen=tuple(layers.values()))
        normalised = _effects(setup, inputs, by_gradient=by_gradient, train=True, frozen=()) if layers else plain
    return BatchDependence(
        n_samples=len(inputs),
        eval_leak=_leak(effects),
        train_leak=_leak(plain),
        normalised_leak=_leak(normalised),
        effects=effects,
        norm_layers=tuple(layers),
        method="gradient" if by_gradient else "perturbation",
    )


def _effects(
    setup: Setup, inputs: Tensor, *, by_gradient: bool, train: bool, frozen: tuple[nn.Module, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    setup.model.train(train)
    switch_off_dropout(setup.model)
    for module in frozen:
        module.eval()
    method = _effects_by_gradient if by_gradient else _effects_by_perturbation
    return np.asarray(method(setup, inputs).cpu().numpy(), dtype=np.float64)


def _effects_by_gradient(setup: Setup, inputs: Tensor) -> Tensor:
    leaf = inputs.detach().clone().requires_grad_(True)
    effects = torch.zeros(len(leaf), len(leaf), dtype=torch.float64)
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        outputs = setup.forward(leaf.clone())  # in-place layers may not write to a leaf
        mixture = torch.randn(outputs.shape[1:], dtype=outputs.dtype, device=outputs.device)
        for row, mixed in enumerate((outputs * mixture).reshape(len(leaf), -1).sum(1)):
            if not mixed.requires_grad:
                continue
            (gradient,) = torch.autograd.grad(mixed, leaf, retain_graph=True, allow_unused=True)
            if gradient is not None:
                effects[row] = gradient.double().abs().reshape(len(leaf), -1).amax(1).cpu()
    return effects


@torch.no_grad()
def _effects_by_perturbation(setup: Setup, inputs: Tensor) -> Tensor:
    effects = torch.zeros(len(inputs), len(inputs), dtype=torch.float64)
    before = _seeded_outputs(setup, inputs)
    for column in range(len(inputs)):
        changed = inputs.clone()
        changed[column] = inputs[(column + 1) % len(inputs)]
        difference = (_seeded_outputs(setup, changed) - before).abs().reshape(len(inputs), -1)
        effects[:, column] = difference.amax(1).double().cpu()
    return effects


def _seeded_outputs(setup: Setup, inputs: Tensor) -> Tensor:
    torch.manual_seed(0)  # functional dropout draws the same mask each time
    return setup.forward(inputs)


def _leak(effects: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    own = np.diag(effects).max(initial=0.0)
    other = (effects - np.diag(np.diag(effects))).max(initial=0.0)
    return float(other / own) if own > 0 else (float("inf") if other > 0 else 0.0)
