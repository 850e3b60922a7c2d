"""TW105 duplicate-sample."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, images, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.duplicates import DuplicateSamples, chance_limit

MANY = 0.01
"""From this share of copies on it is a warning: a percent of the training samples then counts double."""


class DuplicateSample(Check):
    """Training samples occur more than once, inputs and answer alike, more often than chance explains.

    What it finds:
        Rows, pictures or sequences that are equal in every number. Where a table is so coarse that equal rows are
        natural (a survey of yes and no), only more than chance gives are reported.

    Why it hurts:
        Copies weigh their sample double, and once the data are divided at random they stand in several splits, so that
        the validation score is partly a memory test.

    How it is measured:
        Pairs of equal samples are counted by hash. What chance explains is read from the near misses: rows that agree
        in all columns but one. The limit is ten times that plus four standard deviations; the survey bench
        stays below 0.4 of it over 40 seeds; images and sequences have no such allowance.

    How to fix:
        Keep one of each (``data.deduplicate``), and look for the step that copied them: a join with repeated keys, a
        file that was read twice, augmentation saved to disk.

    References:
        Barz and Denzler, Do we train on test data? (2020): 3 to 10 % duplicates in CIFAR.
    """

    code = "TW105"
    name = "duplicate-sample"
    severity = Severity.WARNING
    cases = (Case(tables.diabetes, data_faults.copied_samples), Case(images.digits, data_faults.copied_samples))

    def run(self, found: DuplicateSamples) -> Iterator[Finding]:
        if found.n_samples < 2:
            raise CannotEvaluate(f"the {found.split} split has {found.n_samples} samples")
        limit = chance_limit(found.chance_pairs)
        if found.n_copies < 1 or not found.n_pairs > limit:
            return
        share = found.n_copies / found.n_samples
        rows = found.groups[0] if found.groups else ()
        yield self.finding(
            happened=f"{found.n_copies} of {found.n_samples} {found.split} samples ({share:.1%}) are exact copies of "
            f"another one, in {found.n_groups} groups; for example rows {', '.join(map(str, rows[:5]))} are equal.",
            expected=f"No copies beyond what chance gives: at most {limit:.0f} pairs of equal samples, "
            f"not {found.n_pairs}.",
            todo="Keep one of each, and look for the step that copied them.",
            evidence=(
                Evidence("pairs of equal samples", found.n_pairs, limit=limit, unit="pairs", samples=rows),
                Evidence("share of copies", share, limit=MANY, where=found.split),
            ),
            fixes=(Fix("Keep one of each group of equal samples", changes={"data.deduplicate": True}),),
            confidence=0.9,
            why_confident="The samples are equal in every number, and coarse values do not explain so many.",
            where=found.split,
            severity=self.severity if share >= MANY else Severity.ADVICE,
        )
