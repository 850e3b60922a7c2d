"""The plan is honest about time and keeps the budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwright.core.errors import UsageError
from trainwright.recipe.budget import SMALLEST_EFFORT, format_duration, parse_duration, predict_total, shrink
from trainwright.recipe.context import RunPlan

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
    import json

    assert RunPlan.from_dict(json.loads(json.dumps(shrink(PLAN, 0.4).to_dict()))) == shrink(PLAN, 0.4)
    assert callable(predict_total)
