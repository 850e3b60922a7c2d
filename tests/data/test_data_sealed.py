"""The test set stays shut until it is opened on purpose, and every opening counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainwright.core.errors import DataError, UsageError
from trainwright.data.sealed import SealedTest
from trainwright.data.selection import select
from trainwright.data.sources import load
from trainwright.data.splits import make_splits

WINE = load("wine")
SPLITS = make_splits(WINE, validation=0.2, test=0.1, stratify=True, seed=0)


def test_openings_are_counted_by_run(tmp_path: Path) -> None:
    first = SealedTest(WINE, SPLITS.test, root=tmp_path, run="a")
    assert first.openings == 0
    inputs, targets = first.open("final report")
    assert (inputs == WINE.inputs[SPLITS.test]).all()
    assert (targets == WINE.targets[SPLITS.test]).all()
    first.open("final report, resumed")
    assert first.openings == 1
    smaller, splits = select(WINE, SPLITS, drop_features=["ash"])
    second = SealedTest(smaller, splits.test, root=tmp_path, run="b")
    second.open("final report")
    assert first.openings == second.openings == 2


def test_it_needs_a_reason_and_samples(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without a reason"):
        SealedTest(WINE, SPLITS.test, root=tmp_path, run="a").open(" ")
    with pytest.raises(DataError, match="no test samples"):
        SealedTest(WINE, np.arange(0), root=tmp_path, run="a").open("report")
    assert not list(tmp_path.iterdir())


def test_an_opening_that_cannot_be_written_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr("trainwright.data.sealed.record_opening", fail)
    with pytest.raises(OSError, match="disk full"):
        SealedTest(WINE, SPLITS.test, root=tmp_path, run="a").open("report")
