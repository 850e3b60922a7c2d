"""Keras 3 on torch: ``model.fit(..., callbacks=[TrainwrightCallback()])``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from trainwright.core import UsageError
from trainwright.report.integrations.common import Training, end_with
from trainwright.report.watch import Watch


class TrainwrightCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Watches every ``fit``; ``callback.doctor`` has the findings. Settings are those of :func:`trainwright.watch`;
    without ``name`` it is that of the model.

    Raises ``UsageError`` where Keras runs on anything but torch.
    """

    def __init__(
        self,
        *,
        budget: float = 0.01,
        every: int | None = None,
        quiet: bool = False,
        name: str | None = None,
        report: str | Path | None = None,
    ) -> None:
        if keras.backend.backend() != "torch":
            raise UsageError(
                f"Keras runs on {keras.backend.backend()} here, which cannot be watched.",
                expected="Keras on torch.",
                todo="Set the environment variable KERAS_BACKEND=torch before Keras is imported.",
            )
        super().__init__()
        end_with(keras.Model, "fit")
        self.training = Training(budget=budget, every=every, quiet=quiet, name=name, report=report)

    @property
    def doctor(self) -> Watch:
        """The watch over the latest training; raises ``UsageError`` before the first."""
        return self.training.doctor

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Training begins."""
        self.training.begin(self.model)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Validation data are evaluated."""
        self.training.phase("validation")

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Validation is over."""
        self.training.phase("train")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """A pass over the training data is over, and the validation behind it."""
        self.training.validated(logs or {})
        self.training.epoch_ended()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Training is over."""
        self.training.end()
