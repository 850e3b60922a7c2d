"""Calls: which modules run during a forward pass, in which order, and what they are given."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn


class Calls:
    """While active, notes the calls of the modules of ``models`` by name; only reads.

    ``order``: modules in the order they were first called. ``without_graph``: those called with gradients switched off.
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        self.order: dict[str, None] = {}
        self.without_graph: dict[str, None] = {}
        self._models = tuple(models)
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._given: list[tuple[str, Tensor, bool]] = []

    def __enter__(self) -> Calls:
        for model in self._models:
            for name, module in model.named_modules():
                self._handles.append(module.register_forward_hook(self._hook(name)))
                self._handles.append(module.register_forward_pre_hook(self._first(name)))
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

    def _first(self, name: str) -> Any:
        def note(_module: nn.Module, _inputs: Any) -> None:
            self.order.setdefault(name)
            if not torch.is_grad_enabled():
                self.without_graph.setdefault(name)

        return note

    def _hook(self, name: str) -> Any:
        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            given = inputs[0] if isinstance(inputs, tuple) and inputs else None
            is_layer = next(module.parameters(recurse=False), None) is not None
            if is_layer and isinstance(given, Tensor):
                self._given.append((name, given, isinstance(output, Tensor) and output.shape == given.shape))

        return note
