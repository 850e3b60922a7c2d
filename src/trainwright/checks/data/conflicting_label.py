"""TW107 conflicting-label."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, images, tables
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.duplicates import ConflictingLabels, chance_limit

FEW = 0.05
"""Up to this share of the samples may be left out as a fix; more than that would change the data set."""


class ConflictingLabel(Check):
    """Equal inputs carry different classes.

    What it finds:
        Samples that are equal in every input number but are labelled differently, more often than chance explains.

    Why it hurts:
        No network can get both right. Such samples put a ceiling on the accuracy and a floor under the loss, and mostly
        they are mistakes of labelling or of a join.

    How it is measured:
        Groups of equal inputs are found by hash. In a coarse table equal answers with different outcome are natural:
        what chance explains is estimated from near misses as for duplicates, with the same limit.

    How to fix:
        Look at the named samples and correct the labels. Failing that, leave out those that are outvoted by equal
        inputs.

    References:
        Northcutt et al., Pervasive label errors in test sets (2021).
    """

    code = "TW107"
    name = "conflicting-label"
    severity = Severity.WARNING
    cases = (
        Case(tables.breast_cancer, data_faults.conflicting_labels),
        Case(images.digits, data_faults.conflicting_labels),
    )

    def run(self, found: ConflictingLabels) -> Iterator[Finding]:
        if found.n_samples < 2:
            raise CannotEvaluate(f"there are {found.n_samples} samples")
        limit = chance_limit(found.chance_pairs)
        if found.n_groups < 1 or not found.n_pairs > limit:
            return
        rows, names = found.groups[0] if found.groups else ((), ())
        example = ", ".join(f"row {row} is '{name}'" for row, name in zip(rows[:4], names[:4], strict=False))
        yield self.finding(
            happened=f"{found.n_rows} samples in {found.n_groups} groups have equal inputs but different classes; "
            f"for example {example}.",
            expected=f"Equal inputs have one class; at most {limit:.0f} pairs by chance, not {found.n_pairs}.",
            todo="Look at these samples and correct their labels, or leave them out.",
            evidence=(
                Evidence("pairs of equal inputs and different class", found.n_pairs, limit=limit, samples=rows),
                Evidence("samples concerned", found.n_rows / found.n_samples, limit=0, unit="share"),
            ),
            fixes=_fixes(found),
            confidence=0.9,
            why_confident="The inputs are equal in every number, and coarse values do not explain so many.",
        )


def _fixes(found: ConflictingLabels) -> tuple[Fix, ...]:
    if len(found.outvoted) == found.n_outvoted <= max(3, FEW * found.n_samples):
        title = f"Leave out the {found.n_outvoted} samples that equal inputs contradict"
        return (Fix(title, changes={"data.drop_samples": list(found.outvoted)}),)
    return (Fix("Correct the labels", instruction="Too many to leave out: have these samples labelled again."),)
