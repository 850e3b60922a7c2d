"""Learning curves of every shape: the healthy ones raise nothing, each illness is named, and units do not matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwright.checks.signal.non_finite import NonFiniteCheck
from trainwright.core import CannotEvaluate, Measurements, Severity, Verdict, discover, judge
from trainwright.doctor.diagnosis import checks_of_curves
from trainwright.measures.batches import BatchStream
from trainwright.measures.curves import BaselineComparison, BaselineScore, Curve, LearningCurve
from trainwright.measures.signal import NonFinite
from trainwright.measures.trends import lowest_level, noise, rises, slope
from trainwright.testing import curve_shapes

CHECKS = checks_of_curves(discover())
UNKNOWN: dict[str, Any] = {
    "baseline_train_loss": None,
    "optimizer": "",
    "has_schedule": None,
    "train_only": None,
    "steps_per_epoch": None,
    "is_game": None,
}


def verdict(*measured: Any) -> Verdict:
    found = judge(CHECKS, Measurements(measured))
    assert not [reason for _, reason in found.not_evaluated if "failed with" in reason]
    return found


def codes(*measured: Any) -> list[str]:
    found = verdict(*measured)
    return [f.code for f in found.findings] + [f.code for f, _ in found.masked]


@pytest.mark.parametrize("shape", curve_shapes.HEALTHY, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("bare", [False, True], ids=["known", "bare"])
def test_healthy_but_tricky_curves_raise_nothing(shape: curve_shapes.Shape, bare: bool) -> None:
    for seed in range(8):
        curve = shape(np.random.default_rng(seed))
        found = verdict(replace(curve, **UNKNOWN) if bare else curve).findings
        assert not found, f"seed {seed}: {found[0].code} {found[0].happened}"


def curve(train: Any, validation: Any = (), **others: Any) -> LearningCurve:
    epochs = np.arange(1.0, len(train) + 1)
    made = LearningCurve(
        train_loss=Curve(epochs, np.asarray(train, dtype=float)),
        validation_loss=Curve.of(epochs[: len(validation)], validation),
        baseline_train_loss=2.3,
        baseline_validation_loss=2.3,
        optimizer="adam",
        learning_rate=Curve(epochs, np.full(len(train), 1e-3)),
        train_only=(),
        is_game=False,
    )
    changes: dict[str, Any] = {k: over(v) if isinstance(v, list | np.ndarray) else v for k, v in others.items()}
    return replace(made, **changes)


def over(values: Any) -> Curve:
    return Curve.of(range(1, len(values) + 1), values)


T = np.arange(40)
FALL = 0.3 + 2 * np.exp(-T / 6)
WAVER = np.where(T % 2 == 0, 0.0, 1.0)


def steps(loss: Any, **others: Any) -> LearningCurve:
    return replace(curve(loss), x_unit="step", **others)


def spike_in_steps() -> LearningCurve:
    loss = 0.5 + 1.8 * np.exp(-np.arange(2000) / 300) + 0.1 * np.random.default_rng(0).normal(size=2000)
    loss[1200:1260] += 1.5
    return steps(loss)


ILL: dict[str, tuple[str, LearningCurve]] = {
    "not a number": ("TW502", curve([2.3, 1.0, 0.9, np.nan])),
    "infinite": ("TW502", curve([2.3, np.inf])),
    "blown up": ("TW502", curve([2.3, 1.5, 3, 20, 400, 9e3, 1e5])),
    "gave it back": ("TW502", curve([2.3, 1.5, 1.0, 0.8, 1.2, 2.2, 2.3, 2.3, 2.3, 2.3])),
    "large rate": ("TW503", curve(FALL + 0.15 * WAVER, learning_rate=np.full(40, 0.05))),
    "very restless": ("TW503", curve(FALL + 0.3 * WAVER)),
    "tiny rate": ("TW504", curve(np.linspace(2.3, 2.0, 40), learning_rate=np.full(40, 1e-5))),
    "tiny rate, no baseline": (
        "TW504",
        curve(np.linspace(2.3, 2.25, 40) + 0.02 * WAVER, learning_rate=np.full(40, 1e-6), baseline_train_loss=None),
    ),
    "flat since long": ("TW505", curve(1.2 + 1.1 * np.exp(-T / 1.5))),
    "spike": ("TW506", curve(FALL + 1.5 * (T == 20))),
    "spike in steps": ("TW506", spike_in_steps()),
    "validation swings": ("TW507", curve(FALL, FALL + 0.5 * WAVER)),
    "rate gone": ("TW508", curve(FALL, learning_rate=np.where(T < 15, 1e-3, 0.0))),
    "no lowest value": ("TW502", curve(2.3 - np.geomspace(0.1, 1e9, 40))),
    "rate never moves": ("TW508", curve(FALL, has_schedule=True)),
    "rate goes round": (
        "TW508",
        steps(np.tile(FALL, 10), steps_per_epoch=200, learning_rate=over(1 + np.sin(np.arange(400) / 4))),
    ),
    "still falling": ("TW512", curve(np.linspace(2.3, 0.5, 20), np.linspace(2.3, 0.6, 20))),
    "metric the wrong way": (
        "TW514",
        curve(FALL, FALL, validation_metric=90 - T, higher_is_better=True, unit="%", n_validation=500),
    ),
    "error the wrong way": ("TW514", curve(FALL, train_metric=5 + T, higher_is_better=False, unit="m")),
    "validation better": (
        "TW603",
        curve(
            0.9 + FALL,
            FALL,
            train_metric=50 + 0 * T,
            validation_metric=90 + 0 * T,
            unit="%",
            n_validation=200,
            higher_is_better=True,
        ),
    ),
    "logged twice": ("TW604", curve(FALL, FALL)),
    "always the same": ("TW604", curve(FALL, np.full(40, 2.34567))),
    "learnt by heart": ("TW605", curve(FALL - 0.25, 2.3 + 0.02 * T)),
    "best at first": ("TW612", curve(FALL, 1.0 + 0.01 * T)),
}


@pytest.mark.parametrize(("code", "ill"), ILL.values(), ids=ILL)
def test_each_illness_is_named(code: str, ill: LearningCurve) -> None:
    assert code in codes(ill)


def test_a_little_learnt_by_heart_is_nothing_learnt() -> None:
    code = discover()["TW501"]
    crept, chance = np.linspace(2.3, 2.05, 40), 2.3 + 0.02 * np.abs(np.sin(T))
    shown = {"validation_metric": 10 + np.sin(T), "baseline_validation_metric": 10.0, "higher_is_better": True}

    def said(made: LearningCurve) -> list[str]:
        return [finding.code for finding in judge([code], Measurements([made])).findings]

    assert said(curve(crept, chance)) == ["TW501"]
    assert said(curve(crept, chance, **shown, unit="%", n_validation=500)) == ["TW501"]
    assert said(curve(crept, chance - 0.015, **shown, unit="%", n_validation=500)) == ["TW501"], "the loss by a hair"
    assert said(curve(crept, chance - 0.015)) == [], "where no accuracy tells the loss is believed"
    assert said(curve(crept, chance[:4])) == [], "too few evaluations"
    assert said(curve(crept)) == []
    assert said(curve(FALL, chance)) == [], "learnt by heart in earnest is another finding"
    better = {**shown, "validation_metric": 10 + T / 4}
    assert said(curve(crept, chance - 0.015, **better, unit="%", n_validation=500)) == []


def test_underfitting_needs_a_simple_predictor_that_is_better() -> None:
    flat = curve(1.4 + 0.9 * np.exp(-T / 3), 1.45 + 0.9 * np.exp(-T / 3))
    trees = BaselineScore(name="trees", value=90, advantage=-20, low=-25, high=-15)
    found = BaselineComparison(
        metric_name="accuracy",
        higher_is_better=True,
        unit="%",
        n_samples=200,
        value=70,
        low=65,
        high=75,
        baselines=(trees,),
    )
    assert "TW602" in codes(flat, found)
    assert "TW602" not in codes(flat, replace(found, baselines=(replace(trees, advantage=1.0, low=-4.0, high=6.0),)))
    assert "noise in the data looks the same" in dict(verdict(flat).not_evaluated)["TW602"]


def test_what_may_be_a_game_is_not_called_diverging_but_a_number_that_is_none_is() -> None:
    back = curve([2.3, 1.5, 1.0, 0.8, 1.2, 2.2, 2.3, 2.3, 2.3, 2.3], is_game=None)
    assert "TW502" in dict(verdict(back).not_evaluated)
    assert "TW502" in codes(curve([2.3, 1.5, np.nan], is_game=True))


def test_a_loss_that_had_been_lower_before_does_not_fall_still() -> None:
    down_up_down = np.concatenate([np.linspace(1.4, 0.3, 8), np.linspace(0.3, 1.3, 16), np.linspace(1.3, 0.7, 16)])
    assert "TW512" not in codes(curve(down_up_down, is_game=None))
    assert "TW512" in codes(curve(np.linspace(1.4, 0.5, 40), is_game=None))


def test_a_spike_that_the_rate_explains_is_a_restart() -> None:
    ill = ILL["spike"][1]
    rate = np.where(T >= 20, 1e-2, 1e-3)
    assert "TW506" not in codes(replace(ill, learning_rate=over(rate)))
    one_of_several = replace(ill, name="Adam", is_game=None)
    assert "TW506" in codes(replace(one_of_several, validation_loss=ill.train_loss))
    assert "TW506" not in codes(replace(one_of_several, validation_loss=Curve()))


def test_rounded_numbers_may_agree_by_chance() -> None:
    rounded = np.round(FALL, 2)
    assert "TW604" not in codes(curve(rounded, rounded))


def test_a_validation_that_never_changes_because_the_training_is_done_is_not_a_copy() -> None:
    done = np.r_[2.3, np.full(39, 0.4838001)]
    assert "TW604" not in codes(curve(done, np.full(40, 0.4793179)))
    still_falling = np.r_[2.3, np.full(38, 0.4838001), 0.4837]
    assert "TW604" in codes(curve(still_falling, np.full(40, 0.4793179)))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*ILL.values()]), st.floats(1e-6, 1e6))
def test_the_unit_of_the_loss_does_not_matter(ill: tuple[str, LearningCurve], factor: float) -> None:
    code, found = ill

    def scaled(part: Curve) -> Curve:
        return Curve(part.x, part.y * factor)

    changed = replace(
        found,
        train_loss=scaled(found.train_loss),
        validation_loss=scaled(found.validation_loss),
        baseline_train_loss=2.3 * factor,
        baseline_validation_loss=2.3 * factor,
    )
    if code != "TW604":  # equality to the last digit is what scaling destroys
        assert code in codes(changed)


FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=32)


@settings(max_examples=150, deadline=None)
@given(st.lists(FLOATS, max_size=60), st.lists(FLOATS, max_size=60), st.sampled_from(["epoch", "step"]), st.booleans())
def test_no_curve_breaks_a_check(train: list[float], validation: list[float], unit: Any, known: bool) -> None:
    made = LearningCurve(
        x_unit=unit,
        train_loss=over(train),
        validation_loss=over(validation),
        learning_rate=over(np.abs(train)),
        baseline_train_loss=1.0 if known else None,
    )
    with np.errstate(all="ignore"):
        verdict(made)


# Curves and trends


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 50))
def test_blocks_keep_the_mean_and_their_number(values: list[float], most: int) -> None:
    made = over(values).blocks(most)
    assert len(made) == min(most, len(values))
    if len(values) % most == 0:
        assert made.y.mean() == pytest.approx(np.mean(values), abs=1e-6)
    assert (np.diff(made.x) > 0).all()


def test_values_at_places_are_means_since_the_last_one() -> None:
    made = over([1.0, 2.0, 3.0, 4.0, np.nan, 6.0])
    assert made.at(np.array([2.0, 4.0, 6.0])).tolist() == [1.5, 3.5, 6.0]
    assert made.at(np.array([4.0, 4.5])).tolist() == [2.5, 4.5], "between two points it is interpolated"
    assert np.isnan(Curve().at(np.array([1.0]))).all()


def test_later_values_of_a_place_count_and_lengths_must_agree() -> None:
    made = Curve.of([3, 1, 2, 1], [30, 10, 20, 11])
    assert (made.x.tolist(), made.y.tolist()) == ([1, 2, 3], [11, 20, 30])
    with pytest.raises(ValueError, match="2 places and 1 values"):
        Curve(np.arange(2.0), np.arange(1.0))


def test_scale_is_the_constant_predictions_loss_or_the_fall() -> None:
    assert curve(FALL).scale == 2.3
    assert curve(FALL, baseline_train_loss=None).scale == pytest.approx(2.0, abs=0.02)
    with pytest.raises(CannotEvaluate, match="nothing to measure losses against"):
        _ = curve([1.0, 1.0, 1.0], baseline_train_loss=None).scale


@given(st.floats(-100, 100), st.floats(-10, 10))
def test_a_straight_line_has_its_slope_and_no_noise(start: float, rise: float) -> None:
    line = start + rise * np.linspace(0, 1, 20)
    assert slope(line)[0] == pytest.approx(rise, abs=1e-6)
    assert noise(line) == pytest.approx(0, abs=1e-6)
    assert lowest_level(line) == pytest.approx(min(line[:3].mean(), line[-3:].mean()))
    assert rises(line) == pytest.approx(max(0, rise) / 19, abs=1e-9)


def test_a_rate_far_above_the_usual_is_named_where_nothing_is_learnt() -> None:
    flat = curve(np.full(40, 0.7), optimizer="sgd", baseline_train_loss=0.69)
    thrown = curve(np.r_[2.0, np.full(39, 0.7)], optimizer="sgd", baseline_train_loss=0.69)
    steps = np.arange(1, 41)
    assert "TW503" not in codes(replace(flat, learning_rate=Curve.of(steps, np.full(40, 0.3))))
    assert "TW503" in codes(replace(thrown, learning_rate=Curve.of(steps, np.full(40, 0.3))))
    assert "TW503" in codes(replace(flat, learning_rate=Curve.of(steps, np.full(40, 3.0))))
    usual = replace(thrown, learning_rate=Curve.of(steps, np.full(40, 0.05)))
    assert "TW503" not in codes(usual)
    assert "TW503" in codes(replace(usual, momentum=0.99))


def test_a_rate_hundreds_of_times_the_usual_is_named_where_little_is_learnt() -> None:
    steps = np.arange(1, 41)
    little = curve(np.full(40, 0.55), baseline_train_loss=0.69, learning_rate=Curve.of(steps, np.full(40, 1.0)))
    assert "TW503" in codes(little)
    assert "TW503" not in codes(replace(little, train_loss=over(0.1 + 0.6 * np.exp(-T / 6)))), "it learns all the same"
    assert "TW503" not in codes(replace(little, learning_rate=Curve.of(steps, np.full(40, 0.01))))
    assert "TW503" in codes(replace(little, baseline_train_loss=None)), "whether it learns is not known"


def test_a_loss_that_was_thrown_far_up_and_never_came_back_is_diverging() -> None:
    thrown = curve(np.r_[5.0, 1e9, 1e4, np.full(37, 2.31)])
    (found,) = [f for f in verdict(thrown).findings if f.code == "TW502"]
    assert "rose from 5 to 1e+09" in found.happened
    assert "TW502" not in codes(replace(thrown, train_loss=over(np.r_[5.0, 1e9, 1e4, np.full(37, 1.0)]))), (
        "it came back"
    )
    assert "TW502" not in codes(replace(thrown, train_loss=over(np.r_[1e9, 1e9, 1e4, np.full(37, 2.31)]))), (
        "it began so"
    )


@pytest.mark.parametrize("n_steps", [20, 32, 40])
@pytest.mark.parametrize("known", [False, True])
def test_a_short_log_of_single_batches_is_noise(n_steps: int, known: bool) -> None:
    """Of one client of many, say, or at the first look of all: as many points as steps, and each is one batch's."""
    for seed in range(40):
        noise_of_batches = 0.15 * np.random.default_rng(seed).standard_normal(n_steps)
        steps = np.linspace(0, 1, n_steps)
        found = curve(0.9 - 0.1 * steps + noise_of_batches)
        found = replace(found, x_unit="step", baseline_train_loss=1.1 if known else None, train_only=(), n_train=200)
        assert not {"TW502", "TW503"} & set(codes(found)), seed


@pytest.mark.parametrize("n_steps", [108, 180, 330])
def test_the_long_tails_of_single_batches_are_no_restlessness(n_steps: int) -> None:
    """Few samples are still wrong late in a training, so that most batches cost little and some much."""
    for seed in range(40):
        batches = 0.04 * np.random.default_rng(seed).lognormal(sigma=1.5, size=n_steps)
        losses = 0.6 * np.exp(-6 * np.linspace(0, 1, n_steps)) + batches
        found = replace(curve(losses), x_unit="step", baseline_train_loss=0.66, train_only=(), n_train=None)
        assert "TW503" not in codes(replace(found, learning_rate=over(np.full(n_steps, 0.01)))), seed


def test_a_loss_that_jumps_at_each_new_task_only_is_not_restless() -> None:
    steps = np.arange(640)
    tasks = 4.0 * np.exp(-(steps % 128) / 10) + 0.02 * np.random.default_rng(0).exponential(size=640)
    found = replace(curve(tasks), x_unit="step", baseline_train_loss=1.0, train_only=(), n_train=None)
    assert "TW503" not in codes(replace(found, learning_rate=over(np.full(640, 0.05))))


def test_a_loss_that_is_lost_in_its_rounding_has_not_come_back() -> None:
    losses = 4.7e-7 * (1 + 1e-8 * np.random.default_rng(0).standard_normal(30))
    assert "TW502" not in codes(replace(curve(losses), x_unit="step", baseline_train_loss=None))
    back = np.concatenate([np.linspace(1, 0.5, 15), np.full(15, 0.95)])
    assert "TW502" in codes(replace(curve(back), x_unit="step", baseline_train_loss=None))


def test_a_validation_loss_that_is_no_number_is_named() -> None:
    losses = np.where(T == 20, np.nan, FALL)
    none = NonFinite(kind="none", where="", step=-1, steps=300, n_bad=0, n_values=0, samples=(), largest_before=0.0,
                     learning_rate=0.1, cure={})  # fmt: skip
    check = NonFiniteCheck()
    (finding,) = check.run(none, curve(FALL, losses))
    assert finding.happened.startswith("1 of 40 validation losses are NaN")
    assert not list(check.run(none, curve(FALL, FALL)))
    assert not list(check.run(none, None))


def test_learning_by_heart_is_seen_on_its_way() -> None:
    half = curve(np.linspace(0.69, 0.5, 40), np.linspace(0.7, 0.9, 40), baseline_train_loss=0.69,
                 baseline_validation_loss=0.69)  # fmt: skip
    assert "TW605" in codes(half)
    better_once = np.linspace(0.7, 0.9, 40)
    better_once[3] = 0.6
    assert "TW605" not in codes(replace(half, validation_loss=Curve.of(np.arange(1, 41), better_once)))
    assert "TW605" not in codes(replace(half, validation_loss=Curve.of(np.arange(1, 41), np.linspace(0.7, 0.72, 40))))


def test_a_validation_loss_above_the_constant_prediction_is_no_mere_advice() -> None:
    rising = curve(FALL, 2.0 + 0.01 * T)
    (above,) = [f for f in verdict(rising).findings if f.code == "TW601"]
    assert above.severity is Severity.WARNING
    known = replace(rising, validation_metric=Curve.of(np.arange(1, 41), 60 + 0.1 * T), higher_is_better=True, unit="%")
    (unharmed,) = [f for f in verdict(known).findings if f.code == "TW601"]
    assert unharmed.severity is Severity.ADVICE
    once = replace(known, validation_metric=Curve.of([1], [1.0]))
    (unknown,) = [f for f in verdict(once).findings if f.code == "TW601"]
    assert unknown.severity is Severity.WARNING, "one value of a metric is no course"


def test_few_samples_learnt_by_heart_are_too_little_data() -> None:
    by_heart = curve(0.05 + 2.2 * np.exp(-T / 4), 2.3 - 0.5 * np.exp(-T / 20), n_train=60)
    found = verdict(by_heart)
    assert [f.code for f in found.findings] == ["TW122"]
    assert "The training data are 60 samples. 9" in found.findings[0].happened
    assert "TW122" not in codes(replace(by_heart, n_train=600))
    assert "TW122" not in codes(replace(by_heart, validation_loss=over(0.4 + 2 * np.exp(-T / 6)))), "understood"
    assert "TW122" not in codes(replace(by_heart, train_loss=over(np.full(40, 2.2)))), "not learnt either"
    assert "TW122" not in codes(replace(by_heart, n_train=None))
    behind = replace(by_heart, validation_loss=over(0.55 + 1.7 * np.exp(-T / 6)))
    assert "TW122" not in codes(behind), "three quarters are understood"
    assert "TW122" in codes(replace(behind, train_loss=over(0.01 + 2.2 * np.exp(-T / 4)))), "but the rest is by heart"


def stream(n_samples: int | None) -> BatchStream:
    none = np.empty(0)
    return BatchStream(
        steps=np.empty(0, dtype=np.int64),
        fingerprints=none,
        sizes=np.empty(0, dtype=np.int64),
        distinct_classes=none,
        expected_classes=none,
        drift=none,
        n_classes=0,
        full_batch=False,
        loader_shuffles=None,
        steps_per_epoch=0,
        n_samples=n_samples,
    )


def test_training_samples_are_counted_in_a_watched_loop() -> None:
    by_heart = curve(0.05 + 2.2 * np.exp(-T / 4), 2.3 - 0.5 * np.exp(-T / 20))
    assert "TW122" in codes(by_heart, stream(64))
    assert "TW122" not in codes(by_heart, stream(None)), "there may be others"
    alone = replace(by_heart, train_loss=over(0.01 + 2.2 * np.exp(-T / 4)), validation_loss=Curve.of([], []))
    assert "TW122" in codes(alone, stream(64)), "nothing is known of any evaluation"
    assert "TW122" not in codes(alone, stream(200))
    assert "TW122" not in codes(replace(alone, train_loss=by_heart.train_loss), stream(64)), "not by heart"
