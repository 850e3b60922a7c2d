"""The detection corpus: every change applies, every script compiles, both halves hold every kind."""

import ast
from pathlib import Path

import pytest
from bench.detection.contenders import load
from bench.detection.program import CALIBRATION, EVALUATION, Program, ill
from bench.detection.programs import PROGRAMS, table, write_all

from trainwright.core import discover


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program_is_a_complete_script(program: Program) -> None:
    source = program.source()
    ast.parse(source)
    assert "SEED" in source
    assert bool(program.edits) or program.name.endswith("--as-written")


def test_names_are_unique_and_there_is_enough_of_each() -> None:
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)
    for half in (CALIBRATION, EVALUATION):
        mine = [program for program in PROGRAMS if program.half == half]
        assert sum(not program.healthy for program in mine) >= 30
        assert sum(program.healthy for program in mine) >= 15
        assert {program.group for program in mine} == {program.group for program in PROGRAMS}


def test_no_two_programs_are_the_same() -> None:
    assert len({program.source() for program in PROGRAMS}) == len(PROGRAMS)


def test_names_that_are_checks_are_spelled_as_the_checks_are() -> None:
    accepted = {name for program in PROGRAMS for name in program.accepted}
    known = {check.name for check in discover()}
    assert {"initial-loss", "softmax-before-cross-entropy"} <= known
    assert accepted & known
    assert all(name == name.lower() and " " not in name for name in accepted)


def test_an_edit_that_does_not_match_once_is_refused() -> None:
    program = ill("digits_mlp", "x", "loop", CALIBRATION, "no-gradient").edit(("there is no such line", ""))
    with pytest.raises(ValueError, match="0 times"):
        program.source()
    with pytest.raises(ValueError, match=r"stands \d times"):
        program.edit(("nn.ReLU()", "nn.GELU()")).source()


def test_scripts_are_written(tmp_path: Path) -> None:
    paths = write_all(tmp_path / "new", PROGRAMS[:2])
    assert [path.read_text() for path in paths.values()] == [program.source() for program in PROGRAMS[:2]]


def test_table_lists_every_program() -> None:
    assert all(f"| {program.name} |" in table() for program in PROGRAMS)


def test_contenders_are_named_once_and_know_where_the_script_is() -> None:
    contenders = load()
    assert len(contenders) == 10
    assert all(any("{script}" in part for part in contender.command) for contender in contenders.values())
