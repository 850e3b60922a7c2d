"""Context: what a stage works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from trainwright.core import DataError
from trainwright.logbook.run import RunFolder
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import EpochRecord, TrainingResult, train


@dataclass(frozen=True)
class RunPlan:
    """How much each stage will do, fixed before it starts and stored in ``plan.json``.

    Epochs are whole passes over the training part. ``seconds_per_training`` is the measured cost of ``epochs_full``
    epochs.
    """

    epochs_full: int
    epochs_short: int
    seeds: int
    short_trials: int
    long_trials: int
    ensemble: int
    rate_sweeps: int
    seconds_per_training: float
    threads: int = 1
    budget_seconds: float | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunPlan:
        """The inverse of :meth:`to_dict`."""
        return cls(**{**data, "notes": tuple(data["notes"])})


class Progress(Protocol):
    """Where a stage reports how far it is; amounts are in units of one full training."""

    def advance(self, amount: float) -> None:
        """Some work is done."""

    def describe(self, text: str) -> None:
        """Say what is being done now."""


class NoProgress:
    """Progress that nobody watches."""

    def advance(self, amount: float) -> None:
        """Ignore."""

    def describe(self, text: str) -> None:
        """Ignore."""


@dataclass
class Context:
    """The experiment as the user gave it, the run it is recorded in, the plan, and what earlier stages found.

    ``facts`` maps the name of each finished stage to its facts.
    """

    experiment: Experiment
    run: RunFolder
    plan: RunPlan
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    progress: Progress = field(default_factory=NoProgress)
    force: bool = False

    def current_experiment(self) -> Experiment:
        """The experiment with the changes that the stages so far decided on."""
        changes: dict[str, Any] = {}
        for facts in self.facts.values():
            changes.update(facts.get("changes", {}))
        return self.experiment.with_changes(changes)

    def train(
        self,
        experiment: Experiment,
        seed: int,
        epochs: int | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> TrainingResult:
        """Train in this run's own folder: finished trainings are read, one that was cut off goes on."""
        epochs = epochs or self.plan.epochs_full
        planned = experiment.with_changes({"training.epochs": epochs})
        share = 1 / self.plan.epochs_full

        def report(record: EpochRecord) -> None:
            self.progress.advance(share)
            if on_epoch is not None:
                on_epoch(record)

        return train(planned, seed=seed, folder=self.run.training_folder(planned.key(seed)), on_epoch=report)

    def picture(self, name: str) -> Path:
        """Where to put the PNG called ``name`` so that the report finds it."""
        if not name.replace("-", "").replace("_", "").isalnum():
            raise DataError(f"'{name}' cannot name a picture.", expected="Letters, digits, - and _.")
        return self.run.pictures / f"{name}.png"

    def relative(self, path: Path) -> str:
        """``path`` as the report wants it: relative to the run folder."""
        return path.relative_to(self.run.path).as_posix()
