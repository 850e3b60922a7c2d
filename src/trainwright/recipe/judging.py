"""Judging: every check of the catalogue on what one stage measured."""

from __future__ import annotations

from trainwright.core import Measurements, Verdict, discover, judge


def judge_measured(measurements: Measurements) -> Verdict:
    """The verdict of all checks, third-party ones included, whose needs this stage measured.

    Checks that need what other stages measure are left to those, and not listed as unevaluated here.
    """
    able = [c for c in discover() if all(n.optional or measurements.of(n.kind) for n in c.needs)]
    return judge(able, measurements)
