"""A number that stands for "not known" is told from what tables hold by nature."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from trainwright.checks.data.unscaled_feature import FARTHEST
from trainwright.doctor.observers.sentinels import FEWEST_COPIES, Sentinels

N = 600


def table(number: float, share: float = 0.02) -> Tensor:
    torch.manual_seed(0)
    rows = torch.stack([torch.rand(N) * 90, torch.randn(N).exp() * 40], 1)
    rows[torch.rand(N) < share, 0] = number
    return rows


def farthest(rows: Tensor, epochs: int = 1) -> tuple[int, float, int, float]:
    sentinels = Sentinels()
    for _ in range(epochs):
        for batch in torch.split(rows, 50):
            sentinels.trained(batch)
    return sentinels.farthest()


@pytest.mark.parametrize("number", [999_999.0, -9999.0, 1e9])
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_far_number_in_several_rows_is_found_with_its_column(number: float, epochs: int) -> None:
    rows = table(number)
    column, value, n_rows, distance = farthest(rows, epochs)
    assert (column, value, n_rows) == (0, number, int((rows[:, 0] == number).sum()))
    assert distance > FARTHEST
    assert farthest((rows - rows.mean(0)) / rows.std(0))[3] == pytest.approx(distance, rel=1e-2), "scaled with it"


HEALTHY: list[Callable[[], Tensor]] = [
    lambda: table(0.0, 0.4),
    lambda: table(-1.0, 0.1),
    lambda: torch.randn(N, 3).exp() ** 3,
    lambda: torch.randn(N, 3).clamp(-1, 1),
    lambda: (torch.rand(N, 4) < 0.01).float() * 50,
    lambda: torch.poisson(torch.full((N, 3), 0.2)),
    lambda: torch.rand(N, 3).sub(0.2).clamp_min(0).add(1e-4).log(),
]


@pytest.mark.parametrize("make", HEALTHY)
def test_zeros_long_tails_cut_off_values_and_indicators_are_none(make: Callable[[], Tensor]) -> None:
    torch.manual_seed(0)
    assert farthest(make())[3] < FARTHEST


def test_one_outlier_met_in_every_epoch_is_none() -> None:
    rows = table(0.0, 0.0)
    rows[7, 0] = 1e6
    assert farthest(rows, epochs=FEWEST_COPIES + 1)[3] < FARTHEST
