"""Tables as people have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainwright.core.errors import DataError
from trainwright.data.dataset import Dataset, Task
from trainwright.data.preparation import Preparation
from trainwright.data.sources import load

Write = Callable[..., str]

NUMBERS = "\n".join(f"{i / 3},{i % 2}" for i in range(9))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "table.csv") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_numbers_categories_and_truth_values(write: Write) -> None:
    colours = ("red", "green", "blue")
    rows = "\n".join(f"{i / 7},{colours[i % 3] if i else ''},{'yes' if i % 2 else 'no'},{i % 4}" for i in range(12))
    data = load(write("x,colour,flag,y\n" + rows))
    assert data.feature_names == ("x", "colour", "flag")
    assert data.categories == {"colour": ("blue", "green", "red")}
    assert np.isnan(data.inputs[0, 1])
    assert data.inputs[:2, 2].tolist() == [0, 1]
    assert data.class_names == ("0", "1", "2", "3")
    assert data.origin[0] == "line 2"
    assert Preparation.fit(data, np.arange(12)).sample_shape == (5,)
    other = load(write("x,colour,flag,y\n" + rows.replace(",,", ",red,")), target="colour")
    assert other.class_names == ("blue", "green", "red")


@pytest.mark.parametrize(
    "content",
    [
        ("x,y\n" + NUMBERS).encode("utf-8-sig"),
        ("x,y\n" + NUMBERS).encode("utf-16"),
        ("x,y\r\n" + NUMBERS.replace("\n", "\r\n") + "\r\n\r\n").encode(),
        ("\n\nx;y\n" + NUMBERS.replace(",", ";").replace(".", ",")).encode(),
        ("x\ty\n" + NUMBERS.replace(",", "\t")).encode(),
        ("x|y\n" + NUMBERS.replace(",", "|")).encode(),
        ('x,"y"\n' + "\n".join(f'"{i / 3}","{i % 2}"' for i in range(9))).encode(),
        ("x,y\n" + NUMBERS.replace("\n", "\n\n", 3)).encode(),
        ("x,y,\n" + NUMBERS.replace("\n", ",\n") + ",\n").encode(),
        ("x,y\r" + NUMBERS.replace("\n", "\r")).encode(),
    ],
)
def test_separators_encodings_quotes_and_blank_lines(write: Write, content: bytes) -> None:
    data = load(write(content))
    assert data.feature_names == ("x",)
    assert data.inputs[:, 0] == pytest.approx(np.arange(9) / 3)
    assert data.targets.tolist() == [i % 2 for i in range(9)]


def test_quoted_texts_may_hold_separators(write: Write) -> None:
    data = load(write('x,"a ""b"" c",y\n' + "\n".join(f'{i / 3},"t{i % 2}, z",{i % 2}' for i in range(9))))
    assert data.categories == {'a "b" c': ("t0, z", "t1, z")}


def test_what_is_passed_over_is_noted(write: Write) -> None:
    rows = [f"{i},2020-01-{i + 1:02d},person {i},{'old' if i == 5 else i % 7},{i * 1.7}" for i in range(20)]
    data = load(write("id,date,name,age,y\n" + "\n".join(rows)))
    assert data.feature_names == ("age",)
    assert data.task is Task.REGRESSION
    notes = " ".join(data.notes)
    for words in ("'id' numbers the rows", "'date' holds dates", "'name' holds 20 different texts", "'old' in line 7"):
        assert words in notes
    assert np.isnan(data.inputs[5, 0])


def test_none_is_a_category_among_texts_and_missing_among_numbers(write: Write) -> None:
    rows = "\n".join(f"{'None' if i == 4 else i / 3},{('None', 'Some', 'Marked')[i % 3]},{i % 2}" for i in range(12))
    data = load(write("x,effect,y\n" + rows))
    assert np.isnan(data.inputs[4, 0])
    assert data.categories == {"effect": ("Marked", "None", "Some")}
    assert data.notes == ()


def test_a_file_that_is_not_utf8_is_read_and_noted(write: Write) -> None:
    data = load(write("größe,y\n".encode("latin-1") + NUMBERS.encode()))
    assert data.feature_names == ("größe",)
    assert "Windows-1252" in data.notes[0]


def test_a_missing_header_is_noticed(write: Write) -> None:
    data = load(write(NUMBERS))
    assert len(data) == 9
    assert data.feature_names == ("column 1",)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = {"a": [1.0, 2, None, 4], "c": ["x", "y", "x", None], "b": [True, False, True, True], "y": [1.5, 2, 3, 4]}
    pl.DataFrame(frame).with_columns(pl.Series("l", [[1], [2], [3], [4]])).write_parquet(path)
    data = load(str(path), target="y")
    assert data.feature_names == ("a", "c", "b")
    assert "List" in data.notes[0]
    assert np.isnan(data.inputs[2, 0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b\n", "has 0 rows"),
        ("a,b\n1,2\n", "has 1 rows"),
        ("x,x,y\n1,2,3\n", "2 columns of .* are called 'x'"),
        ("x\n1\n2\n3\n", "only one column, 'x'"),
        ("a,b,y\n1,2,3\n1,2,3,4\n5,6,7\n", "line 3 has 4 cells"),
        ("a,y\n1,0\n2,\n3,1\n4,NA\n", "2 of 4 rows have no usable value of the target 'y': line 3, line 5"),
        ("a,y\n" + "".join(f"{i * i},{'about 5' if i == 3 else i / 2}\n" for i in range(20)), "'about 5' in line 5"),
        ("a,y\n1,0\n2,inf\n3,1.5\n", "not finite"),
        ("a,y\n1.5,a\n2.5,a\n3.5,a\n", "All 3 samples are of one class: 'a'"),
        ("d,y\n" + "".join(f"2020-01-0{i + 1},{i % 2}\n" for i in range(6)), "no usable column"),
        ("a,y\n" + "".join(f"{i / 2},text {i}\n" for i in range(9)), "cannot be predicted"),
        (b"\x00\x01\x02" * 50, "no text file"),
        ("<html>" + "x" * 300_000, "only one column|has 0 rows"),
        ('a,y\n"1,0\n2,1\n3,0\n', "cannot be read as a table|has 1 rows"),
    ],
)
def test_bad_tables_are_explained(write: Write, content: str | bytes, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        load(write(content))
    assert caught.value.expected
    assert caught.value.todo


def test_wrong_names_get_the_nearest(write: Write, tmp_path: Path) -> None:
    path = write("colour,y\n" + NUMBERS)
    with pytest.raises(DataError, match="Did you mean 'colour'"):
        load(path, target="color")
    with pytest.raises(DataError, match=r"Did you mean 'table\.csv'"):
        load(str(tmp_path / "tabel.csv"))
    with pytest.raises(DataError, match="Did you mean 'digits'"):
        load("digit")
    with pytest.raises(DataError, match="no folder nowhere"):
        load("nowhere/x.csv")
    with pytest.raises(DataError, match=r"ends in '\.xlsx'"):
        load(write(b"PK", "t.xlsx"))
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        load(write(b"nope", "t.parquet"))
    with pytest.raises(DataError, match="fixed one: 'cultivar'"):
        load("wine", target="alcohol")
    with pytest.raises(DataError, match="is a classification"):
        load("wine", task="regression")


def test_infinite_and_too_large_numbers_reach_the_audit(write: Write) -> None:
    data: Dataset = load(write("x,z,y\n" + "\n".join(f"{'inf' if i == 2 else i},1e60,{i % 2}" for i in range(9))))
    assert np.isinf(data.inputs).sum() == 10
