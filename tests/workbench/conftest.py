from __future__ import annotations

import pytest
import torch

from trainwright.workbench.config import Config
from trainwright.workbench.experiment import Experiment


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def wine() -> Experiment:
    """A small table with three classes, trained for four short epochs."""
    return Experiment.from_config(Config()).with_changes(
        {"data.source": "wine", "training.epochs": 4, "training.checkpoint_seconds": 1000.0}
    )


@pytest.fixture(scope="session")
def diabetes() -> Experiment:
    """A small regression."""
    return Experiment.from_config(Config()).with_changes({"data.source": "diabetes", "training.epochs": 4})
