"""TW201 overlap."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, images, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.duplicates import SplitOverlap, chance_limit


class Overlap(Check):
    """The same samples stand in two splits.

    What it finds:
        Samples of validation or test that are equal, in every input and in the target, to a sample of an earlier
        split.

    Why it hurts:
        The network has seen the answer. The score then tells how well it remembers, not how well it will do on new
        samples, and every choice made by that score is biased.

    How it is measured:
        Equal samples are found by hash over all splits. In a coarse table some equality is natural: what chance
        explains is estimated from near misses, rows that agree in all columns but one, and the limit is ten times
        that plus four standard deviations. The survey bench, where all equality is natural, stays below 0.4 of it.

    How to fix:
        Keep one of each group of equal samples, in train where it is (``data.deduplicate``).

    References:
        Barz and Denzler, Do we train on test data? (2020); Karpathy, A Recipe for Training Neural Networks, step 1.
    """

    code = "TW201"
    name = "overlap"
    severity = Severity.ERROR
    after = ("TW124",)
    cases = (
        Case(tables.diabetes, data_faults.overlapping_splits),
        Case(tables.breast_cancer, data_faults.overlapping_splits),
        Case(images.digits, data_faults.overlapping_splits),
    )

    def run(self, overlap: SplitOverlap) -> Iterator[Finding]:
        if overlap.n_second < 1:
            raise CannotEvaluate(f"the {overlap.second} split is empty")
        limit = chance_limit(overlap.chance_pairs)
        if overlap.n_shared < 1 or not overlap.n_pairs > limit:
            return
        share = overlap.n_shared / overlap.n_second
        examples = ", ".join(f"row {b} equals row {a}" for a, b in overlap.pairs[:3])
        yield self.finding(
            happened=f"{overlap.n_shared} of {overlap.n_second} {overlap.second} samples ({share:.1%}) also stand in "
            f"{overlap.first}{f': {examples}' if examples else ''}.",
            expected="0 samples in two splits"
            f"{f', beyond the {limit:.0f} pairs that chance gives in a coarse table' if limit else ''}.",
            todo=f"Take these samples out of {overlap.second}.",
            evidence=(
                Evidence(
                    f"{overlap.second} samples also in {overlap.first}",
                    overlap.n_shared,
                    limit=0,
                    unit="samples",
                    where=overlap.second,
                    samples=tuple(b for _, b in overlap.pairs),
                ),
                Evidence("pairs of equal samples", overlap.n_pairs, limit=limit, unit="pairs"),
            ),
            fixes=(Fix("Keep one of each group of equal samples", changes={"data.deduplicate": True}),),
            why_confident="The samples are equal in every number, and coarse values do not explain so many.",
            where=f"{overlap.first} and {overlap.second}",
        )
