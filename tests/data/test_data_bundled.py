"""Bundled data sets and idx files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from trainwright.core.errors import DataError
from trainwright.data.dataset import Kind, Task
from trainwright.data.sources import load
from trainwright.data.sources.bundled import FASHION_FOLDERS


@pytest.mark.parametrize(
    ("name", "n", "shape", "kind", "outputs"),
    [
        ("digits", 1797, (1, 8, 8), Kind.IMAGE, 10),
        ("digits-200", 1797, (1, 8, 8), Kind.IMAGE, 10),
        ("breast-cancer", 569, (30,), Kind.TABLE, 2),
        ("wine", 178, (13,), Kind.TABLE, 3),
        ("diabetes", 442, (10,), Kind.TABLE, 1),
    ],
)
def test_bundled(name: str, n: int, shape: tuple[int, ...], kind: Kind, outputs: int) -> None:
    data = load(name)
    assert (data.name, len(data), data.sample_shape, data.kind, data.n_outputs) == (name, n, shape, kind, outputs)
    assert data.description


@pytest.mark.skipif(not any(f.is_dir() for f in FASHION_FOLDERS), reason="needs the package dataset-fashion-mnist")
def test_fashion_mnist() -> None:
    data = load("fashion-mnist")
    assert data.inputs.shape == (70_000, 1, 28, 28)
    assert data.given_splits is not None
    assert len(data.given_splits["test"]) == 10_000


def write_idx(folder: Path, *, pack: bool = True, cut: int = 0) -> None:
    rng = np.random.default_rng(0)
    for stem, n in (("train", 12), ("t10k", 6)):
        images = struct.pack(">BBBBIII", 0, 0, 8, 3, n, 4, 5) + rng.bytes(n * 20)
        labels = struct.pack(">BBBBI", 0, 0, 8, 1, n) + bytes(i % 3 for i in range(n))
        for kind, data in (("images-idx3", images), ("labels-idx1", labels)):
            name = f"{stem}-{kind}-ubyte" + (".gz" if pack else "")
            whole = gzip.compress(data) if pack else data
            (folder / name).write_bytes(whole[: len(whole) - cut])


@pytest.mark.parametrize("pack", [True, False])
def test_a_folder_of_idx_files(tmp_path: Path, pack: bool) -> None:
    write_idx(tmp_path, pack=pack)
    data = load(str(tmp_path))
    assert data.inputs.shape == (18, 1, 4, 5)
    assert data.task is Task.CLASSIFICATION
    assert data.class_names == ("0", "1", "2")


@pytest.mark.parametrize("pack", [True, False])
def test_a_cut_off_idx_file_is_named(tmp_path: Path, pack: bool) -> None:
    write_idx(tmp_path, pack=pack, cut=9)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.* cannot be read"):
        load(str(tmp_path))
