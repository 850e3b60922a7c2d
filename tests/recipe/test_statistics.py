"""Intervals: known values, properties, and coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainwright.recipe.statistics import (
    bootstrap_rmse_interval,
    crossed_interval,
    geometric_median,
    paired_interval,
    pooled_variance,
    seed_noise,
    spread_factor,
    t_quantile,
    wilson_interval,
)

GAINS = st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=2, max_size=12)


def test_paired_interval_agrees_with_the_textbook() -> None:
    interval = paired_interval([1.0, 2.0, 3.0])
    assert interval.estimate == pytest.approx(2.0)
    assert interval.high == pytest.approx(2.0 + 4.302653 / math.sqrt(3), rel=1e-5)


def test_one_gain_says_nothing() -> None:
    interval = paired_interval([5.0])
    assert (interval.estimate, interval.low, interval.high) == (5.0, -math.inf, math.inf)
    assert not interval.above_zero
    assert not interval.below_zero


@pytest.mark.parametrize("gains", [[], [math.nan, 1.0], [math.inf, 1.0]])
def test_gains_that_are_not_finite_give_no_estimate(gains: list[float]) -> None:
    interval = paired_interval(gains)
    assert math.isnan(interval.estimate)
    assert not interval.above_zero


@given(GAINS)
def test_paired_interval_holds_its_estimate_and_mirrors(gains: list[float]) -> None:
    interval = paired_interval(gains)
    mirrored = paired_interval([-gain for gain in gains])
    assert interval.low <= interval.estimate <= interval.high
    assert mirrored.low == pytest.approx(-interval.high, abs=1e-9)
    assert interval.above_zero == mirrored.below_zero


@given(GAINS, st.floats(0.5, 0.9), st.floats(0.91, 0.999))
def test_more_confidence_is_wider(gains: list[float], less: float, more: float) -> None:
    assert paired_interval(gains, less).half_width <= paired_interval(gains, more).half_width


@given(arrays(np.float64, (3, 20), elements=st.floats(-100, 100)))
def test_crossed_interval_does_not_depend_on_order(gains: np.ndarray) -> None:
    interval = crossed_interval(gains)
    shuffled = crossed_interval(gains[::-1, ::-1])
    assert interval.low == pytest.approx(shuffled.low, abs=1e-6)
    assert interval.low <= interval.estimate <= interval.high


def test_crossed_interval_with_one_seed_needs_to_be_told_the_seed_noise() -> None:
    gains = np.random.default_rng(0).normal(1.0, 0.1, (1, 200))
    assert crossed_interval(gains).low == -math.inf
    assert crossed_interval(gains, seed_variance=(0.0001, 6)).above_zero


def test_crossed_interval_is_not_fooled_by_lucky_samples() -> None:
    """Seeds agree because they are scored on the same samples; on other samples the gain would be gone."""
    generator = np.random.default_rng(0)
    fooled = {"crossed": 0, "seeds alone": 0}
    for _ in range(100):
        gains = generator.normal(0, 1, (1, 50)) + generator.normal(0, 0.1, (3, 50))
        for name, interval in (("crossed", crossed_interval(gains)), ("seeds alone", paired_interval(gains.mean(1)))):
            fooled[name] += interval.above_zero or interval.below_zero
    assert fooled["crossed"] < 12 < 40 < fooled["seeds alone"]


def test_pooled_seed_noise_gives_few_seeds_power() -> None:
    generator = np.random.default_rng(0)
    alone = together = 0
    for _ in range(50):
        gains = 0.03 + generator.normal(0, 0.01, (3, 1)) + generator.normal(0, 0.1, (3, 360))
        alone += crossed_interval(gains).above_zero
        together += crossed_interval(gains, seed_variance=(0.01**2 + 0.1**2 / 360, 12)).above_zero
    assert together > 1.3 * alone


def test_seeds_that_disagree_more_than_the_others_keep_their_own_noise() -> None:
    assert seed_noise([1.0, 1.1, 0.9], (0.01, 10)) == (0.01, 10)
    assert seed_noise([1.0, 5.0, -3.0], (0.01, 10)) is None
    assert seed_noise([1.0, 5.0, -3.0], None) is None


@pytest.mark.parametrize(("seed_noise", "sample_noise"), [(0.0, 1.0), (0.05, 1.0), (0.3, 1.0), (1.0, 0.2)])
def test_crossed_interval_covers_the_truth(seed_noise: float, sample_noise: float) -> None:
    """False alarms stay near one in twenty, whichever noise is larger."""
    generator = np.random.default_rng(1)
    repeats, seeds, samples = 400, 3, 100
    missed = 0
    for _ in range(repeats):
        gains = (
            generator.normal(0, seed_noise, (seeds, 1))
            + generator.normal(0, sample_noise, (1, samples))
            + generator.normal(0, sample_noise, (seeds, samples))
        )
        interval = crossed_interval(gains)
        missed += interval.above_zero or interval.below_zero
    assert missed / repeats < 0.09


def test_crossed_interval_refuses_a_wrong_shape() -> None:
    with pytest.raises(ValueError, match="expected \\[seeds, samples\\]"):
        crossed_interval(np.zeros(3))


@given(st.integers(1, 2000), st.data())
def test_wilson_holds_the_share_and_stays_in_range(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    interval = wilson_interval(successes, trials)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_wilson_agrees_with_a_published_value() -> None:
    interval = wilson_interval(81, 263)  # Newcombe 1998, table I
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="impossible"):
        wilson_interval(successes, trials)


@settings(max_examples=25)
@given(arrays(np.float64, st.integers(2, 60), elements=st.floats(-50, 50)))
def test_bootstrap_holds_the_rmse(errors: np.ndarray) -> None:
    interval = bootstrap_rmse_interval(errors, resamples=200)
    assert interval.estimate == pytest.approx(math.sqrt(float((errors**2).mean())))
    assert 0 <= interval.low <= interval.estimate <= interval.high
    assert interval == bootstrap_rmse_interval(errors, resamples=200)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=9))
def test_spread_and_median_of_positive_values(values: list[float]) -> None:
    assert spread_factor(values) >= 1
    assert min(values) * 0.999 <= geometric_median(values) <= max(values) * 1.001


def test_spread_without_positive_values_is_infinite() -> None:
    assert spread_factor([]) == spread_factor([1.0, 0.0]) == math.inf


def test_pooled_variance_weighs_by_freedom() -> None:
    variance, freedom = pooled_variance([[0.0, 2.0], [1.0, 1.0, 1.0], [math.nan, 1.0], [4.0]])
    assert variance == pytest.approx(2.0 / 3)
    assert freedom == 3
    with pytest.raises(ValueError, match="two or more"):
        pooled_variance([[1.0]])


def test_t_quantile_without_freedom_is_infinite() -> None:
    assert t_quantile(0.95, 0) == math.inf
    assert t_quantile(0.95, 1e6) == pytest.approx(1.96, abs=0.001)
