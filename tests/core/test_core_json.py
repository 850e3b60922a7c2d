"""Findings and verdicts survive a trip through JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwright.core import Evidence, Finding, Fix, Maturity, Series, Severity, Verdict

NUMBERS = st.floats(allow_nan=False)
TEXT = st.text(max_size=20)
JSON_VALUES = st.none() | st.booleans() | st.integers() | NUMBERS | TEXT | st.lists(NUMBERS, max_size=3)


@st.composite
def series(draw: st.DrawFn) -> Series:
    x = tuple(draw(st.lists(NUMBERS, max_size=4)))
    y = tuple(draw(st.lists(NUMBERS, min_size=len(x), max_size=len(x))))
    return Series(draw(TEXT), x, y, draw(TEXT))


EVIDENCE = st.builds(
    Evidence,
    quantity=TEXT,
    value=NUMBERS,
    limit=st.none() | NUMBERS,
    unit=TEXT,
    where=TEXT,
    when=TEXT,
    series=st.lists(series(), max_size=2).map(tuple),
    samples=st.lists(st.integers(0, 10**6), max_size=3).map(tuple),
)
FIXES = st.builds(
    Fix, title=TEXT, changes=st.dictionaries(TEXT, JSON_VALUES, max_size=2), instruction=st.text(min_size=1, max_size=9)
)
FINDINGS = st.builds(
    Finding,
    code=st.from_regex(r"TW[0-9]{3}", fullmatch=True),
    name=TEXT,
    severity=st.sampled_from(Severity),
    happened=TEXT,
    expected=TEXT,
    todo=TEXT,
    evidence=st.lists(EVIDENCE, max_size=2).map(tuple),
    fixes=st.lists(FIXES, max_size=2).map(tuple),
    confidence=st.floats(0.01, 1.0),
    why_confident=TEXT,
    where=TEXT,
    maturity=st.sampled_from(Maturity),
)
REASONS = st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple)
VERDICTS = st.builds(
    Verdict,
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    masked=st.lists(st.tuples(FINDINGS, TEXT), max_size=2).map(tuple),
    not_evaluated=REASONS,
    passed=st.lists(TEXT, max_size=3).map(tuple),
)


@given(finding=FINDINGS)
def test_a_finding_survives(finding: Finding) -> None:
    assert Finding.from_dict(json.loads(json.dumps(finding.to_dict()))) == finding


@given(verdict=VERDICTS)
def test_a_verdict_survives(verdict: Verdict) -> None:
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


def test_numbers_that_are_none_survive_too() -> None:
    evidence = Evidence("loss", float("inf"), series=(Series("loss", (0.0, 1.0), (1.0, float("nan"))),))
    finding = Finding("TW401", "non-finite", Severity.ERROR, "a", "b", "c", evidence=(evidence,))
    back = Finding.from_dict(json.loads(json.dumps(finding.to_dict())))
    assert back.evidence[0].value == float("inf")
    assert str(back.evidence[0].series[0].y) == "(1.0, nan)"


def test_a_fix_needs_something_to_do() -> None:
    with pytest.raises(ValueError, match="'empty' needs changes"):
        Fix("empty")
    assert Fix("rate", {"optimizer.learning_rate": 1e-3}).executable
    assert not Fix("words", instruction="Remove the softmax.").executable


def test_a_series_has_as_many_x_as_y() -> None:
    with pytest.raises(ValueError, match="'loss' has 2 x values and 1 y values"):
        Series("loss", (0.0, 1.0), (1.0,))


def test_severities_rank_from_worst_to_mildest() -> None:
    assert [severity.rank for severity in (Severity.ERROR, Severity.WARNING, Severity.ADVICE)] == [0, 1, 2]
