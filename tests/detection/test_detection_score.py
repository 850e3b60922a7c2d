"""Scoring on a hand-made example, where every number can be counted on the fingers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bench.detection.contenders.base import Contender, Diagnosis, read_findings, run
from bench.detection.program import CALIBRATION, EVALUATION, Program, ill, well
from bench.detection.programs import PROGRAMS
from bench.detection.report import section
from bench.detection.run import digest, done_before
from bench.detection.score import Run, read_runs, score, time_ratio, together, wilson
from hypothesis import given
from hypothesis import strategies as st

CUT = ill("digits_mlp", "cut", "loop", EVALUATION, "no-gradient detached-loss")
RAW = ill("digits_mlp", "raw", "data", EVALUATION, "pixel-range")
FINE = well("digits_mlp", "fine", EVALUATION)
THREE = [CUT, RAW, FINE]


def found(rule: str, severity: str, *names: str) -> Diagnosis:
    return Diagnosis(rule, names or (rule,), severity)


def test_recall_first_and_false_alarms() -> None:
    runs = [
        Run("tool", CUT.name, 0, (found("no-gradient", "error"), found("plateau", "warning"))),
        Run("tool", CUT.name, 1, (found("plateau", "warning"), found("detached-loss", "warning"))),
        Run("tool", RAW.name, 0, (found("pixel-range", "advice"),)),
        Run("tool", RAW.name, 1, ()),
        Run("tool", FINE.name, 0, (found("plateau", "warning"), found("dead-relu", "warning"))),
        Run("tool", FINE.name, 1, (found("non-finite", "error"), found("plateau", "advice"))),
    ]
    result = score(runs, THREE)
    assert result.recall is not None
    assert result.first is not None
    assert result.errors is not None
    assert result.warnings is not None
    assert result.recall.value == 0.5
    assert result.first.value == 0.25
    assert (result.errors.value, result.warnings.value) == (0.5, 1.0)
    assert result.missed == (RAW.name,)
    assert (result.n_faulty, result.n_healthy, result.failed, result.unsupported) == (2, 1, 0, 0)


def test_an_error_ranks_before_warnings_listed_earlier() -> None:
    runs = [Run("tool", CUT.name, 0, (found("plateau", "warning"), found("no-gradient", "error")))]
    first = score(runs, [CUT]).first
    assert first is not None
    assert first.value == 1


def test_where_a_tool_fails_it_found_nothing_and_where_it_cannot_be_attached_it_is_not_judged() -> None:
    runs = [
        Run("tool", CUT.name, 0, (), error="timed out"),
        Run("tool", RAW.name, 0, (), unsupported="no model"),
    ]
    result = score(runs, THREE)
    assert result.recall is not None
    assert result.recall.value == 0
    assert (result.n_faulty, result.failed, result.unsupported) == (1, 1, 1)
    assert result.errors is None


def test_two_commands_together_find_what_either_finds() -> None:
    runs = [
        Run("check", CUT.name, 0, (found("pixel-range", "warning"),), 2.0),
        Run("watch", CUT.name, 0, (found("no-gradient", "warning"), found("pixel-range", "error")), 3.0),
        Run("check", RAW.name, 0, (), 1.0),
    ]
    (joined,) = together(runs, "check", "watch", "both")
    assert [finding.rule for finding in joined.findings] == ["pixel-range", "no-gradient"]
    assert joined.seconds == 5.0


def test_a_rule_said_twice_keeps_the_worse_severity() -> None:
    runs = [
        Run("check", CUT.name, 0, (found("no-gradient", "advice"),)),
        Run("watch", CUT.name, 0, (found("no-gradient", "error"),)),
    ]
    (joined,) = together(runs, "check", "watch", "both")
    assert [finding.severity for finding in joined.findings] == ["error"]


def test_time_is_compared_with_the_same_seed() -> None:
    bare = [Run("bare", CUT.name, 0, seconds=2.0), Run("bare", CUT.name, 1, seconds=4.0)]
    runs = [Run("tool", CUT.name, 0, seconds=3.0), Run("tool", CUT.name, 1, seconds=4.0)]
    ratio = time_ratio(runs, bare)
    assert ratio is not None
    assert ratio[0] == pytest.approx(1.25)
    assert time_ratio(runs, []) is None


def test_wilson_as_in_the_textbook() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    with pytest.raises(ValueError, match="at least one"):
        wilson(0.5, 0)


@given(st.floats(0, 1), st.integers(1, 500))
def test_wilson_holds_the_share_and_stays_between_0_and_1(share: float, n: int) -> None:
    low, high = wilson(share, n)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1


def test_stored_runs_are_read_again_and_not_run_again(tmp_path: Path) -> None:
    program = PROGRAMS[0]
    kept = {
        "contender": "tool",
        "program": program.name,
        "seed": 0,
        "source": digest(program),
        "findings": [{"rule": "X1", "names": ["no-gradient"], "severity": "error"}],
        "seconds": 1.5,
        "error": "",
        "unsupported": "",
    }
    lines = [kept, {**kept, "seed": 1, "source": "of an older text"}, {**kept, "seed": 2, "error": "timed out"}]
    (tmp_path / "tool.jsonl").write_text("\n".join(map(json.dumps, lines)))
    runs = read_runs(tmp_path, PROGRAMS)
    assert [(run.seed, run.findings) for run in runs if not run.error] == [(0, (found("X1", "error", "no-gradient"),))]
    assert ("tool", program.name, 0, digest(program)) in done_before(tmp_path)
    assert ("tool", program.name, 2, digest(program)) not in done_before(tmp_path)


def test_rules_are_translated_and_unknown_ones_stand_for_nothing() -> None:
    text = json.dumps({"findings": [{"rule": "A", "severity": "error"}, {"rule": "B", "severity": "advice"}]})
    findings, _ = read_findings(text, {"A": ("no-gradient",)})
    assert [finding.names for finding in findings] == [("no-gradient",), ()]
    findings, _ = read_findings('{"findings": [{"code": "TW307", "name": "no-gradient", "severity": "error"}]}', None)
    assert findings == (found("no-gradient", "error"),)
    with pytest.raises(ValueError, match="stopped: IndexError"):
        read_findings('{"findings": [], "fault": "IndexError: tuple index out of range"}', None)


def contender(code: str, silent: bool = False) -> Contender:
    return Contender("tool", ("{python}", "-c", code, "{script}", "{findings}"), silent=silent)


def test_a_run_reports_findings_failures_and_time_outs(tmp_path: Path) -> None:
    says = 'import sys; open(sys.argv[2], \'w\').write(\'{"findings": [{"name": "plateau", "severity": "advice"}]}\')'
    assert run(contender(says), tmp_path, 0, 60).findings == (found("plateau", "advice"),)
    assert "no findings" in run(contender("pass"), tmp_path, 0, 60).error
    assert "timed out" in run(contender("import time; time.sleep(60)"), tmp_path, 0, 0.5).error
    seed = run(contender("import os; print(os.environ['SEED'])", silent=True), tmp_path, 7, 60)
    assert (seed.output.strip(), seed.error) == ("7", "")


def test_section_names_what_is_missed() -> None:
    programs: list[Program] = [
        *THREE,
        replace(CUT, name="other", half=CALIBRATION),
        replace(FINE, name="calm", half=CALIBRATION),
    ]
    runs = [
        Run("bare", CUT.name, 0, seconds=1.0),
        Run("trainwright-watch", CUT.name, 0, (found("no-gradient", "error"),), 2.0),
        Run("trainwright-watch", RAW.name, 0),
        Run("trainwright-watch", FINE.name, 0, (found("plateau", "warning"),)),
    ]
    text = section(runs, programs)
    assert f"Missed with at least one seed by trainwright-watch: {RAW.name}." in text
    assert f"False alarms: {FINE.name}: plateau." in text
    assert "| trainwright-watch | 50% (9% – 91%) | 50% (9% – 91%) | 0.00" in text
