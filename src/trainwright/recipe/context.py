"""Context: what a stage works with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from trainwright.core import DataError, ModelError
from trainwright.logbook.run import RunFolder
from trainwright.recipe.workers import Job, Workers
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import EpochRecord, TrainingResult, train
from trainwright.workbench.result import RESULT


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
    workers: int = 1
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

    ``facts`` maps the name of each finished stage to its facts. ``workers``: processes for :meth:`train_ahead`.
    """

    experiment: Experiment
    run: RunFolder
    plan: RunPlan
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    progress: Progress = field(default_factory=NoProgress)
    force: bool = False
    workers: Workers | None = None

    def current_changes(self) -> dict[str, Any]:
        """The changes that the stages so far decided on; later ones replace earlier ones."""
        return {name: value for facts in self.facts.values() for name, value in facts.get("changes", {}).items()}

    def current_experiment(self) -> Experiment:
        """The experiment with the changes that the stages so far decided on."""
        return self.experiment.with_changes(self.current_changes())

    def train(
        self,
        experiment: Experiment,
        seed: int,
        epochs: int | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> TrainingResult:
        """Train in this run's own folder: finished trainings are read, one that was cut off goes on."""
        planned = self._planned(experiment, epochs)
        share = 1 / self.plan.epochs_full

        def report(record: EpochRecord) -> None:
            self.progress.advance(share)
            if on_epoch is not None:
                on_epoch(record)

        return train(planned, seed=seed, folder=self._folder(planned, seed), on_epoch=report)

    def train_seeds(
        self, experiment: Experiment, seeds: Sequence[int], epochs: int | None = None
    ) -> list[TrainingResult]:
        """One training for each seed, at the same time where there are workers."""
        self.train_ahead((experiment, seed, epochs) for seed in seeds)
        return [self.train(experiment, seed, epochs) for seed in seeds]

    def train_ahead(self, trainings: Iterable[tuple[Experiment, int, int | None]]) -> None:
        """Train several (experiment, seed, epochs) at the same time where there are workers.

        Nothing changes but the time: each can be had from :meth:`train` afterwards, which finds it done, or meets
        whatever is wrong with it.
        """
        if self.workers is None:
            return
        jobs: dict[Path, Job] = {}
        for experiment, seed, epochs in trainings:
            with contextlib.suppress(ModelError):
                planned = self._planned(experiment, epochs)
                folder = self._folder(planned, seed)
                if not (folder / RESULT).exists():
                    jobs[folder] = Job(planned, seed, folder)
        self.workers.train(list(jobs.values()), lambda: self.progress.advance(1 / self.plan.epochs_full))

    def _planned(self, experiment: Experiment, epochs: int | None) -> Experiment:
        return experiment.with_changes({"training.epochs": epochs or self.plan.epochs_full})

    def _folder(self, planned: Experiment, seed: int) -> Path:
        return self.run.training_folder(planned.key(seed))

    def picture(self, name: str) -> Path:
        """Where to put the PNG called ``name`` so that the report finds it."""
        if not name.replace("-", "").replace("_", "").isalnum():
            raise DataError(f"'{name}' cannot name a picture.", expected="Letters, digits, - and _.")
        return self.run.pictures / f"{name}.png"

    def relative(self, path: Path) -> str:
        """``path`` as the report wants it: relative to the run folder."""
        return path.relative_to(self.run.path).as_posix()
