"""How far every limit of every check is from being wrong: moved step by step in both directions, at which factor does a
healthy bench first raise an alarm, and at which is a fault first missed?

No formula is written down a second time: the checks themselves judge, with the constants of their modules moved.
Healthy benches come in several seeds and widths, faults in several seeds. Writes docs/calibration.md.

Run:  make calibrate      or      python -m bench.calibrate [--seeds 3] [--write]

A run that was cut off goes on where it was, as long as no source file has changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from bench.matrix import ROOT, source_digest, stored_lines
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import trainwright.checks
from trainwright.cli.catalogue import Limit, limits_of
from trainwright.clinic.bench import Bench
from trainwright.core import Catalogue, Check, Measurements
from trainwright.core.catalogue import checks_in
from trainwright.testing import contracts
from trainwright.testing.contracts import CLOCKED, alarms, kinds_of
from trainwright.testing.matrix import Subject, measured_for, subjects

PAGE = ROOT / "docs" / "calibration.md"
FACTORS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
WIDTHS = (1.0, 2.0)
"""Healthy benches are also measured at twice their width."""
FAULT_SEEDS = 2
SECONDS_PER_SUBJECT = 2.0


@dataclass(frozen=True)
class Edge:
    """On one subject: the nearest factors, below and above 1, at which the judgement turns; None where none does."""

    check: str
    limit: str
    ill: bool
    below: float | None
    above: float | None
    subject: str


@dataclass(frozen=True)
class Sample:
    """A subject with a seed, and a factor for the width of its network."""

    subject: Subject
    seed: int
    width: float

    @property
    def key(self) -> str:
        """Unique, and readable."""
        bench, fault, view = self.subject.key
        return f"{bench} {fault or 'healthy'} {view} seed {self.seed} width {self.width:g}"


def samples(catalogue: Catalogue, seeds: int) -> list[Sample]:
    """Every healthy bench over seeds and widths, every fault over its seeds."""
    found = []
    for subject in subjects(catalogue):
        widths = WIDTHS if subject.fault is None else (1.0,)
        for seed in range(seeds if subject.fault is None else min(seeds, FAULT_SEEDS)):
            found += [Sample(subject, seed, width) for width in widths]
    return found


def resized(sample: Sample) -> Subject:
    """The subject with its network's width changed."""
    maker, factor = sample.subject.healthy, sample.width

    def make(seed: int) -> Bench:
        bench = maker(seed)
        width = max(1, round(bench.model.width * factor))
        settings = {**bench.config, **({"model.width": width} if "model.width" in bench.config else {})}
        return replace(bench, model=replace(bench.model, width=width), config=settings)

    return sample.subject if factor == 1.0 else replace(sample.subject, healthy=make)


def edges(sample: Sample, catalogue: Catalogue) -> list[Edge]:
    """Of every limit that had a say in the judgement of this sample."""
    checks = [c for c in catalogue if c.code in sample.subject.expected or not sample.subject.expected]
    checks = [c for c in checks if not kinds_of([c]) & CLOCKED]
    measured = measured_for(resized(sample), checks, sample.seed)
    contracts.forget()
    return [
        Edge(check.code, limit.name, ill, below, above, sample.key)
        for check in checks
        for limit in limits_of(check)
        for ill, below, above in [_turns(check, limit, measured)]
        if ill == bool(sample.subject.expected)
    ]


def _turns(check: Check, limit: Limit, measured: Measurements) -> tuple[bool, float | None, float | None]:
    """Whether the check fires as it is, and the nearest factors of the limit at which it no longer does the same."""
    fires = bool(alarms(check, measured))

    def turns(factors: Iterable[float]) -> float | None:
        for factor in factors:
            with moved(check, limit, factor):
                if bool(alarms(check, measured)) != fires:
                    return factor
        return None

    return fires, turns(1 / factor for factor in FACTORS), turns(FACTORS)


@contextmanager
def moved(check: Check, limit: Limit, factor: float) -> Iterator[None]:
    """The check with one of its module's constants multiplied; whole numbers stay whole."""
    module = sys.modules[type(check).__module__]
    name = limit.name.upper().replace(" ", "_")
    value = getattr(module, name)
    setattr(module, name, max(1, round(value * factor)) if isinstance(value, int) else value * factor)
    try:
        yield
    finally:
        setattr(module, name, value)


def measure(catalogue: Catalogue, wanted: list[Sample], kept: Path, console: Console) -> list[Edge]:
    """The edges of all samples, each sample's written to ``kept`` as soon as they are there."""
    done = {row["key"]: row["edges"] for row in stored_lines(kept)}
    left = [sample for sample in wanted if sample.key not in done]
    console.print(f"{len(wanted)} samples, {len(wanted) - len(left)} measured before; about "
                  f"{len(left) * SECONDS_PER_SUBJECT / 60:.0f} minutes on one core.")  # fmt: skip
    kept.parent.mkdir(parents=True, exist_ok=True)
    columns = (MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with kept.open("a", encoding="utf-8", buffering=1) as file, Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(left))
        for sample in left:
            progress.update(task, description=sample.key)
            done[sample.key] = [vars(edge) for edge in edges(sample, catalogue)]
            file.write(json.dumps({"key": sample.key, "edges": done[sample.key]}) + "\n")
            progress.advance(task)
    return [Edge(**edge) for sample in wanted for edge in done[sample.key]]


def nearest(found: Iterable[Edge]) -> Mapping[str, tuple[float, str] | None]:
    """The factor nearest to 1 on either side, with the subject it belongs to."""
    found = list(found)
    below = [(edge.below, edge.subject) for edge in found if edge.below is not None]
    above = [(edge.above, edge.subject) for edge in found if edge.above is not None]
    return {"below": max(below, default=None), "above": min(above, default=None)}


def page(catalogue: Catalogue, found: list[Edge], wanted: list[Sample]) -> str:
    """docs/calibration.md."""
    healthy = {s.subject.key[0] for s in wanted if s.subject.fault is None}
    faults = {s.subject.key[1] for s in wanted if s.subject.fault is not None}
    lines = [
        "<!-- Written by `make calibrate`. -->",
        "# How far the limits are from being wrong",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} with `make calibrate` on {len(wanted)} samples: {len(healthy)} healthy "
        f"benches over seeds and widths, {len(faults)} faults over seeds on the benches they are proved on.",
        "",
        "Each documented limit is multiplied by growing factors in both directions while everything else stays. "
        "*False alarm at* is the first factor at which a healthy bench raises an alarm, *missed at* the first at which "
        "a fault that was found no longer is. Nothing below a factor of 100 is written as –. A limit near 1 on either "
        "side is one to distrust.",
        "",
        "| check | limit | value | false alarm at | on | missed at | on |",
        "|---|---|---:|---:|---|---:|---|",
    ]
    for check in catalogue:
        for limit in limits_of(check):
            own = [edge for edge in found if (edge.check, edge.limit) == (check.code, limit.name)]
            cells = [_cell(nearest(edge for edge in own if edge.ill == ill)) for ill in (False, True)]
            lines.append(
                f"| [{check.code}](checks/{check.code}.md) {check.name} | {limit.name} | {limit.value:g} | "
                + " | ".join(f"{factor} | {subject}" for factor, subject in cells)
                + " |"
            )
    return "\n".join(lines) + "\n"


def _cell(sides: Mapping[str, tuple[float, str] | None]) -> tuple[str, str]:
    """The factor nearer to 1, and where; the other side in brackets."""
    known = [side for side in (sides["below"], sides["above"]) if side is not None]
    if not known:
        return "–", ""
    factor, subject = min(known, key=lambda side: max(side[0], 1 / side[0]))
    return f"×{factor:.2g}", subject


def main() -> None:
    """Measure what is missing, print the page, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/calibration.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console, catalogue = Console(stderr=True), Catalogue(checks_in(trainwright.checks))
    wanted = samples(catalogue, options.seeds)
    found = measure(catalogue, wanted, ROOT / "runs" / "calibration" / f"{source_digest()}.jsonl", console)
    text = page(catalogue, found, wanted)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
