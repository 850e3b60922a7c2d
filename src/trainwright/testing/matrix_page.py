"""docs/matrix.md: the matrix of checks against faults as sparse tables."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping

from trainwright.clinic.healthy import PLAIN, TRICKY
from trainwright.core import Severity
from trainwright.testing.matrix import Matrix, Row, name_of

Outcome = tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


def page(matrix: Matrix, names: Mapping[str, str], families: Mapping[str, str]) -> str:
    """The whole page in Markdown. ``names``: the checks' by code; ``families``: what each looks at, in order."""
    ill, healthy = [row for row in matrix.rows if row.fault], [row for row in matrix.rows if not row.fault]
    lines = [
        "# Checks against faults",
        "",
        f"All {len(matrix.checks)} checks before each of {len({row.fault for row in ill})} faults, on the benches the "
        f"faults are proved on ({len({(row.bench, row.fault) for row in ill})} pairs), and before "
        f"{len({row.bench for row in healthy})} healthy benches, {len(TRICKY)} of which look ill to a hasty rule. "
        f"Measured {matrix.measured} with `make matrix`, seed 0; `tests/testing/test_matrix.py` fails when a row comes "
        "out otherwise.",
        "",
        *summary(ill, healthy),
        "",
        "![A row for each fault and, at the bottom, each healthy bench; a column for each check](images/matrix.svg)",
        "",
        "A bench is seen in three ways. *data*: the checks of data look at it, before there is a model. *watch*: a "
        "hand-written loop is watched for 200 steps. *training*: the recipe trains the network to the end and compares "
        "it with baselines. In the last two all checks judge all that can be measured, trials on the set-up included; "
        "only what depends on the clock (TW801) is judged on its own faults alone.",
        "",
        "## Faults",
        "",
        "*First* is the finding at the top of the report, *beside it* what else is reported, *explained* what is "
        "listed as a consequence, with the check that explains it.",
    ]
    for family, (name, subject) in enumerate(families.items(), start=1):
        rows = [row for row in ill if row.expected[0][2] == str(family)]
        if rows:
            lines += ["", f"### {name}: {subject}", "", *table_of_faults(rows, names)]
    lines += ["", "## Healthy benches", "", "None raises an alarm; advice is what is worth knowing all the same.", ""]
    return "\n".join([*lines, *table_of_healthy(healthy)]) + "\n"


def summary(ill: list[Row], healthy: list[Row]) -> Iterator[str]:
    """How many rows came out as they should."""
    first = sum(row.first in row.expected for row in ill)
    explained = sum(row.is_right and row.first not in row.expected for row in ill)
    alarms = sum(not row.is_right for row in healthy)
    advised = sum(bool(row.found) for row in healthy)
    yield (
        f"- A check that is made for the fault comes first in {first} of {len(ill)} rows, and is explained by the one "
        f"that comes first in {explained}; in {len(ill) - first - explained} it is neither."
    )
    yield f"- {alarms} of {len(healthy)} healthy rows raise an error or a warning; {advised} get advice."


def table_of_faults(rows: Iterable[Row], names: Mapping[str, str]) -> Iterator[str]:
    """Rows that differ in the view alone are put together."""
    merged: dict[tuple[tuple[str, ...], str, str, Outcome], list[str]] = {}
    for row in sorted(rows, key=lambda row: (row.expected, row.key)):
        merged.setdefault((row.expected, row.fault, row.bench, _outcome(row)), []).append(row.view)
    yield "| for | fault | bench | seen in | first | beside it | explained |"
    yield "|---|---|---|---|---|---|---|"
    for (expected, fault, bench, (first, beside, explained)), views in merged.items():
        cells = (
            ", ".join(f"{_link(code)} {names.get(code, '')}" for code in expected),
            _short(fault),
            _short(bench),
            ", ".join(views),
            _link(first) if first else "nothing",
            ", ".join(f"{_link(code)} ({severity})" for code, severity in beside) or "–",
            ", ".join(f"{code} by {cause}" for code, cause in explained) or "–",
        )
        yield f"| {' | '.join(cells)} |"


def table_of_healthy(rows: list[Row]) -> Iterator[str]:
    """The plain benches, then the tricky ones, with the advice they get in any view."""
    advice: dict[str, dict[str, str]] = {}
    for row in rows:
        advice.setdefault(row.bench, {}).update(row.found)
    yield "| bench | what it is | findings |"
    yield "|---|---|---|"
    for maker in (*PLAIN, *TRICKY):
        found = advice.get(name_of(maker), {})
        said = ", ".join(
            _link(code) + ("" if severity == Severity.ADVICE else f" ({severity})") for code, severity in found.items()
        )
        about = " ".join((inspect.getdoc(maker) or "").split())
        yield f"| {maker.__name__} | {about} | {said or '–'} |"


def _outcome(row: Row) -> Outcome:
    beside = tuple((code, severity) for code, severity in row.found.items() if code != row.first)
    return row.first, beside, tuple(row.masked.items())


def _link(code: str) -> str:
    return f"[{code}](checks/{code}.md)"


def _short(name: str) -> str:
    return name.partition(".")[2]
