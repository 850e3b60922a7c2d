"""Trials of weights that came from elsewhere."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from trainwright.doctor.batch import n_samples, rows_of, tensors_of
from trainwright.doctor.layers import has_history
from trainwright.doctor.loads import loads_into
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import mixing_layers, trial, without_compilation
from trainwright.measures.loads import RunningStatistics, WeightLoads

YOUNG = 10
"""Batches up to which running statistics are not those of an earlier training."""


def read_loads(setup: Setup) -> WeightLoads:
    """What :func:`trainwright.doctor.loads.record_loads` kept about this model."""
    return WeightLoads(loads=loads_into(setup.model))


def compare_running_statistics(setup: Setup, *, samples: int = 256) -> RunningStatistics:
    """What reaches the first batch normalisation that has statistics of earlier training, beside these statistics."""
    inputs = rows_of(setup.inputs, slice(0, samples))
    used = [each for each in mixing_layers(setup.model).values() if has_history(each) and not _is_young(each)]
    if not used:
        return _result(setup, inputs, None, None)
    with trial(setup), torch.no_grad():
        setup.model.eval()
        first = _first_entry(setup, used, inputs)
    return _result(setup, inputs, *first)


def _is_young(module: nn.Module) -> bool:
    """Whether its statistics are of a few batches, those of the program's own first steps: with the usual momentum a
    third of them is still what they were made with. Converted weights may come without a count."""
    count = getattr(module, "num_batches_tracked", None)
    return count is not None and 0 < int(count) <= YOUNG


def _first_entry(setup: Setup, modules: list[nn.Module], inputs: Any) -> tuple[nn.Module | None, Tensor | None]:
    entered: list[tuple[nn.Module, Tensor]] = []

    def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
        if not entered and given and isinstance(given[0], Tensor):
            entered.append((module, given[0].double()))

    handles = [module.register_forward_pre_hook(hook) for module in modules]
    try:
        with without_compilation():
            setup.forward(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return entered[0] if entered else (None, None)


def _result(setup: Setup, inputs: Any, module: nn.Module | None, entered: Tensor | None) -> RunningStatistics:
    values = next((t.double() for t in tensors_of(inputs) if t.is_floating_point() and t.numel()), None)
    ratio = shift = math.nan
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and entered is not None and entered.dim() > 1:
        assert module.running_mean is not None
        assert module.running_var is not None
        channels = entered.movedim(1, 0).reshape(entered.shape[1], -1)
        spread = module.running_var.double() + module.eps
        ratio = float(((channels.var(1, correction=0) + module.eps) / spread).median())
        shift = float(((channels.mean(1) - module.running_mean.double()).abs() / spread.sqrt()).median())
    return RunningStatistics(
        name=next((name for name, m in setup.model.named_modules() if m is module), ""),
        n_samples=n_samples(inputs),
        variance_ratio=ratio,
        mean_shift=shift,
        input_mean=float(values.mean()) if values is not None else math.nan,
        input_std=float(values.std(correction=0)) if values is not None else math.nan,
        input_min=float(values.min()) if values is not None else math.nan,
        input_max=float(values.max()) if values is not None else math.nan,
    )
