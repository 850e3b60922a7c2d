"""docs/coverage.md: every piece of advice stands there once, and what it claims can be looked up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trainwright.cli.options import STAGES
from trainwright.core import discover

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in TEXT.splitlines()
    if re.match(r"\| ([DSOTGNZ]\d\d|worked case) \|", line)
]
COUNTS = {"D": 24, "S": 27, "O": 13, "T": 14, "G": 13, "N": 10, "Z": 7}
"""How many pieces of advice each part has."""


def test_every_piece_of_advice_stands_there_once() -> None:
    wanted = [f"{letter}{number:02d}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    assert [row[0] for row in ROWS] == [*wanted, "worked case"]
    assert {len(row) for row in ROWS} == {5}


def test_the_summary_counts_right() -> None:
    found = re.search(r"Now: (\d+) done, (\d+) partly, (\d+) not yet\.", TEXT)
    assert found is not None
    states = [row[2] for row in ROWS]
    assert [int(n) for n in found.groups()] == [states.count(state) for state in ("done", "partly", "not yet")]
    assert len(states) == sum(map(int, found.groups()))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_claim_names_what_does_it_and_a_test_that_exists(row: tuple[str, ...]) -> None:
    _, _, state, means, tests = row
    named = re.findall(r"`([^`]+)`", tests)
    assert bool(named) == (state != "not yet")
    assert (means == "–") == (state == "not yet")
    for test in named:
        path, _, function = test.partition("::")
        assert (ROOT / path).is_file(), f"{path} does not exist"
        assert not function or f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), (
            f"{path} has no {function}"
        )


def test_the_checks_and_stages_named_exist() -> None:
    codes = {check.code for check in discover()}
    for row in ROWS:
        for first, last in re.findall(r"(TW\d{3})(?:–(TW\d{3}))?", row[3]):
            numbers = range(int(first[2:]), int((last or first)[2:]) + 1)
            assert {f"TW{number}" for number in numbers} <= codes, row
        for stage in re.findall(r"stages? (\w+)", row[3]):
            assert stage in {*STAGES, "trains"}, row
