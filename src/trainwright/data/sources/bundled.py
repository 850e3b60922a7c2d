"""Data sets that come with installed packages."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError
from trainwright.data.dataset import Dataset, Kind, Task

FASHION_FOLDERS = (Path("/usr/share/datasets/fashion-mnist"), Path("/usr/share/dataset-fashion-mnist"))
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
IDX_NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
DIGITS_200 = {"train": 200, "validation": 400, "test": 1197}


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Dataset(
        name="digits",
        inputs=bunch.images[:, None].astype(np.float32),
        targets=bunch.target.astype(np.int64),
        kind=Kind.IMAGE,
        task=Task.CLASSIFICATION,
        class_names=tuple("0123456789"),
        feature_names=("grey",),
        target_name="digit",
        description="Handwritten digits, 1,797 grey images of 8×8 pixels with values 0 to 16 (scikit-learn).",
    )


def _digits_200() -> Dataset:
    whole = _digits()
    return Dataset(
        name="digits-200",
        inputs=whole.inputs,
        targets=whole.targets,
        kind=whole.kind,
        task=whole.task,
        class_names=whole.class_names,
        feature_names=whole.feature_names,
        target_name=whole.target_name,
        given_sizes=DIGITS_200,
        description="The digits of scikit-learn, 200 images to train on, 400 for validation and 1,197 to test.",
    )


def _table(name: str, loader: str, task: Task, target_name: str) -> Dataset:
    import sklearn.datasets

    bunch: Any = getattr(sklearn.datasets, loader)()
    classes = task is Task.CLASSIFICATION
    return Dataset(
        name=name,
        inputs=bunch.data.astype(np.float32),
        targets=bunch.target.astype(np.int64 if classes else np.float32),
        kind=Kind.TABLE,
        task=task,
        class_names=tuple(str(c) for c in bunch.target_names) if classes else (),
        feature_names=tuple(str(f) for f in bunch.feature_names),
        target_name=target_name,
        description=f"{len(bunch.data):,} rows of {bunch.data.shape[1]} numbers (scikit-learn).",
    )


def _fashion() -> Dataset:
    folder = next((f for f in FASHION_FOLDERS if f.is_dir()), None)
    if folder is None:
        raise DataError(
            "The data of 'fashion-mnist' are not installed.",
            expected=f"A folder {FASHION_FOLDERS[0]} with the four idx files.",
            todo="Install the Debian package dataset-fashion-mnist, or give the path of a folder with the idx files.",
        )
    return load_idx(folder, name="fashion-mnist", class_names=FASHION_CLASSES)


BUNDLED: dict[str, Callable[[], Dataset]] = {
    "digits": _digits,
    "digits-200": _digits_200,
    "breast-cancer": lambda: _table("breast-cancer", "load_breast_cancer", Task.CLASSIFICATION, "diagnosis"),
    "wine": lambda: _table("wine", "load_wine", Task.CLASSIFICATION, "cultivar"),
    "diabetes": lambda: _table("diabetes", "load_diabetes", Task.REGRESSION, "progression"),
    "fashion-mnist": _fashion,
}
"""Loaders by name."""


def idx_files(folder: Path) -> tuple[Path, ...] | None:
    """The four files of MNIST's format in a folder, packed or not, or None where one is missing."""
    found = []
    for stem in IDX_NAMES:
        match = next((f for f in sorted(folder.glob("*")) if f.name.replace(".", "-").startswith(stem)), None)
        if match is None:
            return None
        found.append(match)
    return tuple(found)


def load_idx(folder: Path, *, name: str, class_names: tuple[str, ...] = ()) -> Dataset:
    """Images [N, 1, H, W] with their given train and test splits from the four idx files of a folder."""
    files = idx_files(folder)
    if files is None:
        raise DataError(
            f"The folder {folder} lacks some of the four idx files.",
            expected=f"Files whose names begin with {', '.join(IDX_NAMES)}.",
            todo="Complete the folder.",
        )
    train_images, train_labels, test_images, test_labels = (read_idx(f) for f in files)
    for images, labels, path in ((train_images, train_labels, files[0]), (test_images, test_labels, files[2])):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise DataError(
                f"{path.name} holds an array of shape {images.shape} and its labels one of shape {labels.shape}.",
                expected="Images [N, H, W] and labels [N].",
                todo="Check that the files belong together.",
            )
    targets = np.concatenate([train_labels, test_labels]).astype(np.int64)
    n_train = len(train_images)
    classes = class_names or tuple(str(i) for i in range(int(targets.max()) + 1))
    return Dataset(
        name=name,
        inputs=np.concatenate([train_images, test_images])[:, None].astype(np.float32),
        targets=targets,
        kind=Kind.IMAGE,
        task=Task.CLASSIFICATION,
        class_names=classes,
        feature_names=("grey",),
        target_name="class",
        given_splits={
            "train": np.arange(n_train, dtype=np.int64),
            "test": np.arange(n_train, len(targets), dtype=np.int64),
        },
        description=f"{len(targets):,} grey images of {train_images.shape[1]}×{train_images.shape[2]} pixels.",
    )


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array of bytes in one idx file, gzipped or not; ``DataError`` where it is cut off or something else."""
    try:
        packed = path.read_bytes()
        data = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
        n_dims = data[3]
        shape = struct.unpack(f">{n_dims}I", data[4 : 4 + 4 * n_dims])
        if data[:3] != b"\x00\x00\x08":
            raise ValueError("it does not begin like an idx file of bytes")
        return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * n_dims).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, struct.error) as error:
        raise DataError(
            f"{path} cannot be read as an idx file: {error}.",
            expected="A complete idx file of unsigned bytes, as MNIST comes in.",
            todo="Fetch the file again.",
        ) from None
