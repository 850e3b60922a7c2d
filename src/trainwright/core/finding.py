"""Findings: what a check has to say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from trainwright.core.evidence import Evidence, Series
from trainwright.core.fix import Fix


class Severity(StrEnum):
    """How bad. *error*: almost surely a bug; *warning*: likely costs quality; *advice*: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Maturity(StrEnum):
    """*preview*: still being calibrated, never shuts a gate; *stable*: calibrated in the clinic."""

    PREVIEW = "preview"
    STABLE = "stable"


@dataclass(frozen=True)
class Finding:
    """What happened, what was expected and what to do about it, with the numbers behind it.

    ``confidence`` lies in (0, 1]; 1 is kept for facts. ``why_confident`` says what it rests on.
    """

    code: str
    name: str
    severity: Severity
    happened: str
    expected: str
    todo: str
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    confidence: float = 1.0
    why_confident: str = ""
    where: str = ""
    maturity: Maturity = Maturity.STABLE

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Finding:
        """The inverse of :meth:`to_dict`, also after a trip through JSON."""
        evidence = tuple(
            Evidence(
                **{
                    **item,
                    "series": tuple(Series(s["name"], tuple(s["x"]), tuple(s["y"]), s["unit"]) for s in item["series"]),
                    "samples": tuple(item["samples"]),
                }
            )
            for item in data["evidence"]
        )
        fixes = tuple(Fix(**item) for item in data["fixes"])
        kind = {"severity": Severity(data["severity"]), "maturity": Maturity(data["maturity"])}
        return cls(**{**data, **kind, "evidence": evidence, "fixes": fixes})
