"""Trial of the axes: does a layer run along the samples, was a tensor renamed where it should have been turned?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainwright.doctor.batch import n_samples, rows_of, tensors_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.tape import RESHAPING
from trainwright.doctor.trials.common import switch_off_dropout, trial, without_compilation
from trainwright.doctor.trials.refusals import may_be_time_first
from trainwright.measures.structure import AxisMix, AxisRoles

_SEQUENTIAL = (nn.RNNBase, nn.MultiheadAttention)
_SIZES = (7, 5)
"""Two batch sizes; the axis whose length follows them holds the samples."""

_Seen = list[tuple[str, nn.Module, tuple[int, ...]]]


def inspect_axes(setup: Setup) -> AxisRoles:
    """Two small batches of different size through the model, in train mode with dropout off.

    In train mode, because torch's fused attention of eval mode passes its own layers by.
    """
    sizes = [size for size in _SIZES if size <= n_samples(setup.inputs)]
    with trial(setup), torch.no_grad():
        setup.model.train()
        switch_off_dropout(setup.model)
        seen: list[_Seen] = []
        views: list[AxisMix] = []
        for size in sizes:
            seen.append([])
            views = _forward(setup, rows_of(setup.inputs, slice(0, size)), seen[-1])
    comparable = len(seen) == 2 and len(seen[0]) == len(seen[1]) and not may_be_time_first(setup)
    mixes = list(_batch_as_time(*seen)) if comparable else []
    n_layers = len({name for name, *_ in seen[0]}) if seen else 0
    return AxisRoles(mixes=(*mixes, *views), n_layers=n_layers, n_samples=n_samples(setup.inputs))


def _batch_as_time(first: _Seen, second: _Seen) -> Iterator[AxisMix]:
    told: set[str] = set()
    for (name, module, shape), (_, _, other) in zip(first, second, strict=True):
        if len(shape) != len(other) or name in told:
            continue
        following = [axis for axis, (a, b) in enumerate(zip(shape, other, strict=True)) if a != b]
        expected = 0 if getattr(module, "batch_first", False) and len(shape) == 3 else 1
        if len(following) == 1 and following[0] in (0, 1) and following[0] != expected:
            told.add(name)
            axes = ["time", "features"] if len(shape) == 2 else ["time", "samples", "features"]
            if len(shape) == 3 and expected == 0:
                axes = ["samples", "time", "features"]
            yield AxisMix(
                name=name,
                kind=type(module).__name__,
                problem="batch as time",
                before=f"[{', '.join(map(str, shape))}] for {_SIZES[0]} samples",
                after=f"[{', '.join(axes)}]",
            )


def _forward(setup: Setup, inputs: Any, seen: _Seen) -> list[AxisMix]:
    """Note what enters the sequential layers; return the tensors that were renamed on their way."""
    earlier = [("the inputs", tensor) for tensor in tensors_of(inputs)]
    views: list[AxisMix] = []

    def enter(name: str, module: nn.Module, entered: Tensor) -> None:
        if isinstance(module, _SEQUENTIAL):
            seen.append((name, module, tuple(entered.shape)))
        for source, tensor in earlier if not views else ():
            if _is_renamed(tensor, entered):
                before = f"{list(tensor.shape)} of {source}"
                kind = type(module).__name__
                views.append(
                    AxisMix(name=name, kind=kind, problem="view", before=before, after=str(list(entered.shape)))
                )
                break

    with without_compilation(), _hooks(setup.model, enter, earlier), _Reshapes(earlier) as reshapes:
        setup.forward(inputs)
    return views or reshapes.renaming[:1]


class _Reshapes(TorchFunctionMode):
    """Notes where the model itself renames the axes of its inputs or of what a layer gave.

    What came out of other operations is left alone: padding and then renaming is how relative positions are shifted.
    """

    def __init__(self, earlier: list[tuple[str, Tensor]]) -> None:
        super().__init__()
        self._earlier = earlier
        self.renaming: list[AxisMix] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in RESHAPING and isinstance(args[0], Tensor):
            source = next((name for name, tensor in self._earlier if tensor is args[0]), None)
            if source is not None and _is_renamed(args[0], result):
                before, after = f"{list(args[0].shape)} of {source}", str(list(result.shape))
                name = function.__name__
                self.renaming.append(AxisMix(name=name, kind="torch", problem="view", before=before, after=after))
        return result


def _is_renamed(before: Tensor, after: Tensor) -> bool:
    """The same numbers in the same order under lengths of axes in another order."""
    if before.numel() != after.numel() or before.dtype != after.dtype:
        return False
    old, new = ([length for length in t.shape if length > 1] for t in (before, after))
    if old == new or sorted(old) != sorted(new) or len(old) < 2:
        return False
    flat = before.reshape(-1)
    return bool(torch.equal(flat, after.reshape(-1))) and bool((flat != flat[0]).any())


@contextmanager
def _hooks(model: nn.Module, enter: Any, earlier: list[tuple[str, Tensor]]) -> Iterator[None]:
    def before(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            first = next((t for t in (*inputs, *kwargs.values()) if isinstance(t, Tensor)), None)
            if first is not None:
                enter(name, module, first)

        return hook

    def after(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            output = output[0] if isinstance(output, tuple) else output
            if isinstance(output, Tensor):
                earlier.append((name, output))

        return hook

    handles = []
    for name, module in model.named_modules():
        label = name or "model"
        handles.append(module.register_forward_pre_hook(before(label), with_kwargs=True))
        handles.append(module.register_forward_hook(after(label)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
