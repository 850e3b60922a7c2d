"""Evaluations without a loss: what a model predicts for a loader's batches, scored as training scores its own.

Many programs only count right answers when they evaluate. Where the targets of training are part of its batches, those
of an evaluation are the same part of its own; else they are what the program compares its answers with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import is_same, tensors_of
from trainwright.doctor.events import LossCall
from trainwright.doctor.losses import NAMED

LEARNT = 3
"""Training losses after which it is known how they follow from a batch."""
_FUNCTIONS = {name: function for _, function, name in NAMED}


@dataclass(frozen=True)
class _Rule:
    """How a loss follows from a batch and from what the model returned: the place of the targets among the batch's
    tensors, −1 where they are none of them, and the shapes and types in which both enter the loss, behind the first
    axis."""

    name: str
    place: int
    outputs: tuple[int, ...]
    targets: tuple[int, ...]
    flat: bool
    dtype: torch.dtype


class Unscored:
    """Learns from training how targets stand in a batch, and finds those of evaluations."""

    def __init__(self) -> None:
        self._batch: Any = None
        self._rules: list[_Rule | None] = []
        self._rule: _Rule | None = None  # the one that all of them are
        self._options: dict[str, Any] = {}

    def came(self, batch: Any) -> None:
        """A loader gave a batch."""
        self._batch = batch if len(self._rules) < LEARNT or self._rule is not None else None

    def trained(self, call: LossCall, prediction: Tensor | None) -> None:
        """A loss of training, and what the model returned last. A look at the same batch again is no evaluation."""
        if len(self._rules) < LEARNT:
            self._rules.append(self._learn(call, prediction))
            self._options = call.options
            self._rule = self._rules[0] if len(self._rules) == LEARNT and len(set(self._rules)) == 1 else None
        self._batch = None

    def evaluated(self, prediction: Tensor | None) -> LossCall | None:
        """The loss of a prediction for the batch that came last; None where that cannot be told."""
        rule, batch, self._batch = self._rule, self._batch, None
        if rule is None or rule.place < 0 or batch is None or prediction is None or not prediction.dim():
            return None
        tensors = list(tensors_of(batch))
        if rule.place >= len(tensors) or len(tensors[rule.place]) != len(prediction):
            return None
        return self.compared(prediction, tensors[rule.place])

    @property
    def knows(self) -> bool:
        """Whether the loss follows from a prediction and its targets."""
        return self._rule is not None

    @torch.no_grad()
    def compared(self, prediction: Tensor, targets: Tensor) -> LossCall | None:
        """The loss of a prediction that is compared with these targets; None where they are of another kind than those
        of training."""
        rule = self._rule
        if rule is None:
            return None
        rows = -1 if rule.flat else len(prediction)
        try:
            outputs = prediction.detach().reshape(rows, *rule.outputs)
            targets = targets.to(outputs.device, rule.dtype).reshape(rows, *rule.targets)
            value = _FUNCTIONS[rule.name](outputs, targets, **self._options)
        except (RuntimeError, ValueError, IndexError, TypeError):
            return None  # an evaluation of another kind
        return LossCall(rule.name, outputs, targets, value, self._options)

    @torch.no_grad()
    def _learn(self, call: LossCall, prediction: Tensor | None) -> _Rule | None:
        if prediction is None or not prediction.dim() or call.name not in _FUNCTIONS:
            return None
        outputs, targets, rows = call.outputs, call.targets, len(prediction)
        flat = bool(outputs.dim()) and len(outputs) != rows
        if not outputs.dim() or not targets.dim() or len(outputs) != len(targets) or not is_same(prediction, outputs):
            return None
        tensors = [] if self._batch is None else list(tensors_of(self._batch))
        places = [i for i, tensor in enumerate(tensors) if tensor.dim() and is_same(tensor, targets)]
        shapes = tuple(outputs.shape[1:]), tuple(targets.shape[1:])
        return _Rule(call.name, places[0] if places else -1, *shapes, flat, targets.dtype)
