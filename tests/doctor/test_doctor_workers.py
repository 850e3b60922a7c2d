"""Two workers of a loader are played, to see whether worker_init_fn makes them draw the same numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from trainwright.doctor.workers import generators_seeded_alike


class Noisy(Dataset[Tensor]):
    """Numbers with noise from a generator of one's choice."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Tensor:
        return torch.tensor(index + self.draw())


def numpy_noise() -> float:
    return float(np.random.normal())  # noqa: NPY002


def as_documented(worker: int) -> None:
    np.random.seed(torch.initial_seed() % 2**32)  # noqa: NPY002
    random.seed(torch.initial_seed())


def by_worker(worker: int) -> None:
    info = get_worker_info()
    assert info is not None
    np.random.seed((info.num_workers + info.seed) % 2**32)  # noqa: NPY002


def constant(worker: int) -> None:
    print("seeded")  # noqa: T201
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002


def failing(worker: int) -> None:
    raise RuntimeError(worker)


@pytest.mark.parametrize(
    ("draw", "seed", "alike"),
    [
        (numpy_noise, as_documented, ()),
        (numpy_noise, by_worker, ()),
        (numpy_noise, constant, ("numpy.random",)),
        (random.random, constant, ("random",)),
        (lambda: float(torch.rand(())), constant, ()),
        (lambda: float(torch.rand(())), lambda _: torch.manual_seed(0), ("torch",)),
        (lambda: 0.0, constant, ()),
        (numpy_noise, failing, ()),
    ],
)
def test_generators_that_two_workers_draw_alike_from(
    draw: Callable[[], float], seed: Callable[[int], Any], alike: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    loader = DataLoader(Noisy(draw), batch_size=4, num_workers=2, worker_init_fn=seed)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002
    assert generators_seeded_alike(loader) == alike
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[index]  # noqa: NPY002
    assert capfd.readouterr().out == ""
