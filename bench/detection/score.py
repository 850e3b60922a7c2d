"""Scoring: was the fault named, was it named first, and what was said about healthy programs."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bench.detection.contenders.base import SEVERITIES, Diagnosis
from bench.detection.program import Program

ALARM = ("error", "warning")
RESAMPLES = 2000


@dataclass(frozen=True)
class Run:
    """One contender on one program with one seed."""

    contender: str
    program: str
    seed: int
    findings: tuple[Diagnosis, ...] = ()
    seconds: float = 0.0
    error: str = ""
    unsupported: str = ""


@dataclass(frozen=True)
class Rate:
    """A mean over programs with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """How one contender did on some programs; None where there was nothing to judge."""

    n_faulty: int
    n_healthy: int
    recall: Rate | None
    first: Rate | None
    errors: Rate | None
    warnings: Rate | None
    failed: int
    unsupported: int
    missed: tuple[str, ...] = field(default=())


def read_runs(results: Path, programs: Sequence[Program]) -> list[Run]:
    """The runs stored in `results` that belong to today's text of `programs`, the newest of each."""
    digests = {p.name: hashlib.sha256(p.source().encode()).hexdigest()[:16] for p in programs}
    runs = {}
    for path in sorted(results.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            if digests.get(one["program"]) != one["source"]:
                continue
            found = tuple(Diagnosis(f["rule"], tuple(f["names"]), f["severity"]) for f in one["findings"])
            key = one["contender"], one["program"], one["seed"]
            runs[key] = Run(*key, found, one["seconds"], one["error"], one["unsupported"])
    return list(runs.values())


def caught(run: Run, program: Program) -> bool:
    """Whether any warning or error names a right diagnosis."""
    return any(f.severity in ALARM and program.accepted.intersection(f.names) for f in run.findings)


def named_first(run: Run, program: Program) -> bool:
    """Whether the finding that is listed first among the worst is a right diagnosis."""
    ranked = sorted(run.findings, key=lambda f: SEVERITIES.index(f.severity))
    return bool(ranked) and ranked[0].severity in ALARM and bool(program.accepted.intersection(ranked[0].names))


def count(severity: str) -> Callable[[Run, Program], float]:
    return lambda run, _: sum(f.severity == severity for f in run.findings)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval (1927) of a share of `n` programs."""
    if n < 1:
        raise ValueError(f"An interval needs at least one program, got {n}.")
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """Percentile interval of the mean, resampling programs; the seed is fixed, so the table can be made again."""
    sample = np.random.default_rng(0).choice(np.asarray(values), (RESAMPLES, len(values)))
    low, high = np.percentile(sample.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def mean_per_program(
    runs: Iterable[Run], programs: dict[str, Program], measure: Callable[[Run, Program], float]
) -> dict[str, float]:
    """The mean over the seeds of each program: seeds of one program are no independent evidence."""
    values: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        values[run.program].append(float(measure(run, programs[run.program])))
    return {name: sum(found) / len(found) for name, found in values.items()}


def share(values: dict[str, float]) -> Rate | None:
    if not values:
        return None
    mean = sum(values.values()) / len(values)
    return Rate(mean, *wilson(mean, len(values)))


def average(values: dict[str, float]) -> Rate | None:
    if not values:
        return None
    return Rate(sum(values.values()) / len(values), *bootstrap(list(values.values())))


def score(runs: Sequence[Run], programs: Sequence[Program]) -> Score:
    """Score one contender's runs on `programs`; runs it could not be attached to are counted and left out.

    A run in which the tool itself failed stays in: it found nothing.
    """
    by_name = {program.name: program for program in programs}
    mine = [run for run in runs if run.program in by_name]
    judged = [run for run in mine if not run.unsupported]
    faulty = [run for run in judged if not by_name[run.program].healthy]
    healthy = [run for run in judged if by_name[run.program].healthy]
    recall = mean_per_program(faulty, by_name, caught)
    return Score(
        n_faulty=len(recall),
        n_healthy=len({run.program for run in healthy}),
        recall=share(recall),
        first=share(mean_per_program(faulty, by_name, named_first)),
        errors=average(mean_per_program(healthy, by_name, count("error"))),
        warnings=average(mean_per_program(healthy, by_name, count("warning"))),
        failed=sum(bool(run.error) for run in judged),
        unsupported=len(mine) - len(judged),
        missed=tuple(sorted(name for name, value in recall.items() if value < 1)),
    )


def together(runs: Sequence[Run], first: str, second: str, name: str) -> list[Run]:
    """Two contenders used one after the other: their findings in one list, the same rule once."""
    pairs: dict[tuple[str, int], dict[str, Run]] = defaultdict(dict)
    for run in runs:
        if run.contender in (first, second):
            pairs[run.program, run.seed][run.contender] = run
    joined = []
    for (program, seed), pair in pairs.items():
        if len(pair) < 2:
            continue
        found = {f.rule: f for part in (second, first) for f in reversed(pair[part].findings)}
        order = tuple(found[rule] for rule in reversed(found))
        error = pair[first].error or pair[second].error
        joined.append(Run(name, program, seed, order, pair[first].seconds + pair[second].seconds, error))
    return joined


def time_ratio(runs: Sequence[Run], bare: Sequence[Run]) -> tuple[float, float, float] | None:
    """Median and quartiles of seconds relative to the bare program with the same seed."""
    alone = {(run.program, run.seed): run.seconds for run in bare}
    ratios = [
        run.seconds / alone[run.program, run.seed]
        for run in runs
        if (run.program, run.seed) in alone and not run.unsupported
    ]
    if not ratios:
        return None
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    return float(middle), float(low), float(high)
