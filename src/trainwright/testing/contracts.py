"""The contract every check keeps. Authors of checks inherit it::

    from trainwright.core.catalogue import Catalogue, checks_in
    from trainwright.testing.contracts import CheckContract
    import my_checks

    class TestMyChecks(CheckContract):
        catalogue = Catalogue(checks_in(my_checks))

pytest then runs every contract for every check. Measurements are taken by the production probes on the clinic's benches
and kept for the session, so that a bench is trained once however many checks look at it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from trainwright.clinic.bench import Bench
from trainwright.clinic.model_benches import MODELS
from trainwright.clinic.training_benches import HEALTHY, TRICKY
from trainwright.core import (
    CannotEvaluate,
    Case,
    Catalogue,
    Check,
    Finding,
    Measurement,
    Measurements,
    Severity,
    TrainwrightError,
    Verdict,
    judge,
)
from trainwright.core.documentation import SECTIONS
from trainwright.doctor.trials import TRIALS
from trainwright.measures.curves import LearningCurve
from trainwright.measures.reproducibility import Repetition
from trainwright.measures.system import LoaderTimes
from trainwright.testing.bench import STUDIED, TRAINED, WATCHED, measure

BenchMaker = Callable[[int], Bench]
Fault = Callable[[Bench], Bench]
Kinds = Iterable[type[Measurement]]

CLOCKED: frozenset[type[Measurement]] = frozenset({LoaderTimes, Repetition})
"""Measurements that are never twice the same."""
_NO_CHANGES: Mapping[str, Any] = MappingProxyType({})
_taken: dict[tuple[Any, ...], Measurements] = {}


def take(
    healthy: BenchMaker,
    seed: int,
    kinds: Kinds,
    *,
    fault: Fault | None = None,
    changes: Mapping[str, Any] = _NO_CHANGES,
) -> Measurements:
    """Measurements of a bench, each kind taken once per session.

    A kind that the bench does not allow (a network trained on infinite inputs, say) is left out.
    """
    wanted = set(kinds)
    # A watched loop has a learning curve of its own, which is not that of the program's loop.
    key = (healthy, seed, fault, json.dumps(dict(changes), sort_keys=True), bool(wanted & WATCHED))
    missing = {kind for kind in wanted if (*key, kind) not in _taken}
    if missing:
        bench = healthy(seed) if fault is None else fault(healthy(seed))
        for group in _groups(missing):
            found = _measure_if_possible(bench, group, changes)
            for kind in group:
                _taken[(*key, kind)] = Measurements(found.of(kind))
    return Measurements(m for kind in sorted(wanted, key=lambda k: k.__name__) for m in _taken[(*key, kind)])


def forget() -> None:
    """Let go of everything measured so far."""
    _taken.clear()


def _groups(kinds: set[type[Measurement]]) -> Iterator[set[type[Measurement]]]:
    """Kinds that one probe takes together."""
    live = kinds & (WATCHED | {LearningCurve}) if kinds & WATCHED else set[type[Measurement]]()
    for group in (live, kinds & TRAINED - live, kinds - TRAINED - STUDIED - WATCHED - set(TRIALS)):
        if group:
            yield group
    for kind in kinds & (STUDIED | set(TRIALS)):
        yield {kind}


def _measure_if_possible(bench: Bench, kinds: set[type[Measurement]], changes: Mapping[str, Any]) -> Measurements:
    try:
        return measure(bench, kinds, changes)
    except TrainwrightError:
        return Measurements()


def kinds_of(checks: Iterable[Check]) -> set[type[Measurement]]:
    """All kinds of measurements these checks need."""
    return {need.kind for check in checks for need in check.needs}


def is_of_data(check: Check) -> bool:
    """Whether a check judges data alone, before there is a model."""
    return not kinds_of([check]) & (set(TRIALS) | TRAINED | STUDIED | WATCHED)


def alarms(check: Check, measurements: Measurements) -> tuple[Finding, ...]:
    """What a check alone reports, softened forms (below its declared severity) left aside."""
    return judge([check], measurements).at_least(check.severity)


class CheckContract:
    """Inherit, set ``catalogue``, and pytest runs every contract over it.

    ``seeds``: of the healthy benches a check names itself. ``neighbours``: further healthy benches, on which every
    check must be silent too, with ``neighbour_seeds``.
    """

    catalogue: ClassVar[Catalogue]
    seeds: ClassVar[tuple[int, ...]] = (0, 1, 2, 3, 4)
    neighbours: ClassVar[tuple[BenchMaker, ...]] = (*HEALTHY, *TRICKY, *MODELS)
    neighbour_seeds: ClassVar[tuple[int, ...]] = (0,)

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Spread the checks, and their cases, over the tests that ask for them."""
        checks = list(self.catalogue)
        names = metafunc.fixturenames
        if "case" in names:
            pairs = [(check, case) for check in checks for case in check.cases]
            metafunc.parametrize(("check", "case"), pairs, ids=[_case_name(*pair) for pair in pairs])
        elif "check" in names:
            metafunc.parametrize("check", checks, ids=[check.code for check in checks])
        elif "neighbour" in names:
            makers = list(dict.fromkeys([*self.neighbours, *(c.healthy for k in checks for c in k.cases)]))
            metafunc.parametrize("neighbour", makers, ids=[maker.__name__ for maker in makers])

    def test_silent_on_its_healthy_benches(self, check: Check, case: Case) -> None:
        """No alarm on the case's own healthy bench, whatever the seed."""
        for seed in self.seeds:
            found = alarms(check, take(case.healthy, seed, kinds_of([check])))
            assert not found, f"{check.code} raises a false alarm with seed {seed}: {found[0].happened}"

    def test_silent_on_every_healthy_bench(self, neighbour: BenchMaker) -> None:
        """No alarm of any check on anybody's healthy bench.

        Benches that name no length of training are meant for checks of data and set-up; they are not trained.
        """
        checks = list(self.catalogue)
        for seed in self.neighbour_seeds:
            trainable = "training.epochs" in neighbour(seed).config
            kinds = kinds_of(checks) - (frozenset() if trainable else TRAINED)
            trained = kinds & TRAINED
            views = (take(neighbour, seed, kinds), take(neighbour, seed, trained))
            found = [f for check in checks for view in views for f in alarms(check, view)]
            assert not found, f"with seed {seed}: " + "; ".join(f"{f.code}: {f.happened}" for f in found)

    def test_fires_on_its_fault(self, check: Check, case: Case) -> None:
        """The fault of each case is found, with two seeds."""
        for seed in self.seeds[:2]:
            measured = take(case.healthy, seed, kinds_of([check]), fault=case.fault)
            assert judge([check], measured).findings, f"{check.code} misses {case.fault.__name__} with seed {seed}"

    def test_quiet_after_its_fix(self, check: Check, case: Case) -> None:
        """Each executable fix that a finding proposes cures it."""
        seed, kinds = self.seeds[0], kinds_of([check])
        ill = judge([check], take(case.healthy, seed, kinds, fault=case.fault))
        for finding in ill.findings:
            for fix in (f for f in finding.fixes if f.executable):
                after = take(case.healthy, seed, kinds, fault=case.fault, changes=fix.changes)
                assert len(after), f"{check.code}: nothing could be measured after {dict(fix.changes)}"
                left = [f for f in alarms(check, after) if f.where == finding.where]
                assert not left, f"{check.code} still there after {dict(fix.changes)}: {left[0].happened}"

    def test_deterministic(self, check: Check) -> None:
        """Measured and judged twice, the same findings to the last digit; those of the clock, and of faults without a
        seed, up to their numbers."""
        case, seed = check.cases[0], self.seeds[0]
        first = judge([check], take(case.healthy, seed, kinds_of([check]), fault=case.fault))
        second = judge([check], measure(case.fault(case.healthy(seed)), kinds_of([check])))
        if kinds_of([check]) & CLOCKED:
            assert [(f.code, f.severity) for f in first.findings] == [(f.code, f.severity) for f in second.findings]
        else:
            assert repr(first.to_dict()) == repr(second.to_dict())

    def test_survives_odd_measurements(self, check: Check, case: Case) -> None:
        """Empty, short and NaN measurements lead to a judgement or to CannotEvaluate, never to another exception."""
        for fault in (None, case.fault):
            measured = take(case.healthy, self.seeds[0], kinds_of([check]), fault=fault)
            for arguments in check.arguments(measured):
                for odd in odd_arguments(arguments):
                    run_or_refuse(check, odd)

    def test_message_is_complete(self, check: Check, case: Case) -> None:
        """What happened, what was expected, what to do, with numbers; evidence; a way out."""
        measured = take(case.healthy, self.seeds[0], kinds_of([check]), fault=case.fault)
        for finding in judge([check], measured).findings:
            assert_complete(finding)

    def test_documentation_is_complete(self, check: Check) -> None:
        """A summary and every section, with more than a word in each."""
        documentation = check.documentation
        assert documentation.summary.endswith(".")
        for section in SECTIONS:
            assert len(documentation.sections[section].split()) > 2, f"{check.code}: '{section}' says too little"

    def test_needs_can_be_measured(self, check: Check) -> None:
        """Every measurement that a check requires is produced by a probe on its own bench, healthy or ill: some things
        are only there to be measured where they are done, such as clipping."""
        case = check.cases[0]
        measured = [take(case.healthy, self.seeds[0], kinds_of([check]), fault=fault) for fault in (None, case.fault)]
        missing = [
            need.kind.__name__
            for need in check.needs
            if not need.optional and not any(each.of(need.kind) for each in measured)
        ]
        assert not missing, f"{check.code} needs {missing}, which no probe measures on {case.healthy.__name__}"

    def test_ranks_first_on_its_fault(self, check: Check) -> None:
        """All checks of the catalogue look at the fault: the right one comes first, or is masked by what does.

        As in the recipe, data are judged before there is a model; faults of data are shown to the checks of data only.
        """
        case, checks = check.cases[0], list(self.catalogue)
        if is_of_data(check):
            checks = [other for other in checks if is_of_data(other)]
        own = kinds_of([check])  # taken by themselves, so that a whole training is not replaced by a watched loop
        groups = (own, kinds_of(checks) - own)
        measured = Measurements(
            m for kinds in groups for m in take(case.healthy, self.seeds[0], kinds, fault=case.fault)
        )
        verdict = judge(checks, measured)
        assert _leads(check, verdict), (
            f"{check.code} should lead on {case.fault.__name__}, but the order is "
            f"{[(f.code, f.severity.value, f.confidence) for f in verdict.findings]}, "
            f"masked {[(f.code, cause) for f, cause in verdict.masked]}"
        )


def _case_name(check: Check, case: Case) -> str:
    return f"{check.code}-{case.healthy.__name__}-{case.fault.__name__}"


def _leads(check: Check, verdict: Verdict) -> bool:
    ranked = verdict.at_least(Severity.WARNING) or verdict.findings
    if not ranked:
        return False
    return leads(check.code, ranked[0].code, {f.code: cause for f, cause in verdict.masked})


def leads(code: str, first: str, masked: Mapping[str, str]) -> bool:
    """Whether a check comes first, or is explained by what does: directly, or by something that is itself explained.

    ``masked``: the code that explains it by code.
    """
    while code != first and code in masked:
        code = masked[code]
    return code == first


def assert_complete(finding: Finding) -> None:
    """A finding tells what happened, what was expected and what to do, with the measured number."""
    for part in ("happened", "expected", "todo"):
        text = getattr(finding, part)
        assert text.endswith((".", "!", "?")), f"{finding.code}: '{part}' is no sentence: {text!r}"
    assert re.search(r"\d", finding.happened), f"{finding.code}: 'happened' has no number"
    assert finding.evidence, f"{finding.code} shows no evidence"
    assert finding.fixes, f"{finding.code} names no way out"
    assert 0 < finding.confidence <= 1
    assert finding.why_confident, f"{finding.code} does not say why it is confident"
    assert Finding.from_dict(json.loads(json.dumps(finding.to_dict()))) == finding


def run_or_refuse(check: Check, arguments: dict[str, Any]) -> None:
    """Run a check; CannotEvaluate is an answer, any other exception a failure."""
    try:
        list(check.run(**arguments))
    except CannotEvaluate:
        return
    except Exception as error:
        raise AssertionError(f"{check.code} fails with {error!r} on {str(arguments)[:2000]}") from error


def odd_arguments(arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Variants of a check's arguments in which one measurement is odd, or an optional one is missing."""
    for name, value in arguments.items():
        if isinstance(value, tuple):
            yield {**arguments, name: ()}
            for position, item in enumerate(value):
                for odd in odd_variants(item):
                    yield {**arguments, name: (*value[:position], odd, *value[position + 1 :])}
        elif dataclasses.is_dataclass(value):
            for odd in odd_variants(value):
                yield {**arguments, name: odd}


def odd_variants(measurement: Any) -> Iterator[Any]:
    """Copies of a dataclass with fields emptied, cut short, or turned into NaN, infinity and zero: one by one, and all
    at once.
    """
    fields = [f.name for f in dataclasses.fields(measurement) if f.init]
    for oddness in _ODDNESS:
        changed = {name: _changed(getattr(measurement, name), oddness) for name in fields}
        yield dataclasses.replace(measurement, **changed)
        for name, value in changed.items():
            if value is not getattr(measurement, name):
                yield dataclasses.replace(measurement, **{name: value})


def _changed(value: Any, oddness: Callable[[Any], Any]) -> Any:
    """A value made odd; of a part that is a dataclass itself (a curve, say) all fields together."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return oddness(value)
    fields = [f.name for f in dataclasses.fields(value) if f.init]
    return dataclasses.replace(value, **{name: _changed(getattr(value, name), oddness) for name in fields})


def _emptied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value[:0]
    if isinstance(value, tuple):
        return ()
    return {} if isinstance(value, Mapping) else value


def _shortened(value: Any) -> Any:
    return value[:1] if isinstance(value, np.ndarray | tuple) else value


def _with(number: float) -> Callable[[Any], Any]:
    def change(value: Any) -> Any:
        if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
            return np.full_like(value, number)
        if isinstance(value, float):
            return number
        if isinstance(value, tuple) and value and all(isinstance(item, float) for item in value):
            return (number,) * len(value)
        return value

    return change


def _zeroed(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.number):
        return np.zeros_like(value)
    return type(value)(0) if isinstance(value, int | float) else value


_ODDNESS: tuple[Callable[[Any], Any], ...] = (_emptied, _shortened, _with(math.nan), _with(math.inf), _zeroed)
