"""The view model: what a report shows, as plain data that survives JSON. Stages write it, renderers read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

from trainwright.core import Verdict

Scalar = str | float | int | bool | None


class Outcome(StrEnum):
    """How a measurement compares with what was expected beforehand."""

    AS_EXPECTED = "as expected"
    SURPRISE = "surprise"
    INFORMATION = "information"


@dataclass(frozen=True)
class Step:
    """One small act of a stage: *expect → measured → verdict*, each a sentence with numbers."""

    name: str
    expect: str
    measured: str
    outcome: Outcome


@dataclass(frozen=True)
class Rule:
    """A labelled reference line in a chart, such as a baseline or a limit; ``axis`` is the axis it crosses."""

    value: float
    label: str
    axis: Literal["x", "y"] = "y"


@dataclass(frozen=True)
class Chart:
    """One chart, independent of any plotting library.

    ``rows`` are records; ``x``, ``y``, ``color`` name their fields. ``interval`` draws ``y`` with ``low``/``high``
    fields of the same rows. ``heatmap`` colours cells by ``color`` and writes the field ``text`` into them. Fields that
    are not drawn appear in the tooltip. ``x_title`` and ``y_title`` name the axes; the field names do where they are
    None, and an empty string draws no title.
    """

    title: str
    kind: Literal["line", "bar", "interval", "scatter", "heatmap"]
    rows: tuple[Mapping[str, Any], ...]
    x: str
    y: str
    color: str | None = None
    rules: tuple[Rule, ...] = ()
    caption: str = ""
    log_x: bool = False
    log_y: bool = False
    x_title: str | None = None
    y_title: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Picture:
    """A PNG below the run folder (``path`` relative to it) with what one should see in it."""

    title: str
    path: str
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A small table; every row as long as ``columns``; ``highlight`` marks one row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    caption: str = ""
    highlight: int | None = None


@dataclass(frozen=True)
class Gate:
    """Whether the next stage may begin, and why; ``forced`` when the user went on through a shut gate."""

    is_open: bool
    reason: str
    forced: bool = False


@dataclass(frozen=True)
class StageResult:
    """Everything one stage has to show, and in ``facts`` the numbers that later stages need."""

    stage: str
    purpose: str
    steps: tuple[Step, ...]
    gate: Gate
    verdict: Verdict = field(default_factory=Verdict)
    charts: tuple[Chart, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "verdict": self.verdict.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> StageResult:
        """The inverse of :meth:`to_dict`, also after a trip through JSON."""
        return cls(
            stage=data["stage"],
            purpose=data["purpose"],
            steps=tuple(Step(**{**s, "outcome": Outcome(s["outcome"])}) for s in data["steps"]),
            gate=Gate(**data["gate"]),
            verdict=Verdict.from_dict(data["verdict"]),
            charts=tuple(
                Chart(**{**c, "rows": tuple(c["rows"]), "rules": tuple(Rule(**r) for r in c["rules"])})
                for c in data["charts"]
            ),
            pictures=tuple(Picture(**p) for p in data["pictures"]),
            tables=tuple(
                Table(**{**t, "columns": tuple(t["columns"]), "rows": tuple(tuple(r) for r in t["rows"])})
                for t in data["tables"]
            ),
            facts=data["facts"],
            seconds=data["seconds"],
        )


@dataclass(frozen=True)
class RunView:
    """A whole recipe run, ready to be rendered.

    ``headline``: the few numbers for the top of the page, in order, as (label, value, remark). ``reproduce``: commands,
    versions, seeds. ``config_yaml``: the complete configuration. ``forced``: names of the stages whose gate was shut.
    """

    name: str
    status: Literal["running", "finished", "stopped", "interrupted"]
    started: str
    data_name: str
    headline: tuple[tuple[str, str, str], ...]
    stages: tuple[StageResult, ...]
    config_yaml: str
    reproduce: dict[str, str]
    stopped_because: str = ""

    @property
    def forced(self) -> tuple[str, ...]:
        """Stages that were passed with ``--force``."""
        return tuple(s.stage for s in self.stages if s.gate.forced)
