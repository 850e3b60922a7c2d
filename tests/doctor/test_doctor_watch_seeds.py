"""The live monitor hears generators that are seeded alike for each sample, with and without worker processes."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

import trainwright
from trainwright.measures.system import SeededAgain, WorkerRandomness

torch.set_num_threads(1)
IMAGES = torch.tensor(load_digits().data / 16, dtype=torch.float32)
CLASSES = torch.tensor(load_digits().target)
Noise = Callable[[int], float]
KEPT = np.random.default_rng(5)


def alike(index: int) -> float:
    return float(np.random.default_rng(7).normal())


def by_argument(index: int) -> float:
    return float(np.random.default_rng(seed=7).normal())


def alike_by_hand(index: int) -> float:
    random.seed(7)
    return random.random()


def by_sample(index: int) -> float:
    return float(np.random.default_rng(index).normal())


def by_sample_and_by_torch(index: int) -> float:
    torch.manual_seed(index % 40)
    return float(torch.rand(()))


def made_once(index: int) -> float:
    return float(KEPT.normal())


class Digits(Dataset[tuple[Tensor, Tensor]]):
    """Handwritten digits, brighter or darker by a random number."""

    def __init__(self, rows: slice, noise: Noise | None) -> None:
        self.images, self.classes, self.noise = IMAGES[rows], CLASSES[rows], noise

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        more = self.noise(index) if self.noise is not None else 0.0
        return self.images[index] + 0.1 * more, self.classes[index]


def watched(train: Noise, evaluation: Noise | None = None, workers: int = 0) -> trainwright.Watch:
    model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    given = DataLoader(Digits(slice(0, 640), train), batch_size=32, shuffle=True, num_workers=workers)
    held = DataLoader(Digits(slice(640, 800), evaluation), batch_size=80, num_workers=workers)
    with trainwright.watch(every=4, quiet=True) as doctor:
        for _ in range(2):
            for images, classes in given:
                optimizer.zero_grad()
                functional.cross_entropy(model(images), classes).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                for images, classes in held:
                    functional.cross_entropy(model(images), classes)
    return doctor


def found(doctor: trainwright.Watch) -> SeededAgain | None:
    return next((m.again for m in doctor.measurements if isinstance(m, WorkerRandomness)), None)


@pytest.mark.parametrize(
    ("noise", "function"),
    [
        (alike, "numpy.random.default_rng"),
        (by_argument, "numpy.random.default_rng"),
        (alike_by_hand, "random.seed"),
        (by_sample, None),
        (by_sample_and_by_torch, None),
        (made_once, None),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_generator_seeded_for_each_sample_is_named(noise: Noise, function: str | None, workers: int) -> None:
    state = random.getstate()
    doctor = watched(noise, workers=workers)
    random.setstate(state)
    finding = next((f for f in doctor.findings if f.code == "TW804"), None)
    assert (finding is not None) == (function is not None)
    if finding is not None:
        assert f"{function} was given 7 again in 40 of 40 steps" in finding.happened
        assert ("32 times in each" in finding.happened) == (workers == 0)


def test_what_evaluation_seeds_alike_belongs_to_the_inputs() -> None:
    doctor = watched(alike, alike)
    assert "TW804" not in {finding.code for finding in doctor.findings}
    assert found(doctor) is None


def test_many_seeds_are_forgotten_again() -> None:
    again = found(watched(by_sample, by_sample))
    assert again is None or again.n_seeds > 2


def test_a_data_set_whose_length_fails_costs_no_event() -> None:
    class Named(Digits):  # as Keras's own, of inputs by name
        def __len__(self) -> int:
            raise KeyError(0)

    def batches(rows: slice) -> DataLoader[tuple[Tensor, Tensor]]:
        return DataLoader(Named(rows, None), batch_sampler=[list(range(k, k + 20)) for k in range(0, 60, 20)])

    model = nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with trainwright.watch(quiet=True) as doctor:
        for images, classes in batches(slice(0, 60)):
            optimizer.zero_grad()
            functional.cross_entropy(model(images), classes).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        for images, _ in batches(slice(60, 120)):
            with torch.no_grad():
                model(images)
    assert doctor.fault == ""


def test_functions_that_are_listened_to_can_be_pickled() -> None:
    functions = (
        np.random.default_rng,
        np.random.seed,
        random.seed,
        torch.manual_seed,
        functional.cross_entropy,
        torch.save,
    )
    with trainwright.watch(quiet=True):
        listened = (
            np.random.default_rng,
            np.random.seed,
            random.seed,
            torch.manual_seed,
            functional.cross_entropy,
            torch.save,
        )
        written = [pickle.dumps(function) for function in listened]
        assert all(pickle.loads(each) is function for each, function in zip(written, listened, strict=True))
    assert [pickle.loads(each) for each in written] == list(functions)
