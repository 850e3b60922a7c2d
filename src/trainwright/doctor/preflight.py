"""Pre-flight: all trials on a set-up, judged by all checks that need nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from trainwright.core import (
    CannotEvaluate,
    Check,
    Measurement,
    Measurements,
    TrainwrightError,
    Verdict,
    discover,
    judge,
)
from trainwright.doctor.optimizers import name_of
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials import TRIALS

SECONDS = 30.0
"""Time that each trial may take. On a laptop's processor networks up to some million weights need less than ten."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Preflight:
    """What the trials and checks found.

    ``seconds``: time that each trial took, by the measurement it produces. ``subject``: what was examined, in words.
    """

    verdict: Verdict
    subject: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Any, ...]:
        """The findings, worst and surest first."""
        return self.verdict.findings

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``findings``, ``masked``, ``not_evaluated``, ``passed``, ``subject`` and ``seconds``."""
        return {**self.verdict.to_dict(), "subject": self.subject, "seconds": self.seconds}


def examine(
    setup: Setup,
    *,
    ignore: Iterable[str] = (),
    seconds: float = SECONDS,
    progress: Progress | None = None,
    absent: dict[type[Measurement], str] | None = None,
) -> Preflight:
    """Run every trial on the setup and judge what they measured; a trial that cannot run is a reason, no exception.

    ``absent``: measurements that cannot be had of this setup, with the reason.
    """
    checks = _checks(set(ignore))
    refused = absent or {}
    found, spent = Measurements(), {}
    wanted = {need.kind for check in checks for need in check.needs}
    trials = [(kind, trial) for kind, trial in TRIALS.items() if kind in wanted and kind not in refused]
    for number, (kind, trial) in enumerate(trials, 1):
        if progress is not None:
            progress(f"trial {number} of {len(trials)}, at most {seconds:g} s: {_words(kind)}")
        started = time.perf_counter()
        setup.deadline = started + seconds
        try:
            found.add(trial(setup))
        except (CannotEvaluate, TrainwrightError) as reason:
            refused[kind] = str(reason)
        except Exception as error:  # noqa: BLE001 - the user's own code may raise anything; said, never thrown
            refused[kind] = f"the trial ended with {type(error).__name__}: {_first_line(error)}"
        finally:
            setup.deadline = None
            setup.returned.main = setup.returned.whole = None
        spent[kind.__name__] = time.perf_counter() - started
    return Preflight(_with_reasons(judge(checks, found), checks, refused), _subject(setup), spent)


def refuse(reason: str, *, ignore: Iterable[str] = (), subject: str = "") -> Preflight:
    """The outcome where no trial can run at all."""
    return Preflight(Verdict(not_evaluated=tuple((c.code, reason) for c in _checks(set(ignore)))), subject)


def _checks(ignored: set[str]) -> list[Check]:
    """Checks that need only what trials measure."""
    able = [c for c in discover() if all(need.optional or need.kind in TRIALS for need in c.needs)]
    return [c for c in able if c.code not in ignored and c.name not in ignored]


def _with_reasons(verdict: Verdict, checks: list[Check], refused: dict[type[Measurement], str]) -> Verdict:
    """The verdict that says of each check without its measurement why the trial could not take it."""
    needs = {c.code: [n.kind for n in c.needs if not n.optional] for c in checks}

    def reason(code: str, given: str) -> str:
        return "; ".join(refused[kind] for kind in needs[code] if kind in refused) or given

    told = tuple((code, reason(code, given)) for code, given in verdict.not_evaluated)
    return replace(verdict, not_evaluated=told)


def _words(kind: type[Measurement]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")


def _subject(setup: Setup) -> str:
    weights = sum(p.numel() for p in setup.model.parameters())
    loss = "its own loss" if setup.loss_name == "python" else setup.loss_name
    return (
        f"{type(setup.model).__name__} with {weights:,} parameters, {setup.task} with {loss} on {len(setup)} samples, "
        f"{name_of(setup.optimizer)}"
    )
