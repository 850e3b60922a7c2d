"""A check shown at work: its illness on a bench of the clinic, the healthy twin beside it, and the cured one."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from trainwright.clinic.bench import Bench
from trainwright.core import Check, Finding, Fix, Measurements, TrainwrightError, Verdict, judge
from trainwright.doctor.trials import TRIALS
from trainwright.measures.curves import LearningCurve
from trainwright.testing.bench import TRAINED, WATCHED, measure, to_experiment
from trainwright.workbench.settings import dump_config

Progress = Callable[[str], None]

SECONDS_TO_START = 4.0
SECONDS_TO_READ = 0.3
SECONDS_TO_TRAIN = 1.0
SECONDS_TO_TRY = 1.0
"""What starting took, about, on one quiet core, and what one bench: its data, a training of it, and the trials."""


@dataclass(frozen=True)
class Twin:
    """One bench under the eyes of one check; ``curve``: how its training went, None where nothing is trained."""

    title: str
    story: str
    verdict: Verdict
    curve: LearningCurve | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; losses at their places, and what their places count."""
        curve = self.curve or LearningCurve()
        losses = {"training_loss": curve.train_loss, "validation_loss": curve.validation_loss}
        return {
            "story": self.story,
            "seconds": self.seconds,
            "x_unit": curve.x_unit,
            **{name: {"x": each.x.tolist(), "y": each.y.tolist()} for name, each in losses.items()},
            **self.verdict.to_dict(),
        }


@dataclass(frozen=True)
class Demonstration:
    """``cured`` is the ill twin after ``fix``, the first executable way out that a finding names; None without any.

    ``config_yaml``: settings of the ill twin.
    """

    check: Check
    healthy: Twin
    ill: Twin
    config_yaml: str
    fix: Fix | None = None
    cured: Twin | None = None

    @property
    def twins(self) -> tuple[Twin, ...]:
        """Those there are, the ill one first."""
        return tuple(twin for twin in (self.ill, self.healthy, self.cured) if twin is not None)

    @property
    def found(self) -> tuple[Finding, ...]:
        """What the check says of the ill twin."""
        return self.ill.verdict.findings

    @property
    def silent(self) -> bool:
        """Whether the check raises no alarm on the healthy twin; milder remarks are allowed."""
        return not self._alarms(self.healthy)

    @property
    def gone(self) -> bool:
        """Whether the fix cured what was found."""
        places = {finding.where for finding in self.found}
        return self.cured is not None and not [f for f in self._alarms(self.cured) if f.where in places]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "code": self.check.code,
            "name": self.check.name,
            "found": bool(self.found),
            "silent": self.silent,
            "fix": dict(self.fix.changes) if self.fix is not None else None,
            "gone": self.gone if self.fix is not None else None,
            "twins": {twin.title: twin.to_dict() for twin in self.twins},
        }

    def _alarms(self, twin: Twin) -> tuple[Finding, ...]:
        return twin.verdict.at_least(self.check.severity)


def expected_seconds(check: Check) -> float:
    """About how long :func:`demonstrate` takes on a quiet core, a fix included."""
    kinds = {need.kind for need in check.needs}
    each = SECONDS_TO_READ
    each += SECONDS_TO_TRAIN * _trains(check)
    each += SECONDS_TO_TRY * bool(kinds & set(TRIALS))
    return SECONDS_TO_START + 3 * each


def demonstrate(check: Check, *, seed: int = 0, progress: Progress | None = None) -> Demonstration:
    """Run the first case of a check through the production probes: the ill bench, the healthy one, and the cured one.

    ``progress`` is told what begins. Seeded, so that it tells the same every time.
    """
    say = progress or (lambda _: None)
    case = check.cases[0]
    bench = case.healthy(seed)
    say("the healthy twin")
    healthy = _examine(check, bench, "healthy", _story(case.healthy))
    say("the ill twin")
    spoilt = case.fault(bench)
    ill = _examine(check, spoilt, "ill", _story(case.fault))
    config = dump_config(to_experiment(spoilt).config)
    fix = next((fix for finding in ill.verdict.findings for fix in finding.fixes if fix.executable), None)
    if fix is None:
        return Demonstration(check, healthy, ill, config)
    say("the ill twin after its fix")
    cured = _examine(check, spoilt, "cured", f"{fix.title}.", fix.changes)
    return Demonstration(check, healthy, ill, config, fix, cured)


def _examine(
    check: Check, bench: Bench, title: str, story: str, changes: Mapping[str, Any] = MappingProxyType({})
) -> Twin:
    started = time.perf_counter()
    kinds = {need.kind for need in check.needs}
    # A loop that is watched brings its own curve; else a training of its own draws one.
    measured = measure(bench, kinds | {LearningCurve} if kinds & WATCHED else kinds, changes)
    curves = measured.of(LearningCurve)
    if not curves and _trains(check):
        curves = _train(bench, changes).of(LearningCurve)
    return Twin(
        title=title,
        story=story,
        verdict=judge([check], measured),
        curve=curves[-1] if curves else None,
        seconds=time.perf_counter() - started,
    )


def _trains(check: Check) -> bool:
    """Whether the illness is one that shows in a training; those of data and of studies do not."""
    return bool({need.kind for need in check.needs} & (set(TRIALS) | TRAINED | WATCHED))


def _train(bench: Bench, changes: Mapping[str, Any]) -> Measurements:
    """A training of the bench; nothing where the illness does not even allow one."""
    try:
        return measure(bench, [LearningCurve], changes)
    except TrainwrightError:
        return Measurements()


def _story(thing: Callable[..., Any]) -> str:
    """The first line of what a bench or a fault says of itself."""
    text = inspect.getdoc(thing)
    return text.splitlines()[0] if text else getattr(thing, "__name__", "").replace("_", " ")
