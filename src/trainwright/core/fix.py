"""Fixes: changes of configuration that cure a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fix:
    """One way out.

    ``changes`` maps dotted settings to new values (``{"optimizer.learning_rate": 1e-3}``) and is executed by
    ``Experiment.with_changes``. Where the user's own code must change, ``changes`` is empty and ``instruction`` says
    how.
    """

    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    instruction: str = ""

    def __post_init__(self) -> None:
        if not self.changes and not self.instruction:
            raise ValueError(f"fix '{self.title}' needs changes to execute or an instruction to follow")

    @property
    def executable(self) -> bool:
        """Whether the program can try this fix itself."""
        return bool(self.changes)
