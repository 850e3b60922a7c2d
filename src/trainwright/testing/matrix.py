"""The matrix of all checks against all faults and healthy benches of the clinic.

A row is a bench, healthy or ill, in one *view*: what one has before oneself who looks at data, watches a loop, or lets
the recipe train. All checks judge everything that is measured there, so that a row says which of them comes first,
which others speak beside it, and which are explained by another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainwright.clinic.bench import Bench
from trainwright.clinic.healthy import PLAIN, TRICKY
from trainwright.core import Check, Measurement, Measurements, Severity, Verdict, judge
from trainwright.measures.curves import LearningCurve
from trainwright.testing.bench import TRAINED, WATCHED
from trainwright.testing.contracts import CLOCKED, BenchMaker, Fault, is_of_data, kinds_of, leads, take

View = Literal["data", "watch", "training"]
SEED = 0


@dataclass(frozen=True)
class Subject:
    """What a row is about; ``fault`` is None for a healthy bench. ``expected``: codes of the checks that name this
    bench and fault among their cases and look at this view.
    """

    healthy: BenchMaker
    fault: Fault | None
    view: View
    expected: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Bench, fault and view: unique, and the order of rows."""
        return name_of(self.healthy), name_of(self.fault) if self.fault else "", self.view


@dataclass(frozen=True)
class Row:
    """What all checks said of a subject.

    ``first``: code of the finding that ranks first, empty if there is none. ``found``: worst severity by code;
    ``masked``: by code, the code of the finding that explains it. ``judged``: how many checks came to a judgement.
    """

    bench: str
    fault: str
    view: View
    expected: tuple[str, ...]
    first: str
    found: Mapping[str, str]
    masked: Mapping[str, str]
    judged: int

    @property
    def key(self) -> tuple[str, str, str]:
        """As the subject's."""
        return self.bench, self.fault, self.view

    @property
    def is_right(self) -> bool:
        """Whether an ill bench's first finding is an expected one or explains an expected one, and a healthy bench
        raises no alarm.
        """
        if not self.fault:
            return set(self.found.values()) <= {Severity.ADVICE.value}
        return any(leads(code, self.first, self.masked) for code in self.expected)

    def to_json(self) -> str:
        """One line; what is empty is left out."""
        return json.dumps({key: value for key, value in vars(self).items() if value})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Row:
        """From the parsed line of :meth:`to_json`."""
        empty: dict[str, Any] = {"fault": "", "expected": (), "first": "", "found": {}, "masked": {}, "judged": 0}
        row = {**empty, **data}
        return cls(**{**row, "expected": tuple(row["expected"])})


@dataclass(frozen=True)
class Matrix:
    """All rows in order, the codes of the checks that judged, and the day they did."""

    measured: str
    checks: tuple[str, ...]
    rows: tuple[Row, ...]

    def write(self, path: Path) -> None:
        """As JSON, one row a line, so that a change shows as the rows that changed."""
        rows = ",\n".join(row.to_json() for row in self.rows)
        head = json.dumps({"measured": self.measured, "seed": SEED, "checks": self.checks})
        path.write_text(f'{head[:-1]}, "rows": [\n{rows}\n]}}\n', encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Matrix:
        """The inverse of :meth:`write`."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(data["measured"], tuple(data["checks"]), tuple(Row.from_dict(row) for row in data["rows"]))


def name_of(maker: Callable[..., Bench]) -> str:
    """Module and function: ``training_faults.tiny_rate``."""
    return f"{maker.__module__.rsplit('.', 1)[-1]}.{maker.__name__}"


def subjects(checks: Iterable[Check]) -> list[Subject]:
    """All rows, sorted: every healthy bench, and every pair of bench and fault that a check names among its cases."""
    checks = list(checks)
    ill: dict[tuple[BenchMaker, Fault, View], tuple[str, ...]] = {}
    for check in checks:
        for case in check.cases:
            for view in views(check, case.healthy):
                pair = (case.healthy, case.fault, view)
                ill[pair] = (*ill.get(pair, ()), check.code)
    makers = dict.fromkeys([*PLAIN, *TRICKY, *(case.healthy for check in checks for case in check.cases)])
    healthy = [Subject(maker, None, view) for maker in makers for view in views_of_healthy(maker)]
    return sorted([*healthy, *(Subject(*pair, codes) for pair, codes in ill.items())], key=lambda each: each.key)


def is_trained(maker: BenchMaker) -> bool:
    """Whether a bench says how long to train; others are meant for checks of data and set-up."""
    return "training.epochs" in maker(SEED).config


def recipe_trains(maker: BenchMaker) -> bool:
    """Whether the recipe can train a bench, and is to."""
    return is_trained(maker) and maker(SEED).is_of_the_recipe


def views(check: Check, maker: BenchMaker) -> tuple[View, ...]:
    """Where a check can find its fault. What shows before training shows in every training."""
    kinds = kinds_of([check])
    if is_of_data(check):
        return ("data",)
    if kinds & WATCHED or not recipe_trains(maker):
        return ("watch",)
    return ("training",) if kinds & TRAINED else ("watch", "training")


def views_of_healthy(maker: BenchMaker) -> tuple[View, ...]:
    """Both ways to train, the loop that it has by itself, or the set-up alone."""
    return ("watch", "training") if recipe_trains(maker) else ("watch",)


def judge_subject(subject: Subject, checks: Iterable[Check]) -> Row:
    """Measure the bench and let all checks judge; as in the recipe, data are judged before there is a model.

    What depends on the clock is judged on its own faults only: elsewhere the machine's load would have a say.
    """
    checks = [check for check in checks if check.code in subject.expected or not kinds_of([check]) & CLOCKED]
    if subject.view == "data":
        checks = [check for check in checks if is_of_data(check)]
    return _row(subject, judge(checks, measured_for(subject, checks)))


def measured_for(subject: Subject, checks: Iterable[Check], seed: int = SEED) -> Measurements:
    """Everything these checks need of a subject."""
    return Measurements(
        m
        for kinds in _groups(kinds_of(checks), subject)
        for m in take(subject.healthy, seed, kinds, fault=subject.fault)
    )


def _groups(kinds: set[type[Measurement]], subject: Subject) -> Iterator[set[type[Measurement]]]:
    """Measurements that are taken together: a watched loop has a learning curve of its own."""
    yield kinds - TRAINED - WATCHED
    if subject.view == "watch":
        yield kinds & (WATCHED | {LearningCurve}) if is_trained(subject.healthy) else kinds & WATCHED
    if subject.view == "training":
        yield kinds & TRAINED


def _row(subject: Subject, verdict: Verdict) -> Row:
    found: dict[str, str] = {}
    for finding in verdict.findings:
        found.setdefault(finding.code, finding.severity.value)
    masked = {finding.code: cause for finding, cause in verdict.masked if finding.code not in found}
    bench, fault, _ = subject.key
    return Row(
        bench=bench,
        fault=fault,
        view=subject.view,
        expected=subject.expected,
        first=verdict.findings[0].code if verdict.findings else "",
        found=dict(sorted(found.items())),
        masked=dict(sorted(masked.items())),
        judged=len({*verdict.passed, *found, *masked}),
    )
