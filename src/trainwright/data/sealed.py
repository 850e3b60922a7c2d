"""The sealed test set: opened on purpose, once, and every opening is counted."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError, UsageError
from trainwright.data.dataset import Dataset, FloatArray, IndexArray
from trainwright.logbook.openings import count_openings, record_opening


class SealedTest:
    """Test samples that can be had only through :meth:`open`, which writes the opening to the logbook first."""

    def __init__(self, dataset: Dataset, rows: IndexArray, *, root: Path, run: str) -> None:
        """``rows``: the test rows of ``dataset``; ``root``: folder of all runs; ``run``: name of this run."""
        self._dataset = dataset
        self._rows = np.asarray(rows, dtype=np.int64)
        self._root = root
        self._run = run

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def fingerprint(self) -> str:
        """Names the test set by its rows and answers, so that leaving out a feature does not make it a new one."""
        rows = np.sort(self._rows)
        digest = hashlib.sha256(str(len(self._dataset)).encode())
        digest.update(rows.tobytes())
        digest.update(np.ascontiguousarray(self._dataset.targets[rows]).tobytes())
        return digest.hexdigest()[:16]

    @property
    def openings(self) -> int:
        """How many runs opened this test set so far."""
        return count_openings(self._root, self.fingerprint)

    def open(self, reason: str) -> tuple[FloatArray, npt.NDArray[Any]]:
        """Raw inputs [N, ...] and targets [N] of the test rows; the opening is on disk before this returns.

        Raises ``UsageError`` without a reason, ``DataError`` when there is no test sample, and ``RunFolderError`` when
        the opening cannot be written.
        """
        if not reason.strip():
            raise UsageError(
                "The test set was to be opened without a reason.",
                expected="A reason, such as 'final report'.",
                todo="Say what the test set is opened for.",
            )
        if not len(self._rows):
            raise DataError(
                f"'{self._dataset.name}' has no test samples.",
                expected="A share of the data kept apart for the one final test.",
                todo="Set data.test above 0, or bring a test split.",
            )
        record_opening(self._root, self.fingerprint, self._run)
        return self._dataset.inputs[self._rows], self._dataset.targets[self._rows]
