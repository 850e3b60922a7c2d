"""Weights as initialisers leave them are told from weights that were trained."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright.doctor.fresh import fresh_and_frozen, is_fresh


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))


def trained(model: nn.Sequential, steps: int = 100) -> nn.Sequential:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    inputs = torch.randn(256, 20)
    targets = inputs[:, :4].argmax(1)
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model


def frozen(model: nn.Sequential, layers: int = 3) -> dict[str, nn.Parameter]:
    model[:layers].requires_grad_(False)
    return dict(model.named_parameters())


INITIALISERS: list[Callable[[Tensor], Tensor]] = [
    nn.init.kaiming_uniform_,
    nn.init.xavier_uniform_,
    nn.init.kaiming_normal_,
    nn.init.xavier_normal_,
    lambda w: nn.init.normal_(w, std=0.02),
]


@pytest.mark.parametrize("initialise", INITIALISERS)
def test_what_initialisers_draw_is_known(initialise: Callable[[Tensor], Tensor]) -> None:
    linear, convolution = torch.empty(96, 64), torch.empty(64, 16, 3, 3)
    assert all(is_fresh(initialise(weight)) for weight in (linear, convolution))
    assert not is_fresh(2 * linear)


@pytest.mark.parametrize("layer", [nn.Linear(64, 80), nn.Conv1d(16, 24, 5), nn.Embedding(300, 24)])
def test_layers_as_they_are_made_are_fresh(layer: nn.Module) -> None:
    assert is_fresh(layer.get_parameter("weight"))


def test_trained_weights_are_not_fresh() -> None:
    assert not any(is_fresh(p) for p in trained(net()).parameters() if p.dim() > 1)


def test_frozen_weights_are_named_unless_trained_adapted_or_following() -> None:
    assert fresh_and_frozen(frozen(net())) == ("0.weight", "2.weight")
    assert fresh_and_frozen(frozen(trained(net()))) == ()
    assert fresh_and_frozen(frozen(net(), 5)) == (), "nothing is trained"

    copied = nn.ModuleDict({"target": net().requires_grad_(False), "online": net()})
    copied["online"] = copy.deepcopy(copied["target"]).requires_grad_(True)
    assert fresh_and_frozen(dict(copied.named_parameters())) == (), "a target follows the network that learns"

    adapted = nn.ModuleDict({"layer": nn.Linear(64, 64).requires_grad_(False)})
    adapted["down"], adapted["up"] = nn.Linear(64, 4, bias=False), nn.Linear(4, 64, bias=False)
    assert fresh_and_frozen(dict(nn.ModuleDict({"block": adapted}).named_parameters())) == (), "a low-rank adapter"
