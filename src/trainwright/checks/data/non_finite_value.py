"""TW102 non-finite-value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from trainwright.clinic import data_faults, images, tables
from trainwright.core import Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.features import NonFiniteCells

FEW = 0.05
"""Up to this share of the samples may be left out as a fix; more than that would change the data set."""


class NonFiniteValue(Check):
    """Some inputs are NaN or infinite.

    What it finds:
        Inf in any kind of data; NaN in images and sequences, in whole rows of a table, and in cells of a table that
        are not going to be filled in. NaN cells that the preparation fills in are mentioned as advice.

    Why it hurts:
        A single NaN or Inf makes the loss NaN, and one step later every weight.

    How it is measured:
        All cells of all splits are looked at. Each one is a fact, so there is no limit.

    How to fix:
        Find out where they come from: a division by zero, the logarithm of 0, a failed join, a sensor that dropped
        out. Where few samples are concerned leave them out; where one column is, leave out the column.

    References:
        Cross Validated 352036, "What should I do when my neural network doesn't learn?" (check the data first).
    """

    code = "TW102"
    name = "non-finite-value"
    severity = Severity.ERROR
    cases = (
        Case(tables.wine, data_faults.infinite_values),
        Case(images.digits, data_faults.nan_samples),
        Case(tables.diabetes, data_faults.nan_samples),
    )

    def run(self, cells: NonFiniteCells) -> Iterator[Finding]:
        n = cells.n_samples
        if cells.n_inf > 0:
            happened = f"{cells.n_inf} input values are infinite, in {cells.n_inf_rows} of {n} samples"
            fixes = _fixes(cells, cells.n_inf_rows, cells.inf_rows, cells.inf_features)
            yield self._broken(happened, cells.n_inf, cells.inf_rows, cells.inf_features, fixes)
        filled = cells.kind == "table" and cells.missing in (None, "impute")
        if cells.n_nan > 0 and not filled:
            happened = f"{cells.n_nan} input values are NaN, in {cells.n_nan_rows} of {n} samples"
            fixes = _fixes(cells, cells.n_nan_rows, cells.nan_rows, cells.nan_features)
            yield self._broken(happened, cells.n_nan, cells.nan_rows, cells.nan_features, fixes)
        elif cells.n_empty_rows > 0:
            happened = f"Every input is NaN in {cells.n_empty_rows} of {n} samples"
            fixes = _fixes(cells, cells.n_empty_rows, cells.empty_rows, ())
            yield replace(self._broken(happened, cells.n_nan, cells.empty_rows, (), fixes), severity=Severity.WARNING)
        elif cells.n_nan > 0:
            yield self._filled(cells)

    def _broken(
        self,
        happened: str,
        n_cells: int,
        rows: tuple[int, ...],
        features: tuple[tuple[str, int], ...],
        fixes: tuple[Fix, ...],
    ) -> Finding:
        where = ", ".join(f"{name} ({n})" for name, n in features)
        return self.finding(
            happened=f"{happened} (first rows {', '.join(map(str, rows[:5]))})"
            f"{f'; by feature: {where}' if where else ''}.",
            expected="0 such values: a single one makes the whole loss NaN.",
            todo="Find out where these values come from; leave the samples out if there are few.",
            evidence=(Evidence("values that are no finite number", n_cells, limit=0, unit="cells", samples=rows[:10]),),
            fixes=fixes,
            why_confident="Every cell was looked at.",
        )

    def _filled(self, cells: NonFiniteCells) -> Finding:
        where = ", ".join(f"{name} ({n})" for name, n in cells.nan_features)
        return self.finding(
            happened=f"{cells.n_nan} cells in {cells.n_nan_rows} of {cells.n_samples} rows are missing: {where}.",
            expected="0 missing cells; these are filled with the training median and marked in a column of their own.",
            todo="Nothing, if cells are meant to be missing; otherwise look for the step that lost them.",
            evidence=(Evidence("missing cells", cells.n_nan, unit="cells", samples=cells.nan_rows[:10]),),
            fixes=(Fix("Find the cause", instruction="Check in the source of the table why these cells are empty."),),
            why_confident="Every cell was looked at; whether they are meant to be missing is not known.",
            confidence=0.5,
            severity=Severity.ADVICE,
        )


def _fixes(
    cells: NonFiniteCells, n_rows: int, rows: tuple[int, ...], features: tuple[tuple[str, int], ...]
) -> tuple[Fix, ...]:
    if len(rows) == n_rows <= max(3, FEW * cells.n_samples):
        return (Fix(f"Leave out the {n_rows} samples", changes={"data.drop_samples": list(rows)}),)
    if cells.kind == "table" and 0 < len(features) < 5:
        names = [name for name, _ in features]
        return (Fix(f"Leave out {', '.join(names)}", changes={"data.drop_features": names}),)
    return (Fix("Mend the source", instruction="Correct the values where they arise: too many samples hold them."),)
