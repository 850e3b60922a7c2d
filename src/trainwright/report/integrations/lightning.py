"""Lightning: ``Trainer(callbacks=[TrainwrightCallback()])``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError:  # the older name of the same package
    from pytorch_lightning import Callback

from trainwright.report.integrations.common import Training
from trainwright.report.watch import Watch


class TrainwrightCallback(Callback):  # type: ignore[misc]
    """Watches every ``fit``; ``callback.doctor`` has the findings. Settings are those of :func:`trainwright.watch`;
    without ``name`` it is that of the module.
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
        super().__init__()
        self.training = Training(budget=budget, every=every, quiet=quiet, name=name, report=report)

    @property
    def doctor(self) -> Watch:
        """The watch over the latest training; raises ``UsageError`` before the first."""
        return self.training.doctor

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Training begins."""
        self.training.begin(pl_module, main_process=trainer.is_global_zero)

    def on_sanity_check_start(self, trainer: Any, pl_module: Any) -> None:
        """A few batches are evaluated to see whether the code runs."""
        self.training.phase("sanity check")

    def on_sanity_check_end(self, trainer: Any, pl_module: Any) -> None:
        """The code ran."""
        self.training.phase("train")

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """The validation data are evaluated."""
        if not trainer.sanity_checking:
            self.training.phase("validation")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """The metrics of all validation batches together are known."""
        if not trainer.sanity_checking:
            self.training.validated(trainer.callback_metrics)
            self.training.phase("train")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """A pass over the training data is over."""
        self.training.epoch_ended()

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Training is over."""
        self.training.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Training is over, by an exception or Ctrl-C."""
        self.training.end()
