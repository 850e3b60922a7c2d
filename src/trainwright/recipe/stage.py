"""Stage: one step of the recipe, with a gate at its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from trainwright.core import Verdict
from trainwright.recipe.context import Context, RunPlan
from trainwright.report.view import Gate, StageResult
from trainwright.workbench.experiment import Experiment


class Stage(ABC):
    """States what it expects, acts, compares, and says whether the next stage may begin."""

    name: ClassVar[str]
    purpose: ClassVar[str]

    @abstractmethod
    def run(self, context: Context) -> StageResult:
        """Do the work. Decisions must follow from results only, never from the clock, so that a resumed run decides
        alike.
        """

    @abstractmethod
    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:
        """Predicted cost in units of one full training (``plan.epochs_full`` epochs) of the experiment."""


def gate_from(verdict: Verdict, reason_when_open: str) -> Gate:
    """Shut when a stable check found an error; the reason names the first one and what to do."""
    if not verdict.blocking:
        return Gate(is_open=True, reason=reason_when_open)
    first = verdict.blocking[0]
    others = len(verdict.blocking) - 1
    more = f" ({others} more error{'s' if others > 1 else ''} below.)" if others else ""
    return Gate(is_open=False, reason=f"{first.code} {first.name}: {first.happened} {first.todo}{more}")
