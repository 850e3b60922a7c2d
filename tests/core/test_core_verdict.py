"""Planning, masking and judging."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainwright.core import CannotEvaluate, Check, Finding, Maturity, Measurement, Measurements, Severity, judge
from trainwright.core.errors import DeclarationError
from trainwright.core.plan import in_causal_order, make_plan

CheckFactory = Callable[..., type[Check]]
Reading = Any


def test_causes_come_before_consequences_whatever_the_order_given(make_check: CheckFactory) -> None:
    first = make_check("TW903", "first")()
    second = make_check("TW902", "second", after=("TW903",))()
    third = make_check("TW901", "third", after=("TW902", "TW999"))()
    for order in itertools.permutations([first, second, third]):
        assert in_causal_order(order) == [first, second, third]


def test_independent_checks_come_by_code(make_check: CheckFactory) -> None:
    checks = [make_check(f"TW90{n}", f"check-{n}")() for n in (3, 1, 2)]
    assert [check.code for check in in_causal_order(checks)] == ["TW901", "TW902", "TW903"]


def test_a_cycle_is_refused_with_its_members(make_check: CheckFactory) -> None:
    one = make_check("TW901", "one", after=("TW902",))()
    two = make_check("TW902", "two", after=("TW901",))()
    with pytest.raises(DeclarationError, match=r"TW90\d → TW90\d"):
        in_causal_order([one, two])


def test_what_was_not_measured_is_listed_with_its_reason(make_check: CheckFactory) -> None:
    plan = make_plan([make_check()()], Measurements())
    assert plan.runnable == ()
    assert plan.unmet == (("TW901", "not measured: Reading"),)


def test_a_check_runs_once_for_each_subject(make_check: CheckFactory, reading: Reading) -> None:
    measured = Measurements([reading(value=2.0, where="train"), reading(value=0.5), reading(value=3.0, where="test")])
    verdict = judge([make_check()()], measured)
    assert [finding.where for finding in verdict.findings] == ["test", "train"]
    assert verdict.passed == ()


def test_silence_is_recorded_as_passed(make_check: CheckFactory, reading: Reading) -> None:
    verdict = judge([make_check()()], Measurements([reading(value=0.0)]))
    assert (verdict.findings, verdict.passed) == ((), ("TW901",))


def test_a_cause_masks_its_consequence_which_stays_visible(make_check: CheckFactory, reading: Reading) -> None:
    cause = make_check("TW902", "cause")()
    consequence = make_check("TW901", "consequence", after=("TW902",))()
    remote = make_check("TW900", "remote", after=("TW901",))()
    verdict = judge([remote, consequence, cause], Measurements([reading(value=2.0)]))
    assert [finding.code for finding in verdict.findings] == ["TW902"]
    assert [(finding.code, cause) for finding, cause in verdict.masked] == [("TW901", "TW902"), ("TW900", "TW901")]


def test_advice_hides_nothing_worse_than_advice(make_check: CheckFactory, reading: Reading) -> None:
    advice = make_check("TW902", "cause", severity=Severity.ADVICE)()
    error = make_check("TW901", "consequence", after=("TW902",), severity=Severity.ERROR)()
    mild = make_check("TW900", "mild", after=("TW902",), severity=Severity.ADVICE)()
    verdict = judge([error, mild, advice], Measurements([reading(value=2.0)]))
    assert [finding.code for finding in verdict.findings] == ["TW901", "TW902"]
    assert [(finding.code, cause) for finding, cause in verdict.masked] == [("TW900", "TW902")]


def test_without_its_cause_the_consequence_is_a_finding(make_check: CheckFactory, reading: Reading) -> None:
    consequence = make_check("TW901", "consequence", after=("TW902",))()
    verdict = judge([consequence], Measurements([reading(value=2.0)]))
    assert [finding.code for finding in verdict.findings] == ["TW901"]


def _raising(error: Exception) -> Callable[..., Iterator[Finding]]:
    def run(self: Check, subject: object) -> Iterator[Finding]:
        raise error
        yield

    return run


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CannotEvaluate("too few epochs"), "too few epochs"),
        (ZeroDivisionError("division by zero"), "the check failed with ZeroDivisionError: division by zero"),
    ],
)
def test_a_check_that_raises_costs_no_other_check_its_verdict(
    make_check: CheckFactory, reading: Reading, error: Exception, reason: str
) -> None:
    run = _raising(error)
    run.__annotations__ = {"subject": reading}
    broken = make_check("TW902", "broken", run=run)()
    verdict = judge([broken, make_check()()], Measurements([reading(value=2.0)]))
    assert verdict.not_evaluated == (("TW902", reason),)
    assert [finding.code for finding in verdict.findings] == ["TW901"]


def test_a_check_that_raises_after_a_finding_keeps_both(make_check: CheckFactory, reading: Reading) -> None:
    def run(self: Check, subject: object) -> Iterator[Finding]:
        yield self.finding(happened="a", expected="b", todo="c")
        raise CannotEvaluate("the second half is missing")

    run.__annotations__ = {"subject": reading}
    verdict = judge([make_check(run=run)()], Measurements([reading(value=0.0)]))
    assert verdict.not_evaluated == (("TW901", "the second half is missing"),)
    assert [finding.code for finding in verdict.findings] == ["TW901"]


@given(found=st.lists(st.tuples(st.sampled_from(list(Severity)), st.floats(0.01, 1.0)), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the factories hold no state
def test_findings_are_ranked_worst_and_surest_first(
    make_check: CheckFactory, reading: Reading, found: list[tuple[Severity, float]]
) -> None:
    def run(self: Check, subject: object) -> Iterator[Finding]:
        for severity, confidence in found:
            yield self.finding(happened="a", expected="b", todo="c", severity=severity, confidence=confidence)

    run.__annotations__ = {"subject": reading}
    verdict = judge([make_check(run=run)()], Measurements([reading(value=2.0)]))
    ranks = [(finding.severity.rank, -finding.confidence) for finding in verdict.findings]
    assert ranks == sorted((severity.rank, -confidence) for severity, confidence in found)
    for severity in Severity:
        assert all(finding.severity.rank <= severity.rank for finding in verdict.at_least(severity))


def test_only_errors_of_stable_checks_shut_a_gate(make_check: CheckFactory, reading: Reading) -> None:
    def run(self: Check, subject: object) -> Iterator[Finding]:
        yield self.finding(happened="a", expected="b", todo="c")

    run.__annotations__ = {"subject": reading}
    checks = [
        make_check("TW901", "stable-error", severity=Severity.ERROR, run=run)(),
        make_check("TW902", "preview-error", severity=Severity.ERROR, maturity=Maturity.PREVIEW, run=run)(),
        make_check("TW903", "stable-warning", severity=Severity.WARNING, run=run)(),
    ]
    verdict = judge(checks, Measurements([reading(value=2.0)]))
    assert [finding.code for finding in verdict.blocking] == ["TW901"]
    assert len(verdict.findings) == 3


def test_optional_and_plural_needs_are_filled(make_check: CheckFactory, reading: Reading, remark: Reading) -> None:
    seen: list[tuple[object, object]] = []

    def run(self: Check, subject: object, other: object, many: object) -> Iterator[Finding]:
        seen.append((other, many))
        yield from ()

    run.__annotations__ = {"subject": reading, "other": remark | None, "many": tuple[remark, ...]}
    check = make_check(run=run)()
    first, last = remark(text="first"), remark(text="last")
    judge([check], Measurements([reading(value=0.0), first, last]))
    assert seen == [(last, (first, last))]


def test_what_is_plural_must_still_be_measured(make_check: CheckFactory, reading: Reading, remark: Reading) -> None:
    def run(self: Check, subject: object, many: object) -> Iterator[Finding]:
        yield from ()

    run.__annotations__ = {"subject": reading, "many": tuple[remark, ...]}
    verdict = judge([make_check(run=run)()], Measurements([reading(value=0.0)]))
    assert verdict.not_evaluated == (("TW901", "not measured: Remark"),)


def test_measurements_are_kept_in_order_and_looked_up_by_exact_type(reading: Reading, remark: Reading) -> None:
    first, second, other = reading(value=1.0), reading(value=2.0), remark(text="x")
    measured = Measurements([first, other, second])
    assert measured.of(reading) == [first, second]
    assert measured.of(Measurement) == []
    assert len(measured) == 3
    assert list(measured) == [first, second, other]
