"""Calls: which modules run during a forward pass, in which order, and what they are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from trainwright.doctor.batch import tensors_of


class Calls:
    """While active, notes the calls of the modules of ``models`` by name; only reads.

    ``order``: modules in the order they were first called. ``without_graph``: those called with gradients switched off.
    ``times``: calls of each with gradients, in the latest call of its model. ``handed_on``: times in a row that a model
    was given what it had just returned, cut off its graph. ``before``: the calls of the same step so far, to go on
    with this count.
    """

    def __init__(self, models: Iterable[nn.Module], before: Calls | None = None) -> None:
        self.order: dict[str, None] = {}
        self.without_graph: dict[str, None] = {}
        self.times: Counter[str] = Counter()
        self.handed_on: int = before.handed_on if before else 0
        self._returned: list[Tensor] = before._returned if before else []
        self._models = tuple(models)
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._given: list[tuple[str, Tensor, bool]] = []

    def __enter__(self) -> Calls:
        for model in self._models:
            for name, module in model.named_modules():
                self._handles.append(module.register_forward_hook(self._hook(name)))
                self._handles.append(module.register_forward_pre_hook(self._first(name), with_kwargs=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def passed_over(self) -> list[str]:
        """Modules whose result has the shape of their input while a later module was given that same input: the result
        may have been dropped by mistake. Empty for most models."""
        last = {id(tensor): name for name, tensor, _ in self._given}  # all are kept, so an id names one tensor
        return [name for name, tensor, same_shape in self._given if same_shape and last[id(tensor)] != name]

    def _count_handed_on(self, inputs: Any) -> None:
        """A detached tensor shares the memory of the one it was made of, which is held here, so that no other can."""
        own = {_memory(tensor) for tensor in self._returned} - {0}
        given = [tensor for tensor in tensors_of(inputs) if _memory(tensor) in own]
        cut = bool(given) and not any(tensor.requires_grad for tensor in given)
        self.handed_on = self.handed_on + 1 if cut else 0

    def _first(self, name: str) -> Any:
        def note(_module: nn.Module, args: Any, kwargs: Any) -> None:
            self.order.setdefault(name)
            if not torch.is_grad_enabled():
                self.without_graph.setdefault(name)
                return
            if not name and not torch.compiler.is_compiling():
                self.times.clear()
                self._count_handed_on((args, kwargs))
            self.times[name] += 1

        return note

    def _hook(self, name: str) -> Any:
        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            if not name and not torch.compiler.is_compiling():
                self._returned = [tensor for tensor in tensors_of(output) if tensor.requires_grad]
            given = inputs[0] if isinstance(inputs, tuple) and inputs else None
            is_leaf = next(module.children(), None) is None
            if is_leaf and isinstance(given, Tensor):
                result = next(tensors_of(output), None)  # recurrent layers return their state as well
                self._given.append((name, given, result is not None and result.shape == given.shape))

        return note


def has_script(model: nn.Module) -> bool:
    """Whether a part of the model was compiled by TorchScript, which takes no hooks."""
    return any(isinstance(module, torch.jit.ScriptModule) for module in model.modules())


def _memory(tensor: Tensor) -> int:
    """Where a tensor's values lie; 0 where that cannot be said."""
    return tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided and not tensor.is_meta else 0
