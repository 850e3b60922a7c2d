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
    """A later verdict on more measurements, in which what was found earlier stands as it was told then."""
    known = {finding.code for finding in earlier.findings}
    new = (finding for finding in later.findings if finding.code not in known)
    ranked = sorted((*earlier.findings, *new), key=lambda finding: finding.severity.rank)
    return replace(later, findings=tuple(ranked))
