"""The best constant prediction: a yardstick only where there is one."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import trainwright
from trainwright.measures.curves import LearningCurve

INPUTS = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))


def baselines(loss: nn.Module, targets: Tensor, n_outputs: int) -> tuple[float | None, float | None]:
    torch.manual_seed(0)
    model = nn.Linear(6, n_outputs)
    optimizer = torch.optim.Adam(model.parameters())
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(4):
            optimizer.zero_grad()
            loss(model(INPUTS), targets).backward()
            optimizer.step()
    curve = doctor.measurements.of(LearningCurve)[0]
    return curve.baseline_train_loss, curve.baseline_train_metric


def test_targets_that_differ_give_one() -> None:
    loss, accuracy = baselines(nn.CrossEntropyLoss(), torch.arange(96) % 3, 3)
    assert loss == pytest.approx(1.0986, abs=1e-3)
    assert accuracy == pytest.approx(100 / 3)
    values = INPUTS.sum(1, keepdim=True)
    assert baselines(nn.MSELoss(), values, 1)[0] == pytest.approx(float(values.var(correction=0)), rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "constant"),
    [
        (nn.L1Loss(), lambda counts: counts.median()),
        (nn.HuberLoss(delta=0.5), None),
        (nn.SmoothL1Loss(beta=2.0), None),
        (nn.PoissonNLLLoss(), lambda counts: counts.mean().log()),
        (nn.PoissonNLLLoss(log_input=False, full=True), lambda counts: counts.mean()),
    ],
    ids=["l1", "huber", "smooth l1", "poisson of logarithms", "poisson"],
)
def test_losses_without_a_formula_have_the_constant_of_a_search(
    loss: nn.Module, constant: Callable[[Tensor], Tensor] | None
) -> None:
    counts = torch.poisson((INPUTS.sum(1, keepdim=True) / 3).exp(), generator=torch.Generator().manual_seed(0))
    found, accuracy = baselines(loss, counts, 1)
    tried = [float(loss(torch.full_like(counts, value), counts)) for value in torch.linspace(0.01, 8, 3000).tolist()]
    best = min(tried) if constant is None else float(loss(constant(counts).expand_as(counts), counts))
    assert found == pytest.approx(best, rel=0.01)
    assert accuracy is None


@pytest.mark.parametrize(
    ("loss", "targets", "n_outputs"),
    [
        (nn.CrossEntropyLoss(), torch.zeros(96, dtype=torch.int64), 8),  # the positive stands first, as in MoCo
        (nn.BCEWithLogitsLoss(), torch.ones(96, 1), 1),  # a generator that wants to be taken for real
        (nn.MSELoss(), torch.full((96, 1), 2.5), 1),
    ],
    ids=["cross entropy", "bce", "mse"],
)
def test_targets_that_are_all_alike_give_none(loss: nn.Module, targets: Tensor, n_outputs: int) -> None:
    assert baselines(loss, targets, n_outputs) == (None, None)


def test_networks_with_losses_of_their_own_need_not_beat_a_constant() -> None:
    torch.manual_seed(0)
    models = [nn.Linear(6, 3) for _ in range(2)]
    optimizers = [torch.optim.Adam(model.parameters()) for model in models]
    with trainwright.watch(every=1, quiet=True) as doctor:
        for _ in range(4):
            for model, optimizer in zip(models, optimizers, strict=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(INPUTS), torch.arange(96) % 3).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    curves = doctor.measurements.of(LearningCurve)
    assert [curve.baseline_train_loss for curve in curves] == [None, None]


def test_targets_that_a_loss_ignores_are_no_class_of_it() -> None:
    """Padding of class 0, more frequent than any word."""
    targets = torch.tensor([0] * 56 + [1] * 10 + [2] * 30)
    loss, accuracy = baselines(nn.CrossEntropyLoss(ignore_index=0), targets, 4)
    assert accuracy == 75.0
    assert loss == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)))
