"""Layers and parameters that a module holds where torch does not see them, such as in a plain list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

_OF_TORCH = frozenset(vars(nn.Module()))
_LARGEST = 1_000
"""Entries of a container that are looked at."""


def unregistered_tensors(models: Sequence[nn.Module]) -> dict[str, list[Tensor]]:
    """Attribute (``Net.layers[0]``) → trainable leaf tensors in it that belong to no model."""
    registered = {id(m) for model in models for m in model.modules()}
    owned = {id(p) for model in models for p in model.parameters()}
    found: dict[str, list[Tensor]] = {}
    for model in models:
        for name, module in model.named_modules():
            place = f"{type(model).__name__}.{name}" if name else type(model).__name__
            for attribute, value in vars(module).items():
                if attribute in _OF_TORCH:
                    continue
                for where, item in _items(f"{place}.{attribute}", value):
                    if id(item) not in registered:
                        tensors = [t for t in _trainable(item) if id(t) not in owned]
                        if tensors:
                            found[where] = tensors
    return found


def _items(where: str, value: Any, depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Modules and tensors in an attribute, looking into containers."""
    if isinstance(value, nn.Module | Tensor):
        yield where, value
        return
    if not depth:
        return
    if isinstance(value, Mapping):
        for key, item in list(value.items())[:_LARGEST]:
            yield from _items(f"{where}[{key!r}]", item, depth - 1)
    elif isinstance(value, list | tuple | set):
        for position, item in enumerate(list(value)[:_LARGEST]):
            yield from _items(f"{where}[{position}]", item, depth - 1)


def _trainable(item: nn.Module | Tensor) -> list[Tensor]:
    tensors = item.parameters() if isinstance(item, nn.Module) else (item,)
    return [t for t in tensors if t.requires_grad and t.is_leaf]
