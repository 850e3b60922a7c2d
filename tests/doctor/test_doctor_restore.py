"""Trials leave no trace: weights, buffers, gradients, optimizer, modes, random states and the batch."""

import contextlib
import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from trainwright.doctor.restore import restored
from trainwright.doctor.trials import TRIALS
from trainwright.measures.batches import InputLayout
from trainwright.measures.gradients import LossResponse
from trainwright.measures.labels import ClassNumbers


def fingerprint(setup: Any) -> Any:
    model, optimizer = setup.model, setup.optimizer
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    return {
        "weights": {k: v.clone() for k, v in model.state_dict().items()},
        "gradients": gradients,
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "modes": [m.training for m in model.modules()],
        "hooks": [len(m._forward_hooks) for m in model.modules()],
        "optimizer": copy.deepcopy(optimizer.state_dict()),
        "params": [[id(p) for p in group["params"]] for group in optimizer.param_groups],
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 - the state that trials may touch
        "torch": torch.get_rng_state(),
        "batch": (setup.inputs.clone(), setup.targets.clone()),
    }


def same(a: Any, b: Any) -> Any:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def assert_same(before: Any, after: Any) -> None:
    for part, value in before.items():
        assert same(value, after[part]), f"{part} was changed"


def layers() -> Any:
    return (
        lambda: nn.ReLU(inplace=True),  # writes to the batch itself
        lambda: nn.Linear(64, 32),
        lambda: nn.BatchNorm1d(32),
        nn.ReLU,
        lambda: nn.Dropout(0.5),
        lambda: nn.Linear(32, 10),
    )


@pytest.fixture
def used_setup(digits: Any) -> Any:
    return in_training(digits)


def in_training(digits: Any) -> Any:
    """A setup in the middle of its training, with modules in different modes."""
    setup = digits(*layers(), optimizer=torch.optim.AdamW, weight_decay=0.1)
    for number in range(3):
        setup.step(setup.batch(number)[0].clone(), setup.batch(number)[1])
    setup.model[2].eval()
    setup.model[1].weight.requires_grad_(False)
    return setup


def suited(kind: Any, setup: Any) -> Any:
    """The setup as this trial can judge it: one of them is for targets of two values, one for pictures in colour, one
    for losses of distances."""
    if kind is ClassNumbers:
        setup.model = nn.Sequential(setup.model, nn.Linear(10, 1), nn.Flatten(0))
        setup.loss = lambda outputs, targets: nn.functional.mse_loss(outputs, targets.float())
        setup.task, setup.n_outputs, setup.loss_name = "regression", 1, "python"
    if kind is LossResponse:
        setup.model = nn.Sequential(setup.model, nn.Linear(10, 1))
        setup.targets, setup.loss = (setup.targets % 2).float()[:, None], nn.BCEWithLogitsLoss()
        setup.task, setup.n_outputs, setup.loss_name = "regression", 1, "python"
    if kind is InputLayout:
        setup.model = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Flatten(), setup.model)
        setup.inputs = setup.inputs.reshape(-1, 1, 8, 8) * torch.tensor([1.0, 0.5, 0.2])[:, None, None]
    return setup


@pytest.mark.parametrize("kind", TRIALS, ids=lambda kind: kind.__name__)
def test_every_trial_restores_everything(kind: Any, used_setup: Any) -> None:
    used_setup = suited(kind, used_setup)
    before = fingerprint(used_setup)
    TRIALS[kind](used_setup)
    assert_same(before, fingerprint(used_setup))


@pytest.mark.parametrize("kind", TRIALS, ids=lambda kind: kind.__name__)
def test_every_trial_restores_everything_when_it_fails(kind: Any, used_setup: Any) -> None:
    calls = 0
    used_setup = suited(kind, used_setup)
    right = used_setup.loss

    def breaking(outputs: Any, targets: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise RuntimeError("the loss broke down")
        return right(outputs, targets)

    used_setup.loss = breaking
    before = fingerprint(used_setup)
    with contextlib.suppress(RuntimeError):  # trials without three losses do not fail
        TRIALS[kind](used_setup)
    assert_same(before, fingerprint(used_setup))


def test_a_trial_gives_the_same_numbers_twice(digits: Any) -> None:
    for kind, trial in TRIALS.items():
        setup = suited(kind, in_training(digits))
        first, second = trial(setup), trial(setup)
        assert {k: v for k, v in vars(first).items() if k != "seconds"}.keys()
        assert repr(first).partition("seconds=")[0] == repr(second).partition("seconds=")[0]


def test_groups_stay_the_same_objects_for_schedulers(digits: Any) -> None:
    setup = digits.mlp(optimizer=torch.optim.SGD, momentum=0.9)
    group = setup.optimizer.param_groups[0]
    with restored(setup.model, setup.optimizer):
        group["lr"] = 7.0
        setup.optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(3))]})
    assert setup.optimizer.param_groups == [group]
    assert group["lr"] == 3e-3


def test_a_buffer_that_the_forward_pass_replaces_comes_back() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count: torch.Tensor
            self.register_buffer("count", torch.zeros(1))

        def forward(self, x: Any) -> Any:
            self.count = self.count + 1
            return x

    model = Counting()
    kept = model.count
    with restored(model):
        model(torch.zeros(2))
    assert model.count is kept
    assert model.count.item() == 0


def test_gradients_of_views_and_tied_weights_stay_tied(digits: Any) -> None:
    setup = digits(lambda: nn.Linear(64, 64), lambda: nn.Linear(64, 64), lambda: nn.Linear(64, 10))
    setup.model[1].weight = setup.model[0].weight
    setup.optimizer = torch.optim.Adam(setup.model.parameters())
    with restored(setup.model, setup.optimizer):
        setup.step(setup.inputs, setup.targets)
    assert setup.model[1].weight is setup.model[0].weight
    assert all(p.grad is None for p in setup.model.parameters())
