"""Judging: every check of the catalogue on what one stage measured."""

from __future__ import annotations

from dataclasses import replace

from trainwright.core import Measurements, Verdict, discover, judge


def judge_measured(measurements: Measurements) -> Verdict:
    """The verdict of all checks, third-party ones included, whose needs this stage measured.

    Checks that need what other stages measure are left to those, and not listed as unevaluated here.
    """
    able = [c for c in discover() if all(n.optional or measurements.of(n.kind) for n in c.needs)]
    return judge(able, measurements)


def joined(earlier: Verdict, later: Verdict) -> Verdict:
    """The verdict of both; a check that has found something earlier is not heard again."""
    known = {finding.code for finding in earlier.findings}
    new = [finding for finding in later.findings if finding.code not in known]
    fired = known | {finding.code for finding in new}
    return replace(
        earlier,
        findings=tuple(sorted((*earlier.findings, *new), key=lambda finding: finding.severity.rank)),
        masked=(*earlier.masked, *later.masked),
        not_evaluated=(*earlier.not_evaluated, *later.not_evaluated),
        passed=tuple(code for code in dict.fromkeys((*earlier.passed, *later.passed)) if code not in fired),
    )
