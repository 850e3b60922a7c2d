"""Capture in Keras on torch: its losses and optimizers, which are no functions and optimizers of torch's own.

The calls of its models and the backward pass are heard as those of any module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from trainwright.doctor.taps_keras import home_of, is_loaded, view_of

Note = Callable[["HeardLoss", tuple[Any, ...], Any], None]


@dataclass
class KerasOptimizer:
    """An optimizer of Keras that was about to move these variables."""

    optimizer: Any
    variables: list[Any]


@dataclass
class HeardLoss:
    """A loss of Keras as a function of outputs and targets; ``losses``: those of ``keras.losses`` it consists of."""

    function: Callable[..., Tensor]
    losses: list[Any]

    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        """The loss, without weights of samples."""
        return self.function(targets, outputs)


class KerasEars:
    """Hears losses and optimizers of Keras from the moment it is loaded.

    ``noted`` hears of every loss with its outputs and targets, ``stepped`` of an optimizer before it moves anything.
    """

    def __init__(
        self, noted: Note, quiet: Callable[[], Any], stepped: Callable[[Optimizer, KerasOptimizer], None]
    ) -> None:
        self._noted, self._quiet, self._stepped = noted, quiet, stepped
        self._originals: list[tuple[type, str, Any]] = []
        self._heard: list[Any] | None = None

    def look_for_keras(self) -> None:
        """A script may import Keras at any time; it is there before its first model is called."""
        if self._originals or not is_loaded():
            return
        import keras

        self._wrap(keras.Model, "compute_loss", self._make_compute_loss)
        self._wrap(keras.Model, "_should_torch_compile", lambda _: lambda _model: False)  # or no call is heard
        self._wrap(keras.losses.Loss, "__call__", self._make_loss)
        self._wrap(keras.losses.MeanSquaredError, "call", self._make_part)
        for kind in (keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer):
            self._wrap(kind, "apply", self._make_apply)

    def go(self) -> None:
        """Put everything back."""
        for home, name, original in reversed(self._originals):
            setattr(home, name, original)
        self._originals.clear()

    def _wrap(self, owner: type, name: str, make: Callable[[Any], Any]) -> None:
        home = home_of(owner, name)
        original = getattr(home, name)
        self._originals.append((home, name, original))
        setattr(home, name, functools.wraps(original)(make(original)))

    def _make_compute_loss(self, original: Any) -> Any:
        def compute_loss(
            model: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **named: Any
        ) -> Any:
            def again(targets: Any, outputs: Any) -> Any:
                return original(model, None, targets, outputs, None, **named)

            return self._listen(again, y, y_pred, lambda: original(model, x, y, y_pred, sample_weight, **named))

        return compute_loss

    def _make_loss(self, original: Any) -> Any:
        def call(loss: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            again = functools.partial(original, loss)
            return self._listen(again, y_true, y_pred, lambda: original(loss, y_true, y_pred, sample_weight))

        return call

    def _listen(self, again: Callable[..., Any], targets: Any, outputs: Any, compute: Callable[[], Any]) -> Any:
        if self._heard is not None:  # inside another loss
            return compute()
        losses: list[Any] = []
        self._heard = losses
        try:
            with self._quiet():
                value = compute()
        finally:
            self._heard = None
        if isinstance(value, Tensor) and not value.is_meta:  # Keras looks at shapes without numbers first
            self._noted(HeardLoss(again, losses), (outputs, targets), value)
        return value

    def _make_part(self, original: Any) -> Any:
        def call(loss: Any, y_true: Any, y_pred: Any) -> Any:
            if self._heard is not None:
                self._heard.append(loss)
            return original(loss, y_true, y_pred)

        return call

    def _make_apply(self, original: Any) -> Any:
        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            held = trainable_variables if trainable_variables is not None else optimizer._trainable_variables
            self._stepped(view_of(optimizer), KerasOptimizer(optimizer, list(held)))
            return original(optimizer, grads, trainable_variables)

        return apply


@contextmanager
def hearing(ears: KerasEars) -> Iterator[None]:
    """Within, what Keras does is heard."""
    ears.look_for_keras()
    try:
        yield
    finally:
        ears.go()
