"""The very first loss of a running loop, beside that of a model that knows nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from trainwright.core import Measurement
from trainwright.doctor.batch import tensors_of
from trainwright.doctor.events import LossCall
from trainwright.doctor.losses import NAMED, ignorant_outputs
from trainwright.doctor.observers.scores import is_classification
from trainwright.measures.door import BINARY_LOSSES, CLASS_LOSSES, VALUE_LOSSES
from trainwright.measures.initial import InitialLoss

FUNCTIONS = {name: function for _, function, name in NAMED if name in (*CLASS_LOSSES, *BINARY_LOSSES, *VALUE_LOSSES)}
"""Losses of which one knows which outputs say nothing."""
FEWEST = 8
"""Targets from which on the first batch says something about the data."""


class Start:
    """Observes the first loss call of training."""

    def __init__(self) -> None:
        self._found: InitialLoss | None = None
        self._over = False

    def called(self, call: LossCall, step: int, inputs: tuple[Any, ...]) -> None:
        """A loss function was called in training; ``inputs`` of the model that gave the outputs."""
        if not self._over:
            self._over = True
            self._look(call, step, inputs)

    @torch.no_grad()
    def _look(self, call: LossCall, step: int, inputs: tuple[Any, ...]) -> None:
        function = FUNCTIONS.get(call.name)
        if step or function is None or call.value.numel() != 1 or call.targets.numel() < FEWEST:
            return
        classes = is_classification(call)
        ignorant = function(ignorant_outputs(call.name, call.outputs), call.targets, **call.options)
        entered = next((t for t in tensors_of(list(inputs)) if t.is_floating_point()), None)
        self._found = InitialLoss(
            loss=float(call.value),
            ignorant_loss=float(ignorant),
            constant_loss=math.nan,
            loss_name=call.name,
            task="classification" if classes else "regression",
            n_outputs=call.outputs.shape[1] if classes and call.outputs.dim() > 1 else 1,
            n_samples=call.targets.numel(),
            input_rms=_rms(entered) if entered is not None else math.nan,
            output_rms=_rms(call.outputs),
        )

    def measurements(self) -> Iterator[Measurement]:
        """The first loss, where it can be judged."""
        if self._found is not None:
            yield self._found


def _rms(tensor: Tensor) -> float:
    return float(tensor.detach().double().square().mean().sqrt())
