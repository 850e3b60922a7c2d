"""The report in a terminal and as JSON, numbers, and YAML diffs."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from trainwright.core import Evidence, Finding, Fix, Maturity, Series, Severity, Verdict
from trainwright.report.format import duration, number, rows, tally
from trainwright.report.json import to_json
from trainwright.report.text import print_finding, print_stage, print_summary, print_verdict
from trainwright.report.view import Chart, Gate, Outcome, Picture, Rule, RunView, StageResult, Step, Table
from trainwright.report.yaml_diff import yaml_diff


def console(width: int = 120) -> Console:
    return Console(file=io.StringIO(), width=width, color_system=None)


def printed(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def test_a_finding_says_everything(view: RunView) -> None:
    target = console()
    print_finding(target, view.stages[1].verdict.findings[0])
    text = printed(target)
    for part in (
        "error",
        "TW303",
        "cannot-overfit-batch",
        "happened",
        "expected",
        "do ",
        "limit 0.02 nats",
        "98% sure",
    ):
        assert part in text
    assert "+   learning_rate: 0.003" in text


def test_a_stage_shows_expect_measured_and_gate(view: RunView) -> None:
    target = console()
    print_stage(target, view.stages[1])
    text = printed(target)
    for part in ("expect", "measured", "2.341 nats", "gate forced", "a consequence of TW303", "13 checks passed"):
        assert part in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_everything_prints_at_any_width(view: RunView, hostile: RunView, width: int) -> None:
    for each in (view, hostile):
        target = console(width)
        print_summary(target, each)
        for stage in each.stages:
            print_stage(target, stage)
        assert max(len(line) for line in printed(target).splitlines()) <= width


def test_text_that_looks_like_markup_is_printed_as_it_is() -> None:
    target = console()
    print_finding(target, Finding("TW101", "name", Severity.ADVICE, "[red]a[/red] [b", "[link=x]", "[/]"))
    assert "[red]a[/red] [b" in printed(target)


def test_a_verdict_of_nothing_says_so() -> None:
    target = console()
    print_verdict(target, Verdict())
    assert "no checks run" in printed(target)


def test_json_is_standard_and_complete(view: RunView) -> None:
    data = json.loads(to_json(view), parse_constant=lambda name: pytest.fail(f"not standard JSON: {name}"))
    assert [s["stage"] for s in data["stages"]] == [s.stage for s in view.stages]
    assert data["forced"] == ["check"]
    assert StageResult.from_dict(data["stages"][0]) == view.stages[0]


def test_json_writes_not_finite_numbers_as_strings(view: RunView) -> None:
    evidence = (Evidence("loss", math.nan, math.inf),)
    finding = replace(view.stages[1].verdict.findings[0], evidence=evidence)
    stage = replace(view.stages[1], verdict=Verdict((finding,)))
    data = json.loads(to_json(replace(view, stages=(stage,))))
    written = data["stages"][0]["verdict"]["findings"][0]["evidence"][0]
    assert (written["value"], written["limit"]) == ("NaN", "Infinity")


TEXT = st.text(max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.one_of(TEXT, FINITE, st.integers(-(2**53), 2**53), st.booleans(), st.none())
SERIES = st.lists(st.tuples(FINITE, FINITE), max_size=3).map(
    lambda points: Series("s", tuple(p[0] for p in points), tuple(p[1] for p in points), "u")
)
EVIDENCE = st.builds(
    Evidence,
    quantity=TEXT,
    value=FINITE,
    limit=st.one_of(st.none(), FINITE),
    series=st.tuples(SERIES),
    samples=st.lists(st.integers(), max_size=3).map(tuple),
)
FINDING = st.builds(
    Finding,
    code=st.just("TW101"),
    name=TEXT,
    severity=st.sampled_from(Severity),
    happened=TEXT,
    expected=TEXT,
    todo=TEXT,
    evidence=st.tuples(EVIDENCE),
    fixes=st.tuples(st.builds(Fix, title=TEXT, changes=st.dictionaries(TEXT, SCALAR, min_size=1, max_size=2))),
    confidence=FINITE,
    maturity=st.sampled_from(Maturity),
)
STAGE = st.builds(
    StageResult,
    stage=TEXT,
    purpose=TEXT,
    steps=st.tuples(st.builds(Step, TEXT, TEXT, TEXT, st.sampled_from(Outcome))),
    gate=st.builds(Gate, st.booleans(), TEXT, st.booleans()),
    verdict=st.builds(
        Verdict,
        findings=st.tuples(FINDING),
        masked=st.tuples(st.tuples(FINDING, TEXT)),
        not_evaluated=st.tuples(st.tuples(TEXT, TEXT)),
        passed=st.tuples(TEXT),
    ),
    charts=st.tuples(
        st.builds(
            Chart,
            title=TEXT,
            kind=st.sampled_from(["line", "bar", "interval", "scatter", "heatmap"]),
            rows=st.lists(st.dictionaries(TEXT, SCALAR, max_size=2), max_size=2).map(tuple),
            x=TEXT,
            y=TEXT,
            rules=st.tuples(st.builds(Rule, FINITE, TEXT, st.sampled_from(["x", "y"]))),
            text=st.one_of(st.none(), TEXT),
        )
    ),
    pictures=st.tuples(st.builds(Picture, TEXT, TEXT, TEXT)),
    tables=st.tuples(st.builds(Table, TEXT, st.tuples(TEXT), st.tuples(st.tuples(SCALAR)), TEXT, st.none())),
    facts=st.dictionaries(TEXT, SCALAR, max_size=2),
    seconds=FINITE,
)


@settings(max_examples=50, deadline=None)
@given(stage=STAGE)
def test_a_stage_survives_json(stage: StageResult) -> None:
    assert StageResult.from_dict(json.loads(json.dumps(stage.to_dict()))) == stage


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1797, "1,797"),
        (97.615, "97.61"),
        (-0.5, "−0.5"),
        (0.000123456, "1.23e-4"),
        (-2e-12, "−2e-12"),
        (123456.7, "123,457"),
        (math.nan, "not a number"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers_read_well(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (12.4, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_long_lists_of_rows_are_cut() -> None:
    assert rows(tuple(range(15)), limit=3) == "0, 1, 2 and 12 more"
    assert rows((4, 5)) == "4, 5"


def test_the_tally_counts_by_severity() -> None:
    advice = Finding("TW101", "n", Severity.ADVICE, "h", "e", "t")
    assert tally(Verdict((advice, advice), passed=("TW102",))) == "2 advice, 1 check passed"


def test_a_diff_shows_old_and_new_and_can_be_pasted() -> None:
    config = "optimizer:\n  learning_rate: 0.03\n  name: sgd\nseed: 0\n"
    changes = {"optimizer.learning_rate": 1e-3, "optimizer.name": "adam", "model.options.act": "re: lu", "seed": 1}
    lines = yaml_diff(changes, config)
    assert ("-", "  learning_rate: 0.03") in lines
    assert ("-", "seed: 0") in lines
    assert yaml.safe_load("\n".join(line.text for line in lines if line.sign != "-")) == {
        "optimizer": {"learning_rate": 1e-3, "name": "adam"},
        "model": {"options": {"act": "re: lu"}},
        "seed": 1,
    }


@pytest.mark.parametrize("config", ["", "- a list", "not: [closed", "optimizer: 3"])
def test_a_diff_needs_no_readable_configuration(config: str) -> None:
    lines = yaml_diff({"optimizer.learning_rate": 0.1, "data.drop_samples": (1, 2)}, config)
    assert [line.text for line in lines if line.sign == "+"] == ["  drop_samples: [1, 2]", "  learning_rate: 0.1"]
