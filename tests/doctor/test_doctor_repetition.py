"""The same steps twice: what no seed governs shows, what a seed or a state governs does not."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

import trainwright
from trainwright.core import CannotEvaluate, Severity
from trainwright.doctor.arrange import make_setup
from trainwright.doctor.restore import restored
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials import repeat_steps
from trainwright.measures.reproducibility import Repetition

torch.set_num_threads(1)

_DIGITS = load_digits()
BATCH = (torch.tensor(_DIGITS.data[:128] / 16, dtype=torch.float32), torch.tensor(_DIGITS.target[:128]))
GENERATOR = np.random.default_rng(0)
Noise = Callable[[], float]


class Noisy(nn.Module):
    """A small network whose logits are scaled by 1 + ``noise()`` / 10."""

    shared = random.Random(0)

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        self.noise = noise

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.net(x) * (1 + self.noise() / 10)
        return outputs


class WithGenerator(Noisy):
    """Keeps a seeded generator of its own in an attribute."""

    def __init__(self, generator: Any, draw: Callable[[Any], float]) -> None:
        super().__init__(lambda: draw(self.generator))
        self.generator = generator


class Augmentation:
    """An object of the user's own that is no module."""

    def __init__(self) -> None:
        self.rng = np.random.RandomState(0)

    def __call__(self) -> float:
        return float(self.rng.rand())


def _closure() -> Noise:
    rng = random.Random(0)
    return lambda: 2 * rng.random()


def _counter() -> Noise:
    count = 0

    def noise() -> float:
        nonlocal count
        count += 1
        return count / 10

    return noise


def _iterator() -> Noise:
    numbers = itertools.cycle([0.1, 0.7, 0.2, 0.9, 0.4])
    return lambda: next(numbers)


def arrange(model: nn.Module, loss: Any = functional.cross_entropy) -> Setup:
    return make_setup(model=model, loss=loss, batch=BATCH, optimizer=torch.optim.SGD(model.parameters(), 0.1))


def repeat(model: nn.Module, loss: Any = functional.cross_entropy) -> Repetition:
    return repeat_steps(arrange(model, loss))


def _torch_draw(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noisy(lambda: float(torch.rand(()))),
        lambda: Noisy(lambda: float(np.random.rand())),  # noqa: NPY002
        lambda: Noisy(random.random),
        lambda: WithGenerator(np.random.default_rng(0), lambda rng: float(rng.random())),
        lambda: WithGenerator(torch.Generator().manual_seed(0), _torch_draw),
        lambda: WithGenerator(random.Random(0), random.Random.random),
        lambda: Noisy(np.random.default_rng(0).random),
        lambda: Noisy(random.Random(0).random),
        lambda: Noisy(Augmentation()),
        lambda: Noisy(_closure()),
        lambda: Noisy(lambda: float(GENERATOR.random())),
        lambda: Noisy(lambda: 2 * Noisy.shared.random()),
    ],
    ids=[
        "torch",
        "numpy",
        "python",
        "own numpy",
        "own torch",
        "own python",
        "method",
        "python method",
        "object",
        "closure",
        "global",
        "class",
    ],
)
def test_what_a_seed_governs_comes_out_equal_and_is_put_back(make: Callable[[], nn.Module]) -> None:
    setup = arrange(make())
    before = GENERATOR.bit_generator.state
    first = repeat_steps(setup)
    assert first.differing == ""
    assert first.first.tolist() == first.second.tolist()
    assert len(set(first.first.tolist())) == 3
    assert repeat_steps(setup).first.tolist() == first.first.tolist()
    assert GENERATOR.bit_generator.state == before


@pytest.mark.parametrize(
    "noise",
    [
        lambda: float(np.random.default_rng().random()),
        lambda: random.Random().random(),
        random.SystemRandom().random,
        lambda: os.urandom(1)[0] / 255,
        lambda: time.perf_counter() % 1,
    ],
    ids=["numpy", "python", "system", "bytes", "clock"],
)
def test_what_no_seed_governs_differs(noise: Noise) -> None:
    found = repeat(Noisy(noise))
    assert found.differing == "the output of the forward pass"
    assert found.first.tolist() != found.second.tolist()


def test_the_place_of_the_first_difference_is_named() -> None:
    def jittered(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs * (1 + random.SystemRandom().random()), targets)

    class Jittered(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(_: Any, *gradients: Tensor) -> Tensor:
            return gradients[0] * (1 + random.SystemRandom().random())

    def jittered_gradient(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(Jittered.apply(outputs), targets)  # type: ignore[no-untyped-call]

    assert repeat(nn.Linear(64, 10), jittered).differing == "the loss of the first batch"
    assert repeat(nn.Linear(64, 10), jittered_gradient).differing == "the weights after the steps"


@pytest.mark.parametrize("make", [_counter, _iterator])
def test_a_state_that_cannot_be_put_back_is_no_lack_of_a_seed(make: Callable[[], Noise]) -> None:
    with pytest.raises(CannotEvaluate, match="cannot be put back"):
        repeat(Noisy(make()))


def test_a_log_that_grows_does_not_matter_where_the_numbers_agree() -> None:
    seen = []

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        value = functional.cross_entropy(outputs, targets)
        seen.append(float(value.detach()))
        return value

    assert repeat(nn.Linear(64, 10), loss).differing == ""


def test_generators_in_attributes_are_restored() -> None:
    model = WithGenerator(np.random.default_rng(3), lambda rng: float(rng.random()))
    expected = np.random.default_rng(3).random()
    with restored(model):
        model(BATCH[0])
    assert model.generator.random() == expected


def test_pre_flight_names_randomness_without_a_seed() -> None:
    torch.manual_seed(0)
    model = Noisy(lambda: float(np.random.default_rng().random()))
    found = trainwright.check(model, functional.cross_entropy, BATCH, torch.optim.Adam(model.parameters(), 5e-3))
    (finding,) = [f for f in found.verdict.at_least(Severity.WARNING) if f.code == "TW808"]
    assert "output of the forward pass" in finding.happened
    torch.manual_seed(0)
    seeded = WithGenerator(np.random.default_rng(0), lambda rng: float(rng.random()))
    found = trainwright.check(seeded, functional.cross_entropy, BATCH, torch.optim.Adam(seeded.parameters(), 5e-3))
    assert "TW808" in found.verdict.passed
