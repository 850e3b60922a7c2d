"""Spaces, quasi-random points, importances and learning-rate sweeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from trainwright.workbench.experiment import Experiment
from trainwright.workbench.search import (
    Choice,
    Linear,
    Logarithmic,
    Space,
    Sweep,
    combine_sweeps,
    importance_of,
    sobol_points,
    sweep_rates,
)
from trainwright.workbench.search.rates import suggest_rate

RATE = Logarithmic("optimizer.learning_rate", 1e-4, 1e-2)
BATCH = Choice("training.batch_size", (16, 32, 64), least=8, most=128)
DROPOUT = Linear("model.dropout", 0.0, 0.5, least=0.0, most=0.8)


@given(st.floats(0, 1, exclude_max=True))
def test_values_stay_in_range_and_map_back(unit: float) -> None:
    for dimension in (RATE, DROPOUT):
        value = dimension.value(unit)
        assert dimension.low <= value <= dimension.high
        assert dimension.unit(value) == pytest.approx(unit, abs=1e-3)
    assert BATCH.value(BATCH.unit(BATCH.value(unit))) == BATCH.value(unit)


def test_logarithmic_middle_is_the_geometric_mean() -> None:
    assert RATE.value(0.5) == pytest.approx(1e-3)


def test_edges_are_found_where_a_range_can_go_on() -> None:
    space = Space((RATE, BATCH, DROPOUT))
    assert space.edges({"optimizer.learning_rate": 9e-3, "training.batch_size": 64, "model.dropout": 0.01}) == [
        (0, "high"),
        (1, "high"),
    ]
    assert space.edges({"optimizer.learning_rate": 1e-3, "training.batch_size": 32, "model.dropout": 0.2}) == []


def test_extension_adjoins_the_range_and_respects_limits() -> None:
    wider = Space((RATE, BATCH, DROPOUT)).extended(0, "high")
    assert wider is not None
    assert wider.dimensions[0].value(0.0) == pytest.approx(1e-2)
    assert wider.dimensions[0].value(1.0) == pytest.approx(1e-1)
    assert Space((DROPOUT,)).extended(0, "low") is None
    further = BATCH.beyond("high")
    assert isinstance(further, Choice)
    assert further.values == (128,)
    assert further.beyond("high") is None


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (-1.0, 1.0)])
def test_an_impossible_range_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="empty or leaves its limits"):
        Logarithmic("optimizer.learning_rate", low, high)


@settings(max_examples=20)
@given(st.integers(1, 64), st.integers(1, 6), st.integers(0, 5))
def test_sobol_points_are_seeded_and_fill_every_dimension(n: int, dimensions: int, seed: int) -> None:
    points = sobol_points(n, dimensions, seed)
    assert points.shape == (n, dimensions)
    assert ((points >= 0) & (points < 1)).all()
    assert np.array_equal(points, sobol_points(n, dimensions, seed))


def test_sobol_points_are_even() -> None:
    points = sobol_points(16, 3, seed=1)
    for column in points.T:
        assert sorted((column * 16).astype(int)) == list(range(16))


def test_importance_names_what_the_result_depends_on() -> None:
    units = sobol_points(24, 3, seed=0)
    results = 10 ** (3 * units[:, 1])
    found = importance_of(("a", "b", "c"), units, results, seed=0)
    assert found[0].setting == "b"
    assert found[0].share > 0.8
    assert found[0].correlation == pytest.approx(1.0)


def test_importance_says_nothing_about_few_or_equal_results() -> None:
    units = sobol_points(24, 2, seed=0)
    assert importance_of(("a", "b"), units[:4], np.arange(4.0), seed=0) == []
    assert importance_of(("a", "b"), units, np.ones(24), seed=0) == []


def test_suggestion_is_a_tenth_of_the_rate_at_the_minimum() -> None:
    rates = [10.0**power for power in np.linspace(-6, 1, 71)]
    losses = [2.0 if rate < 1e-3 else 2.0 - math.log10(rate / 1e-3) if rate <= 0.1 else 5.0 for rate in rates]
    assert suggest_rate(rates, losses) == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("losses", [[], [1.0] * 40, [1.0 + 0.01 * i for i in range(40)]])
def test_a_sweep_without_learning_suggests_nothing(losses: list[float]) -> None:
    assert suggest_rate([10.0 ** (-6 + i / 10) for i in range(len(losses))], losses) is None


def _sweep(suggestion: float | None) -> Sweep:
    return Sweep(0, (1.0,), (1.0,), diverged=True, suggestion=suggestion)


def test_agreeing_sweeps_give_their_median() -> None:
    finding = combine_sweeps([_sweep(1e-3), _sweep(2e-3), _sweep(4e-3)])
    assert finding.rate == pytest.approx(2e-3)
    assert finding.spread == pytest.approx(4.0)


def test_disagreeing_sweeps_are_refused() -> None:
    finding = combine_sweeps([_sweep(1e-5), _sweep(1e-3), _sweep(1e-3)])
    assert finding.rate is None
    assert "disagree by a factor of 100" in finding.reason


def test_sweeps_that_learn_nothing_are_refused() -> None:
    finding = combine_sweeps([_sweep(None), _sweep(None), _sweep(1e-3)])
    assert finding.rate is None
    assert "did not fall" in finding.reason


def test_sweep_on_digits_finds_a_usable_rate_again_and_again() -> None:
    torch.set_num_threads(1)
    inputs, targets = load_digits(return_X_y=True)
    config = {"model.name": "mlp", "model.width": 16, "optimizer.learning_rate": 1e-6}
    experiment = Experiment(data=(inputs[:400].astype(np.float32), targets[:400]), config=config)
    sweeps = [sweep_rates(experiment, seed) for seed in range(3)]
    assert sweeps[0] == sweep_rates(experiment, 0)
    finding = combine_sweeps(sweeps)
    assert finding.rate is not None
    assert 3e-4 < finding.rate < 0.1
    assert finding.spread < 10
