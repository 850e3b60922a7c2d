"""Sources: bundled data sets, tables, folders of images, idx files and arrays."""

from __future__ import annotations

from pathlib import Path

from trainwright.core.errors import DataError, UsageError, nearest
from trainwright.data.dataset import Dataset, Task
from trainwright.data.sources.arrays import from_arrays
from trainwright.data.sources.bundled import BUNDLED, idx_files, load_idx

__all__ = ["BUNDLED", "TABLE_SUFFIXES", "from_arrays", "load"]

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


def load(source: str, *, target: str | None = None, task: str = "auto", image_size: int | None = None) -> Dataset:
    """Load a bundled data set by name, or a table, a folder of class folders of images or a folder of idx files.

    ``target``: column of a table, the last one where None is given. ``task``: auto, classification or regression.
    ``image_size``: side in pixels that images of a folder are brought to; their median side, at most 64, where None.

    Raises ``DataError`` where the source is missing or cannot be used, ``UsageError`` for a wrong choice.
    """
    if task not in ("auto", *Task):
        raise UsageError(
            f"data.task is '{task}'.{nearest(task, ['auto', *Task])}",
            expected="One of auto, classification, regression.",
            todo="Correct data.task.",
        )
    if source in BUNDLED:
        return _as_asked(BUNDLED[source](), target, task)
    path = Path(source).expanduser()
    if path.is_dir():
        if idx_files(path) is not None:
            return _as_asked(load_idx(path, name=path.name), target, task)
        from trainwright.data.sources.images import load_image_folder

        return _as_asked(load_image_folder(path, image_size=image_size), target, task)
    if path.is_file():
        if path.suffix.lower() not in TABLE_SUFFIXES:
            raise DataError(
                f"The file {path} ends in '{path.suffix}'.",
                expected=f"A table ending in {', '.join(TABLE_SUFFIXES)}.",
                todo="Convert the file to CSV or Parquet, or load it in Python and use an Experiment.",
            )
        from trainwright.data.sources.tables import load_table

        return load_table(path, target=target, task=task)
    raise _missing(source, path)


def _as_asked(dataset: Dataset, target: str | None, task: str) -> Dataset:
    """Refuse a target or task that the source does not leave open."""
    if target is not None and target != dataset.target_name:
        raise DataError(
            f"The target '{target}' was asked for, but '{dataset.name}' has a fixed one: '{dataset.target_name}'.",
            expected="No target, or that one.",
            todo="Leave out the target.",
        )
    if task not in ("auto", dataset.task):
        raise DataError(
            f"The task {task} was asked for, but '{dataset.name}' is a {dataset.task}.",
            expected=f"auto or {dataset.task}.",
            todo="Leave out data.task.",
        )
    return dataset


def _missing(source: str, path: Path) -> DataError:
    folder = path.parent
    here = [p.name for p in sorted(folder.iterdir())] if folder.is_dir() else []
    hint = nearest(source, BUNDLED) or nearest(path.name, here)
    if not folder.is_dir():
        hint = f" There is no folder {folder} either."
    return DataError(
        f"There is no data set, file or folder '{source}'.{hint}",
        expected=f"One of {', '.join(BUNDLED)}, a CSV or Parquet file, or a folder of class folders of images.",
        todo="Correct the name or the path.",
    )
