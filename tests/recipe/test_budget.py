"""The plan is honest about time and keeps the budget."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainwright.core.errors import UsageError
from trainwright.recipe import budget
from trainwright.recipe.budget import (
    SMALLEST_EFFORT,
    format_duration,
    measure_epoch,
    parse_duration,
    predict_total,
    shrink,
)
from trainwright.recipe.context import RunPlan
from trainwright.recipe.stages import STAGES
from trainwright.workbench.loading import load_experiment

PLAN = RunPlan(
    epochs_full=20,
    epochs_short=7,
    seeds=3,
    short_trials=16,
    long_trials=4,
    ensemble=5,
    rate_sweeps=3,
    seconds_per_training=4.0,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("45s", 45), ("5m", 300), ("1h30m", 5400), ("1.5m", 90), ("1H", 3600)]
)
def test_durations_people_write_are_understood(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0", "5 parsecs", "m"])
def test_a_wrong_duration_says_what_is_expected(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration") as caught:
        parse_duration(text)
    assert "5m" in caught.value.todo


@given(st.integers(min_value=1, max_value=10**6))
def test_a_duration_is_shown_as_it_can_be_typed(seconds: int) -> None:
    shown = parse_duration(format_duration(seconds).replace(" ", ""))
    assert abs(shown - seconds) <= (0.5 if seconds < 3600 else 60)


@given(st.floats(min_value=SMALLEST_EFFORT, max_value=1.0))
def test_shrinking_never_touches_what_separates_gain_from_noise(effort: float) -> None:
    small = shrink(PLAN, effort)
    assert small.seeds == PLAN.seeds
    assert small.short_trials == PLAN.short_trials
    assert small.epochs_full <= PLAN.epochs_full
    assert small.epochs_short <= small.epochs_full
    assert small.seconds_per_training <= PLAN.seconds_per_training


def test_a_shrunk_plan_says_so() -> None:
    assert "10 epochs instead of 20" in shrink(PLAN, 0.5).notes[0]


def test_a_plan_survives_json() -> None:
    assert RunPlan.from_dict(json.loads(json.dumps(shrink(PLAN, 0.4).to_dict()))) == shrink(PLAN, 0.4)


def test_workers_make_the_prediction_shorter_but_not_by_as_many_times() -> None:
    experiment = load_experiment("digits", {})
    alone, two = (predict_total(replace(PLAN, workers=n), experiment, STAGES) for n in (1, 2))
    assert alone / 2 < two < alone


@pytest.mark.parametrize(
    ("workers", "with_one", "with_two", "chosen"),
    [(1, 1.0, 0.9, 1), (1, 1.0, 0.7, 2), (2, 1.0, 0.7, 1), (2, 1.0, 0.5, 2)],
)
def test_more_threads_must_be_worth_more_than_trainings_side_by_side(
    monkeypatch: pytest.MonkeyPatch, workers: int, with_one: float, with_two: float, chosen: int
) -> None:
    threads = [2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(budget, "_second_epoch", lambda _: with_one if threads[-1] == 1 else with_two)
    expected = (chosen, {1: with_one, 2: with_two}[chosen])
    assert measure_epoch(load_experiment("digits", {}), workers) == expected
    assert threads[-1] == 2  # left as it was
