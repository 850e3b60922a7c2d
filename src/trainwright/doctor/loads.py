"""Loads: keep what ``load_state_dict`` left out, which most code does not look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from trainwright.measures.loads import WeightLoad


class Loads:
    """What was loaded into which module. Modules are held weakly, what was seen of them is not."""

    def __init__(self) -> None:
        self._loads: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()
        self._outcomes: list[WeightLoad] = []

    def add(self, module: nn.Module, given: Mapping[str, Any]) -> None:
        """``module`` has read the entries ``given``."""
        place = self._loads.get(module)
        if place is None:
            self._loads[module] = len(self._outcomes)
            self._outcomes.append(_describe(module, given, None))
        else:
            self._outcomes[place] = _describe(module, given, self._outcomes[place])

    def into(self, model: nn.Module) -> tuple[WeightLoad, ...]:
        """Loads into the model and its parts."""
        return tuple(self._outcomes[self._loads[module]] for module in model.modules() if module in self._loads)

    def all(self) -> tuple[WeightLoad, ...]:
        """Loads into any module, oldest first."""
        return tuple(self._outcomes)


_recorded = Loads()


@contextmanager
def record_loads() -> Iterator[None]:
    """Keep the outcome of every ``load_state_dict`` within the block, for :func:`loads_into`.

    The loading itself is not changed. Blocks may be nested.
    """
    right = nn.Module.load_state_dict

    def recording(self: nn.Module, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        outcome = right(self, state_dict, *args, **kwargs)
        _recorded.add(self, state_dict)
        return outcome

    nn.Module.load_state_dict = recording  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.load_state_dict = right  # type: ignore[method-assign]


def loads_into(model: nn.Module) -> tuple[WeightLoad, ...]:
    """What was recorded of loads into the model and its parts."""
    return _recorded.into(model)


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
