"""skorch: ``NeuralNetClassifier(..., callbacks=[TrainwrightCallback()])``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from trainwright.report.integrations.common import Training, end_with
from trainwright.report.watch import Watch


class TrainwrightCallback(Callback):  # type: ignore[misc]
    """Watches every ``fit``; ``callback.doctor`` has the findings. Settings are those of :func:`trainwright.watch`;
    without ``name`` it is that of the module.

    As with every estimator of scikit-learn the attributes are the arguments, so that it can be cloned.
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
        end_with(NeuralNet, "partial_fit")
        self.budget, self.every, self.quiet, self.name, self.report = budget, every, quiet, name, report
        self.training_ = Training(budget=budget, every=every, quiet=quiet, name=name, report=report)

    @property
    def doctor(self) -> Watch:
        """The watch over the latest training; raises ``UsageError`` before the first."""
        return self.training_.doctor

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Training begins."""
        self.training_.begin(net.module_)

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool | None = None, **kwargs: Any) -> None:
        """A batch is trained on, or evaluated."""
        self.training_.phase("train" if training else "validation")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """A pass over the training data is over, and the validation behind it."""
        self.training_.validated(net.history[-1])
        self.training_.epoch_ended()

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Training is over."""
        self.training_.end()
