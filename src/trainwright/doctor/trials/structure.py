"""Trial of the structure: which layers a batch passes through, and what each leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
_LITTLE = 0.01
"""Of the outputs' spread: what rounding may move, far below what a shift moves that goes round a normalisation."""


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
        before = {use.name: use.takers[0] for use in uses.values() if _is_biased(use) and _goes_to_one_of(norms, use)}
        cancelled = _cancelled(setup, [uses[name] for name in before], few)
        only = {u.name for u in narrow if _is_only_way(setup, u.module, few)}
    layers = tuple(
        _layer(use, before[use.name] if use.name in cancelled else "", only_way=use.name in only)
        for use in uses.values()
    )
    return ModelStructure(layers=layers, batch_size=n_samples(inputs), task=setup.task, n_outputs=setup.n_outputs)


def read_dropouts(setup: Setup) -> Dropouts:
    """What the dropout layers of the model drop."""
    return dropouts_of(setup.model)


def _is_narrow(use: _Use) -> bool:
    return min(use.values_in, use.values_out) <= _FEW or _channels(use.module)[1] == 1


def _channels(module: Any) -> tuple[int, int]:
    """Channels that enter a convolution of torch, and those that it makes; 0 for other layers."""
    return (module.in_channels, module.out_channels) if isinstance(module, nn.modules.conv._ConvNd) else (0, 0)


def _is_biased(use: _Use) -> bool:
    bias = getattr(use.module, "bias", None)
    return isinstance(use.module, WEIGHTED) and isinstance(bias, Tensor) and bias.requires_grad


def _goes_to_one_of(norms: set[str], use: _Use) -> bool:
    """Whether a normalisation is the only layer that takes what this one gives."""
    return len(use.takers) == 1 and use.takers[0] in norms


def _cancelled(setup: Setup, uses: list[_Use], inputs: Any) -> set[str]:
    """The layers to whose outputs anything can be added without a change of the model's outputs: functions that are no
    layers, such as the sum of a residual connection, may take what they give as well."""
    plain = _with_shifted(setup, (), inputs)
    spread = _output_spread(plain)

    def are_cancelled(some: list[_Use]) -> bool:
        moved = float((_with_shifted(setup, some, inputs) - plain).double().abs().max())
        return moved <= _LITTLE * spread

    if not uses or are_cancelled(uses):
        return {use.name for use in uses}
    return {use.name for use in uses if are_cancelled([use])}


def _with_shifted(setup: Setup, uses: Iterable[_Use], inputs: Any) -> Tensor:
    """The outputs in train mode with each of these layers' moved by the size that it has."""

    def shift(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return output + output.std(correction=0)

    setup.model.train()
    torch.manual_seed(0)  # the same units drop out each time
    with ExitStack() as stack, without_compilation():
        for use in uses:
            stack.callback(use.module.register_forward_hook(shift).remove)
        return setup.forward(inputs)


def _layer(use: _Use, norm: str, *, only_way: bool) -> LayerUse:
    return LayerUse(
        name=use.name,
        kind=type(use.module).__name__,
        values_in=use.values_in,
        values_out=use.values_out,
        trained_bias=_is_biased(use),
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
