"""Verdict: what all checks together say, with causes masking consequences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from trainwright.core.check import Check
from trainwright.core.errors import CannotEvaluate
from trainwright.core.finding import Finding, Maturity, Severity
from trainwright.core.measurement import Measurements
from trainwright.core.plan import make_plan


@dataclass(frozen=True)
class Verdict:
    """The outcome of a set of checks.

    ``findings`` are ranked, worst and surest first. ``masked`` pairs each consequence with the code of its cause.
    ``not_evaluated`` pairs a code with the reason. ``passed`` holds the codes that looked and found nothing.
    """

    findings: tuple[Finding, ...] = ()
    masked: tuple[tuple[Finding, str], ...] = ()
    not_evaluated: tuple[tuple[str, str], ...] = ()
    passed: tuple[str, ...] = ()

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """Findings of this severity or worse."""
        return tuple(f for f in self.findings if f.severity.rank <= severity.rank)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Findings that shut a gate: errors of stable checks."""
        return tuple(f for f in self.at_least(Severity.ERROR) if f.maturity is Maturity.STABLE)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "findings": [f.to_dict() for f in self.findings],
            "masked": [{"finding": f.to_dict(), "cause": cause} for f, cause in self.masked],
            "not_evaluated": [{"code": code, "reason": reason} for code, reason in self.not_evaluated],
            "passed": list(self.passed),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        """The inverse of :meth:`to_dict`."""
        return cls(
            findings=tuple(Finding.from_dict(item) for item in data["findings"]),
            masked=tuple((Finding.from_dict(item["finding"]), item["cause"]) for item in data["masked"]),
            not_evaluated=tuple((item["code"], item["reason"]) for item in data["not_evaluated"]),
            passed=tuple(data["passed"]),
        )


@dataclass
class _Tally:
    findings: list[Finding] = field(default_factory=list)
    masked: list[tuple[Finding, str]] = field(default_factory=list)
    not_evaluated: list[tuple[str, str]] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    fired: dict[str, Severity] = field(default_factory=dict)


def judge(checks: Iterable[Check], measurements: Measurements) -> Verdict:
    """Run every check whose needs were measured; never raises for what a check does.

    A check that fails with an exception of its own is listed under ``not_evaluated`` with the exception: one broken
    (third-party) check must not cost the user the verdict of the others.
    """
    plan = make_plan(checks, measurements)
    tally = _Tally(not_evaluated=list(plan.unmet))
    for check in plan.runnable:
        _run_check(check, measurements, tally)
    ranked = sorted(tally.findings, key=lambda f: (f.severity.rank, -f.confidence, f.code, f.where))
    return Verdict(tuple(ranked), tuple(tally.masked), tuple(tally.not_evaluated), tuple(tally.passed))


def _run_check(check: Check, measurements: Measurements, tally: _Tally) -> None:
    found: list[Finding] = []
    reasons: list[str] = []
    for arguments in check.arguments(measurements):
        try:
            found.extend(check.run(**arguments))
        except CannotEvaluate as reason:
            reasons.append(str(reason))
        except Exception as error:  # noqa: BLE001 - see judge's docstring
            reasons.append(f"the check failed with {type(error).__name__}: {error}")
    tally.not_evaluated.extend((check.code, reason) for reason in reasons)
    if found:
        tally.fired[check.code] = min((finding.severity for finding in found), key=lambda severity: severity.rank)
    elif not reasons:
        tally.passed.append(check.code)
    for finding in found:
        cause = _cause(check, finding, tally.fired)
        if cause is None:
            tally.findings.append(finding)
        else:
            tally.masked.append((finding, cause))


def _cause(check: Check, finding: Finding, fired: dict[str, Severity]) -> str | None:
    """The check whose finding explains this one. Advice is not a cause of anything worse than advice."""
    return next(
        (
            code
            for code in check.after
            if code in fired and (fired[code] is not Severity.ADVICE or finding.severity is Severity.ADVICE)
        ),
        None,
    )
