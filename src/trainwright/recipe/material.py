"""Material: what a stage gathers on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trainwright.report.view import Chart, Step, Table


@dataclass
class Material:
    """Steps, charts and tables to show, and the changes and facts to hand on."""

    steps: list[Step] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
