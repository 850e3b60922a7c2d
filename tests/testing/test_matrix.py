"""docs/matrix.json: what all checks together say of every fault and of every healthy bench. It covers the catalogue, is
as it should be, and comes out the same again: one row in twelve in every run of the tests, the others in ``test-all``.

Where a change is meant, ``make matrix`` writes it anew."""

from pathlib import Path

import pytest
import torch

import trainwright.checks
from trainwright.clinic.healthy import PLAIN, TRICKY
from trainwright.core import Catalogue
from trainwright.core.catalogue import checks_in
from trainwright.testing.matrix import Matrix, Row, Subject, judge_subject, subjects

torch.set_num_threads(1)
CATALOGUE = Catalogue(checks_in(trainwright.checks))
SUBJECTS = subjects(CATALOGUE)
STORED = Matrix.read(Path(__file__).parents[2] / "docs" / "matrix.json")
ROWS = {row.key: row for row in STORED.rows}
ROWS_PER_SAMPLE = 12


def test_every_check_fault_and_healthy_bench_is_in_it() -> None:
    assert STORED.checks == tuple(check.code for check in CATALOGUE), "run 'make matrix'"
    stored = {row.key: row.expected for row in STORED.rows}
    assert stored == {each.key: each.expected for each in SUBJECTS}, "run 'make matrix'"


def test_the_right_check_comes_first_on_every_fault() -> None:
    assert [(*row.key, row.first) for row in STORED.rows if row.fault and not row.is_right] == []


def test_no_healthy_bench_raises_an_alarm() -> None:
    assert [(*row.key, row.found) for row in STORED.rows if not row.fault and not row.is_right] == []


def test_the_clinic_is_large_enough() -> None:
    assert len({row.fault for row in STORED.rows if row.fault}) >= 60
    assert len(set(TRICKY) - set(PLAIN)) >= 35


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(each, id=" ".join(each.key), marks=() if number % ROWS_PER_SAMPLE == 0 else pytest.mark.slow)
        for number, each in enumerate(SUBJECTS)
    ],
)
def test_a_row_comes_out_as_it_is_stored(subject: Subject) -> None:
    assert judge_subject(subject, CATALOGUE) == ROWS[subject.key]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    STORED.write(tmp_path / "matrix.json")
    assert Matrix.read(tmp_path / "matrix.json") == STORED


@pytest.mark.parametrize(
    ("fault", "first", "found", "masked", "right"),
    [
        ("f", "TW303", {"TW303": "error"}, {}, True),
        ("f", "TW501", {"TW501": "error", "TW303": "error"}, {}, False),
        ("f", "TW312", {"TW312": "error"}, {"TW303": "TW304", "TW304": "TW312"}, True),
        ("f", "", {}, {}, False),
        ("", "TW520", {"TW520": "advice"}, {}, True),
        ("", "TW520", {"TW520": "warning"}, {}, False),
        ("", "", {}, {}, True),
    ],
)
def test_what_is_right(fault: str, first: str, found: dict[str, str], masked: dict[str, str], right: bool) -> None:
    row = Row("b", fault, "watch", ("TW303",) if fault else (), first, found, masked, judged=80)
    assert row.is_right == right
