"""Members: trainings that a run has made and that can be found again, to predict with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from trainwright.recipe.context import Context
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult


@dataclass(frozen=True)
class Member:
    """One training: its ``settings`` beside those of the run's experiment, its seed, and how many epochs it took."""

    settings: Mapping[str, Any]
    seed: int
    epochs: int

    def changed(self, changes: Mapping[str, Any]) -> Member:
        """The same with ``changes`` on top of its settings."""
        return replace(self, settings={**self.settings, **changes})

    def experiment(self, context: Context) -> Experiment:
        """What is trained."""
        return context.experiment.with_changes(self.settings)

    def train(self, context: Context) -> TrainingResult:
        """The training, read from the run's folder where it is finished."""
        return context.train(self.experiment(context), self.seed, self.epochs)

    def key(self, context: Context) -> str:
        """The name of its folder below ``trainings/``."""
        return self.experiment(context).with_changes({"training.epochs": self.epochs}).key(self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def members_of(
    context: Context, experiment: Experiment, changes: Mapping[str, Any], seeds: Iterable[int], epochs: int
) -> list[Member]:
    """The trainings with ``changes`` beside what the stages so far decided on, saving as often as ``experiment``."""
    snapshots = {"training.snapshots": experiment.config.training.snapshots}
    settings = {**context.current_changes(), **snapshots, **changes}
    return [Member(settings, seed, epochs) for seed in seeds]


def members_from(facts: Mapping[str, Any]) -> list[Member]:
    """The members that a stage or a chosen predictor wrote down under ``members``."""
    return [Member(dict(each["settings"]), int(each["seed"]), int(each["epochs"])) for each in facts.get("members", [])]
