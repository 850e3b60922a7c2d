from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest

from trainwright.core import RunFolderError
from trainwright.logbook.files import make_folder, read_json, remove_leftovers, write_bytes, write_json


def test_json_round_trips_with_nan_and_infinity(tmp_path: Path) -> None:
    body = {"a": [1, 2.5, None, "ü"], "b": {"nan": float("nan"), "inf": float("-inf")}, "c": np.float32(0.1)}
    write_json(tmp_path / "x.json", body)
    back = read_json(tmp_path / "x.json")
    assert back["a"] == body["a"]
    assert math.isnan(back["b"]["nan"])
    assert back["b"]["inf"] == -math.inf
    assert back["c"] == float(np.float32(0.1))


def test_json_keys_of_other_types_do_not_upset_the_checksum(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {10: "a", 9: "b", "arrays": np.arange(3), "paths": {Path("p")}})
    assert read_json(tmp_path / "x.json")["10"] == "a"


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b.replace(b"0.5", b"0.6"), lambda b: b"", lambda b: b"[]"]
)
def test_damaged_json_is_named(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"loss": 0.5})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunFolderError, match=r"x\.json is damaged"):
        read_json(path)


def test_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"y\.json is missing"):
        read_json(tmp_path / "y.json")


def test_full_disk_keeps_the_old_content_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})

    def full(*_: Any) -> Never:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunFolderError, match="No space left") as caught:
        write_json(path, {"new": 1})
    assert "Free some space" in caught.value.todo
    monkeypatch.undo()
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_in_several_parts_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
    write_bytes(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for act in (lambda p: write_bytes(p / "x", b""), make_folder):
        with pytest.raises(RunFolderError, match="is a file, not a folder"):
            act(tmp_path / "file" / "folder")


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".x.json.123.tmp").write_text("half")
    (tmp_path / "x.json").write_text("{}")
    remove_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
