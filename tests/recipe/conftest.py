"""Small experiments on real data, and contexts to run single stages in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import nn

from trainwright.logbook.run import RunFolder
from trainwright.recipe.context import Context, RunPlan
from trainwright.workbench.experiment import Experiment

MakeContext = Callable[..., Context]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_context(tmp_path: Path) -> MakeContext:
    """A context in a new run folder; keywords change the smallest plan."""

    def make(experiment: Experiment, facts: dict[str, dict[str, Any]] | None = None, **plan: int) -> Context:
        smallest = RunPlan(
            epochs_full=4,
            epochs_short=2,
            seeds=3,
            short_trials=4,
            long_trials=1,
            ensemble=3,
            rate_sweeps=3,
            seconds_per_training=1.0,
        )
        run = RunFolder.create(tmp_path / "runs", experiment.name)
        return Context(experiment, run, RunPlan.from_dict({**smallest.to_dict(), **plan}), facts or {})

    return make


@pytest.fixture
def digits() -> Experiment:
    """300 real digits and a small fully connected network."""
    inputs, targets = load_digits(return_X_y=True)
    return Experiment(
        data=(inputs[:300].astype(np.float32), targets[:300]),
        name="digits",
        config={"model.name": "mlp", "model.width": 16, "model.depth": 1, "optimizer.learning_rate": 3e-3},
    )


@pytest.fixture
def diabetes() -> Experiment:
    """442 real patients; the target in its own unit."""
    inputs, targets = load_diabetes(return_X_y=True)
    config = {"model.name": "mlp", "model.width": 8, "model.depth": 1, "optimizer.learning_rate": 1e-2}
    return Experiment(data=(inputs.astype(np.float32), targets.astype(np.float32)), name="diabetes", config=config)


class RowReader(nn.Module):
    """Reads an image row by row; has no dropout."""

    def __init__(self, n_outputs: int, width: int = 8) -> None:
        super().__init__()
        self.gru = nn.GRU(8, width, batch_first=True)
        self.head = nn.Linear(width, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state: torch.Tensor = self.gru(x)[0][:, -1]
        logits: torch.Tensor = self.head(state)
        return logits


@pytest.fixture
def gru() -> Experiment:
    """A user's own recurrent network, loss and optimizer on sequences of eight rows."""
    inputs, targets = load_digits(return_X_y=True)
    return Experiment(
        data=(inputs[:300].reshape(-1, 8, 8).astype(np.float32), targets[:300]),
        model=RowReader,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-2),
        capacity="width",
        kind="sequence",
        name="gru",
    )
