"""Trial of the structure: which layers a batch passes through, and what each leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainwright.doctor.batch import n_samples, rows_of
from trainwright.doctor.layers import WEIGHTED, KerasBatchNorm, dropouts_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import mixing_layers, trial, without_compilation
from trainwright.measures.structure import Dropouts, LayerUse, ModelStructure

_INSTANCE = nn.modules.instancenorm._InstanceNorm
_FEW = 4
"""Layers that leave, or are given, at most this many values of a sample are asked whether there is another way around
them."""
_SAME = 1e-6


@dataclass
class _Use:
    name: str
    module: nn.Module
    values_in: int
    values_out: int
    per_channel: int
    output: Tensor
    takers: list[str] = field(default_factory=list)


def describe_structure(setup: Setup) -> ModelStructure:
    """One batch of the user's size through the model in train mode, and for narrow layers another with it cut."""
    inputs, _ = setup.batch(0)
    with trial(setup), torch.no_grad():
        setup.model.train()
        uses = _follow(setup, inputs)
        norms = set(_channel_norms(setup.model))
        narrow = [use for use in uses.values() if isinstance(use.module, WEIGHTED) and _is_narrow(use)]
        few = rows_of(setup.inputs, slice(0, 64))
        only = {u.name for u in narrow if _is_only_way(setup, u.module, few)}
    layers = tuple(_layer(use, norms, only_way=use.name in only) for use in uses.values())
    return ModelStructure(layers=layers, batch_size=n_samples(inputs), task=setup.task, n_outputs=setup.n_outputs)


def read_dropouts(setup: Setup) -> Dropouts:
    """What the dropout layers of the model drop."""
    return dropouts_of(setup.model)


def _is_narrow(use: _Use) -> bool:
    return min(use.values_in, use.values_out) <= _FEW or _channels(use.module)[1] == 1


def _channels(module: Any) -> tuple[int, int]:
    """Channels that enter a convolution of torch, and those that it makes; 0 for other layers."""
    return (module.in_channels, module.out_channels) if isinstance(module, nn.modules.conv._ConvNd) else (0, 0)


def _layer(use: _Use, norms: set[str], *, only_way: bool) -> LayerUse:
    bias = getattr(use.module, "bias", None)
    is_biased = isinstance(use.module, WEIGHTED) and isinstance(bias, Tensor) and bias.requires_grad
    norm = use.takers[0] if len(use.takers) == 1 and use.takers[0] in norms else ""
    return LayerUse(
        name=use.name,
        kind=type(use.module).__name__,
        values_in=use.values_in,
        values_out=use.values_out,
        trained_bias=is_biased,
        norm_after=norm,
        values_per_channel=use.per_channel,
        only_way=only_way,
        channels_in=_channels(use.module)[0],
        channels_out=_channels(use.module)[1],
    )


def _channel_norms(model: nn.Module) -> Iterator[str]:
    """Normalisations that subtract the mean of every channel by itself."""
    yield from mixing_layers(model)
    for name, module in model.named_modules():
        is_group_of_one = isinstance(module, nn.GroupNorm) and module.num_groups == module.num_channels
        if isinstance(module, _INSTANCE) or is_group_of_one:
            yield name


def _follow(setup: Setup, inputs: Any) -> dict[str, _Use]:
    """Every layer without children by name, in order of first use. Outputs are kept, so that identities stay unique."""
    count = max(1, n_samples(inputs))
    mixing = set(mixing_layers(setup.model))
    uses: dict[str, _Use] = {}
    made_by: dict[int, _Use] = {}

    def look(name: str, module: nn.Module, entered: Tensor | None, output: Tensor) -> None:
        if entered is not None and id(entered) in made_by:
            made_by[id(entered)].takers.append(name)
        if name not in uses:
            inside = entered.numel() // count if entered is not None else 0
            per_channel = _per_channel(module, entered) if entered is not None and name in mixing else 0
            uses[name] = _Use(name, module, inside, output.numel() // count, per_channel, output)
            made_by[id(output)] = uses[name]

    with without_compilation(), _leaf_hooks(setup.model, look):
        setup.forward(inputs)
    return uses


def _per_channel(norm: Any, entered: Tensor) -> int:
    """Values of each channel; torch has the channels in the second axis, Keras where its layer says."""
    axis = getattr(norm, "axis", -1) if isinstance(norm, KerasBatchNorm) else 1
    return entered.numel() // entered.shape[axis]


@contextmanager
def _leaf_hooks(model: nn.Module, look: Callable[[str, nn.Module, Tensor | None, Tensor], None]) -> Iterator[None]:
    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            output = output[0] if isinstance(output, tuple) else output
            if isinstance(output, Tensor):
                look(name, module, next((t for t in inputs if isinstance(t, Tensor)), None), output)

        return hook

    leaves = [(name, module) for name, module in model.named_modules() if not any(module.children())]
    handles = [module.register_forward_hook(watch(name or "model")) for name, module in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_only_way(setup: Setup, module: nn.Module, inputs: Any) -> bool:
    """Whether all outputs become the same when this layer gives every sample what it gives the first."""

    def cut(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return output[:1].expand_as(output).contiguous()

    setup.model.eval()
    whole = _output_spread(setup.forward(inputs))
    handle = module.register_forward_hook(cut)
    try:
        with without_compilation():
            rest = _output_spread(setup.forward(inputs))
    finally:
        handle.remove()
    return whole > 0 and rest <= _SAME * whole


def _output_spread(outputs: Tensor) -> float:
    return float(outputs.double().reshape(len(outputs), -1).std(0, correction=0).max())
