"""The Hugging Face ``Trainer``: ``Trainer(..., callbacks=[TrainwrightCallback()])``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from trainwright.report.integrations.common import Training, end_with
from trainwright.report.watch import Watch


class TrainwrightCallback(TrainerCallback):  # type: ignore[misc]
    """Watches every ``train``; ``callback.doctor`` has the findings. Settings are those of :func:`trainwright.watch`;
    without ``name`` it is the run's, or that of the model.
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
        end_with(Trainer, "train")
        self.training = Training(budget=budget, every=every, quiet=quiet, name=name, report=report)

    @property
    def doctor(self) -> Watch:
        """The watch over the latest training; raises ``UsageError`` before the first."""
        return self.training.doctor

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Training begins."""
        self.training.begin(kwargs.get("model"), name=args.run_name, main_process=state.is_world_process_zero)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """The metrics of an evaluation are known."""
        self.training.validated(metrics or {})

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A pass over the training data is over."""
        self.training.epoch_ended()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Training is over."""
        self.training.end()
