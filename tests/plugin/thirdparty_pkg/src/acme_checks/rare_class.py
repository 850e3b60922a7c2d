"""ACME111 rare-class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from trainwright.clinic import tables
from trainwright.clinic.bench import Bench
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.labels import ClassCounts

FEWEST = 8
"""Training samples of a class; the smallest class of the healthy wine benches has more than 25."""


def almost_no_samples(bench: Bench) -> Bench:
    """All but three training samples of the last class are gone."""
    train = bench.splits["train"]
    of_last = train[bench.targets[train] == bench.targets.max()]
    return replace(bench, splits={**bench.splits, "train": np.setdiff1d(train, of_last[3:])})


class RareClass(Check):
    """A class has next to no training samples.

    What it finds:
        Classes with fewer than eight training samples.

    Why it hurts:
        Nobody learns a class from a handful of samples, and nobody can measure how well it was learnt.

    How it is measured:
        By counting the training samples of each class.

    How to fix:
        Collect more of the class, merge it with another one, or leave it out.

    References:
        Acme handbook, chapter 3.
    """

    code = "ACME111"
    name = "rare-class"
    severity = Severity.WARNING
    cases = (Case(tables.wine, almost_no_samples),)

    def run(self, classes: ClassCounts) -> Iterator[Finding]:
        if len(classes.counts) == 0 or len(classes.counts) != len(classes.class_names):
            raise CannotEvaluate("there are no classes to count")
        for name, count in zip(classes.class_names, classes.counts, strict=True):
            if count < FEWEST:
                yield self.finding(
                    happened=f"Class '{name}' has {count} training samples.",
                    expected=f"At least {FEWEST} of every class.",
                    todo="Collect more of it, merge it with another class, or leave it out.",
                    evidence=(Evidence("training samples", float(count), limit=float(FEWEST), where=name),),
                    fixes=(Fix("Collect more", instruction=f"Collect at least {FEWEST - count} more of '{name}'."),),
                    why_confident="The samples were counted.",
                    where=name,
                )
