"""Loads: keep what ``load_state_dict`` reported, which most code throws away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from trainwright.measures.loads import WeightLoad

_loads: WeakKeyDictionary[nn.Module, WeightLoad] = WeakKeyDictionary()


@contextmanager
def record_loads() -> Iterator[None]:
    """Keep the outcome of every ``load_state_dict`` within the block, for :func:`loads_into`.

    The loading itself is not changed. Blocks may be nested.
    """
    right = nn.Module.load_state_dict

    def recording(self: nn.Module, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        outcome = right(self, state_dict, *args, **kwargs)
        _loads[self] = _describe(self, state_dict, _loads.get(self))
        return outcome

    nn.Module.load_state_dict = recording  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.load_state_dict = right  # type: ignore[method-assign]


def loads_into(model: nn.Module) -> tuple[WeightLoad, ...]:
    """What was recorded of loads into the model and its parts."""
    return tuple(_loads[module] for module in model.modules() if module in _loads)


def _describe(module: nn.Module, given: Mapping[str, Any], earlier: WeightLoad | None) -> WeightLoad:
    """The outcome of a load, joined with that of an earlier one into the same module: parts may come from several
    files."""
    own = module.state_dict()
    missing = {name: entry for name, entry in own.items() if name not in given and not _is_counter(name)}
    unexpected = {name: entry for name, entry in given.items() if name not in own}
    renamed = tuple(
        (name, other)
        for name, entry in missing.items()
        for other, value in unexpected.items()
        if _shape(entry) == _shape(value) and _differ_by_prefix(name, other)
    )
    if earlier is not None:
        missing = {name: entry for name, entry in missing.items() if name in earlier.missing}
        renamed = tuple(pair for pair in (*earlier.renamed, *renamed) if pair[0] in missing)
    return WeightLoad(
        module=type(module).__name__,
        n_expected=sum(not _is_counter(name) for name in own),
        missing=tuple(missing),
        unexpected=tuple(unexpected),
        renamed=renamed,
    )


def _is_counter(name: str) -> bool:
    """Checkpoints of old versions of torch lack it, and nothing is lost."""
    return name.endswith("num_batches_tracked")


def _shape(entry: Any) -> Any:
    return tuple(entry.shape) if isinstance(entry, Tensor) else None


def _differ_by_prefix(name: str, other: str) -> bool:
    """``module.conv.weight`` and ``conv.weight``, or ``encoder.conv.weight`` and ``backbone.conv.weight``."""
    if name.endswith(f".{other}") or other.endswith(f".{name}"):
        return True
    rest, other_rest = name.partition(".")[2], other.partition(".")[2]
    return rest == other_rest and "." in rest
