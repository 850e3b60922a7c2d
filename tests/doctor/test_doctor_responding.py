"""Whether a loss responds to the samples of either target value."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from trainwright.core import CannotEvaluate
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials import loss_response

Loss = Callable[[Tensor, Tensor], Tensor]


def set_up(loss: Loss, targets: Tensor, outputs: int = 1, end: nn.Module | None = None) -> Setup:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, outputs), end or nn.Identity())
    optimizer = torch.optim.Adam(model.parameters())
    return Setup(model, loss, optimizer, torch.randn(len(targets), 4), targets, "regression", outputs)


YES = (torch.arange(24) % 3 == 0).float()[:, None]


def hinge(outputs: Tensor, targets: Tensor) -> Tensor:
    return (1 - targets * outputs).relu().mean()


def half_likelihood(outputs: Tensor, targets: Tensor) -> Tensor:
    return -(targets * outputs.log()).mean()


def likelihood(outputs: Tensor, targets: Tensor) -> Tensor:
    return half_likelihood(outputs, targets) + half_likelihood(1 - outputs, 1 - targets)


def focal(outputs: Tensor, targets: Tensor) -> Tensor:
    right = torch.where(targets > 0, outputs.sigmoid(), (-outputs).sigmoid())
    return -((1 - right) ** 2 * right.log()).mean()


@pytest.mark.parametrize(
    ("loss", "targets", "end", "passed_over"),
    [
        (hinge, YES, None, 0.0),
        (hinge, 2 * YES - 1, None, math.nan),
        (half_likelihood, YES, nn.Sigmoid(), 0.0),
        (likelihood, YES, nn.Sigmoid(), math.nan),
        (focal, YES, None, math.nan),
    ],
)
def test_a_value_that_the_loss_passes_over(loss: Loss, targets: Tensor, end: nn.Module, passed_over: float) -> None:
    response = loss_response(set_up(loss, targets, end=end))
    assert response.passed_over == pytest.approx(passed_over, nan_ok=True)
    assert response.n_samples == (0 if math.isnan(passed_over) else 16)


def test_values_that_may_be_meant_to_be_left_out_are_not_judged() -> None:
    unlabelled = YES.clone()
    unlabelled[:5] = -1
    for targets, outputs in ((unlabelled, 1), (torch.rand(24, 1), 1), (YES.expand(24, 3), 3)):
        with pytest.raises(CannotEvaluate):
            loss_response(set_up(hinge, targets, outputs))
