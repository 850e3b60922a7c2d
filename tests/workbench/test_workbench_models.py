from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from trainwright.core import DataError, ModelError
from trainwright.data.dataset import Kind
from trainwright.workbench.averaging import MovingAverage, recompute_batch_norm, uniform_average
from trainwright.workbench.ensembles import mean_outputs
from trainwright.workbench.evaluate import predict, probabilities, score
from trainwright.workbench.models import BUILT_IN, choose


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 20), (2, 1, 5), (20, 3), (1, 2)])
@pytest.mark.parametrize("width", [1, 6])
@pytest.mark.parametrize("depth", [0, 1, 5])
@pytest.mark.parametrize("name", ["cnn", "mlp", "linear"])
def test_built_in_models_fit_every_shape(name: str, shape: tuple[int, ...], width: int, depth: int) -> None:
    model = BUILT_IN[name](sample_shape=shape, n_outputs=7, width=width, depth=depth, dropout=0.2)
    inputs = torch.randn(3, *shape)
    assert model(inputs).shape == (3, 7)
    model(inputs).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_capacity_grows_with_width_and_depth() -> None:
    def size(name: str, **sizes: int) -> int:
        model = BUILT_IN[name](sample_shape=(1, 16, 16), n_outputs=3, **sizes)
        return sum(p.numel() for p in model.parameters())

    for name in ("cnn", "mlp"):
        assert size(name, width=8) < size(name, width=16) < size(name, width=16, depth=4)


def test_large_pictures_are_averaged_not_flattened() -> None:
    model = BUILT_IN["cnn"](sample_shape=(3, 128, 128), n_outputs=10, width=8)
    assert sum(p.numel() for p in model.parameters()) < 5_000


def test_a_cnn_of_a_table_is_refused() -> None:
    with pytest.raises(ModelError, match=r"\[13\]"):
        BUILT_IN["cnn"](sample_shape=(13,), n_outputs=2)


def test_the_model_follows_the_kind_of_data() -> None:
    assert [choose(kind) for kind in (Kind.IMAGE, Kind.SEQUENCE, Kind.TABLE)] == ["cnn", "cnn", "mlp"]


def normed(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2))


def test_prediction_puts_every_mode_back() -> None:
    model = normed(0)
    model.train()
    model[1].eval()  # type: ignore[index]
    inputs = torch.randn(70, 4)
    whole, parts = predict(model, inputs), predict(model, inputs, batch_size=32)
    torch.testing.assert_close(whole, parts)
    assert [m.training for m in model.modules()] == [True, True, False, True, True, True]
    assert not whole.requires_grad


def test_uniform_average_and_batch_norm() -> None:
    models = [normed(0), normed(1)]
    average = uniform_average([m.state_dict() for m in models])
    torch.testing.assert_close(
        average["0.weight"], (models[0].state_dict()["0.weight"] + models[1].state_dict()["0.weight"]) / 2
    )
    model = normed(2)
    model.load_state_dict(average)
    model.train()
    inputs = torch.randn(64, 4)
    recompute_batch_norm(model, inputs, batch_size=64)
    with torch.no_grad():
        hidden = model[0](inputs)  # type: ignore[index]
    statistics = model.state_dict()
    torch.testing.assert_close(statistics["1.running_mean"], hidden.mean(dim=0))
    torch.testing.assert_close(statistics["1.running_var"], hidden.var(dim=0))
    assert all(m.training for m in model.modules())
    assert model[1].momentum == 0.1  # type: ignore[index]


def test_what_cannot_be_averaged_is_refused() -> None:
    one, other = nn.Linear(2, 3).state_dict(), nn.Linear(3, 3).state_dict()
    for states in ([], [one, other]):
        with pytest.raises(ModelError, match="cannot be averaged"):
            uniform_average(states)


def test_the_moving_average_follows() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = MovingAverage(model, decay=0.5)
    nn.init.ones_(model.weight)
    average.update()
    assert float(average.averaged_model().weight) == pytest.approx(1 - 2 / 11)  # type: ignore[arg-type]
    for _ in range(60):
        average.update()
    assert float(average.averaged_model().weight) == pytest.approx(1.0)  # type: ignore[arg-type]


def test_an_ensemble_averages_probabilities_or_predictions() -> None:
    members = [np.array([[4.0, 0.0]]), np.array([[0.0, 1.0]])]
    together = mean_outputs("classification", members)
    np.testing.assert_allclose(probabilities(together), np.mean([probabilities(m) for m in members], axis=0))
    assert score("classification", together, np.array([0])).metric == 100.0
    np.testing.assert_allclose(mean_outputs("regression", [np.array([[1.0]]), np.array([[3.0]])]), [[2.0]])


@pytest.mark.parametrize("members", [[], [np.zeros((2, 3)), np.zeros((1, 3))]])
def test_members_that_do_not_match_are_refused(members: Any) -> None:
    with pytest.raises(DataError):
        mean_outputs("classification", members)
