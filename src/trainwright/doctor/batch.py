"""Batches: what a loader yields (a tensor, tuple, dictionary or data class of them), taken apart and put back; models
may return probability distributions too."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution

from trainwright.core import CannotEvaluate

Rows = slice | list[int] | Tensor
LARGEST_COMPARED = 1_000_000
"""Numbers of a tensor that is compared with others."""


def map_tensors(batch: Any, change: Callable[[Tensor], Any]) -> Any:
    """The same structure with every tensor replaced by ``change(tensor)``; everything else is passed on as it is."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        changed = {key: map_tensors(value, change) for key, value in batch.items()}
        return changed if type(batch) is dict else _rebuild_mapping(batch, changed)
    if isinstance(batch, list | tuple):
        changes = [map_tensors(value, change) for value in batch]
        return type(batch)(*changes) if hasattr(batch, "_fields") else type(batch)(changes)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return dataclasses.replace(batch, **{n: map_tensors(value, change) for n, value in parts_of(batch).items()})
    if isinstance(batch, Distribution):
        return _with_parameters(batch, change)
    return batch


def _with_parameters(distribution: Distribution, change: Callable[[Tensor], Any]) -> Distribution:
    """A distribution with other parameters. What a transformed one holds beside its base is out of reach."""
    if isinstance(distribution, TransformedDistribution):
        return distribution
    changed = copy.copy(distribution)
    changed.__dict__.update({name: map_tensors(value, change) for name, value in vars(distribution).items()})
    return changed


def tensors_of(batch: Any) -> Iterator[Tensor]:
    """Every dense tensor of the structure, in order; sparse and nested ones, of which hardly an operation knows, are
    left out."""
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(batch, keep)
    with torch._C.DisableTorchFunction():  # to ask for a layout would be an operation to whoever listens
        dense = [tensor for tensor in found if tensor.layout is torch.strided]
    yield from dense


def n_samples(batch: Any) -> int:
    """Length of the first dimension of the first tensor that has one; 0 where there is none."""
    return next((len(tensor) for tensor in tensors_of(batch) if tensor.dim() > 0), 0)


def rows_of(batch: Any, rows: Rows) -> Any:
    """The samples at ``rows`` of every tensor that has one entry per sample; other tensors stay whole.
    ``CannotEvaluate`` where a tensor is sparse or nested."""
    count = n_samples(batch)

    def some(tensor: Tensor) -> Tensor:
        if tensor.layout is not torch.strided:
            raise CannotEvaluate(f"some samples cannot be taken of a tensor of layout {tensor.layout}")
        return tensor[rows] if tensor.dim() > 0 and len(tensor) == count else tensor

    return map_tensors(batch, some)


def parts_of(batch: Any) -> dict[Any, Any]:
    """The parts of a mapping, data class or named tuple by name, of a tuple or list by position; none of a tensor."""
    if isinstance(batch, Mapping):
        return dict(batch)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return dict(zip(batch._fields, batch, strict=True))
    if isinstance(batch, list | tuple):
        return dict(enumerate(batch))
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch) if f.init}
    return {}


def with_part(batch: Any, name: Any, value: Any) -> Any:
    """The same structure with one part, named as by :func:`parts_of`, replaced."""
    if isinstance(batch, Mapping):
        changed = {**batch, name: value}
        return changed if type(batch) is dict else _rebuild_mapping(batch, changed)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return batch._replace(**{name: value})  # type: ignore[attr-defined]
    if isinstance(batch, list | tuple):
        return type(batch)(value if position == name else part for position, part in enumerate(batch))
    return dataclasses.replace(batch, **{name: value})


def clone(batch: Any) -> Any:
    """A copy whose tensors share no memory with the batch's."""
    return map_tensors(batch, lambda tensor: tensor.detach().clone())


def is_same(given: Tensor, used: Tensor) -> bool:
    """Whether one tensor is the other, up to shape, type and device; of large ones nobody asks."""
    if given.numel() != used.numel() or used.numel() > LARGEST_COMPARED:
        return False
    return bool((given.detach().reshape(used.shape).to(used.device, used.dtype) == used.detach()).all())


def main_output(outputs: Any) -> Tensor | None:
    """The tensor that predicts: the tensor itself, or of a structure ``logits``, else the first floating-point one with
    samples. None where there is none."""
    if isinstance(outputs, Tensor):
        return outputs
    # A distribution makes its logits when it is asked for them, so only those that are there are looked at.
    parts = vars(outputs) if isinstance(outputs, Distribution) else outputs
    named = parts.get("logits") if isinstance(parts, Mapping) else getattr(parts, "logits", None)
    if isinstance(named, Tensor):
        return named
    found = (t for t in tensors_of(outputs) if torch.is_floating_point(t) and t.dim() > 0)
    return next(found, None)


def _rebuild_mapping(batch: Mapping[Any, Any], changed: dict[Any, Any]) -> Any:
    try:
        return type(batch)(changed)  # type: ignore[call-arg]
    except (TypeError, ValueError):
        return changed
