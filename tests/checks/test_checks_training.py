"""Checks of whole trainings and studies."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes

from trainwright.core import Measurement, Measurements, Severity, discover, judge
from trainwright.measures.curves import BaselineComparison, BaselineScore, Curve, LearningCurve
from trainwright.measures.study import PairedGains, TestOpenings, student_t_95
from trainwright.recipe.baselines import compare, fit_baselines
from trainwright.recipe.curves import learning_curve
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import train

torch.set_num_threads(1)

CATALOGUE = discover()


def findings(code: str, *measured: Measurement) -> Any:
    return judge([CATALOGUE[code]], Measurements(measured)).findings


def refusal(code: str, *measured: Measurement) -> str:
    return dict(judge([CATALOGUE[code]], Measurements(measured)).not_evaluated)[code]


def curve(validation: Any, train: Any = None, **changes: Any) -> LearningCurve:
    validation = np.asarray(validation, dtype=float)
    n = len(validation)
    epochs = np.arange(1.0, n + 1)
    made = LearningCurve(
        train_loss=Curve(epochs, np.linspace(1.0, 0.2, n) if train is None else np.asarray(train, dtype=float)),
        validation_loss=Curve(epochs, validation),
        train_metric=Curve(epochs, np.full(n, 90.0)),
        validation_metric=Curve(epochs, np.full(n, 80.0)),
        learning_rate=Curve(epochs, np.full(n, 1e-3)),
        metric_name="accuracy",
        higher_is_better=True,
        unit="%",
        baseline_train_loss=1.1,
        baseline_train_metric=40.0,
        baseline_validation_loss=1.1,
        baseline_validation_metric=40.0,
        n_train=500,
        n_validation=100,
        kept_at=float(n),
        optimizer="adam",
    )
    return replace(made, **changes)


def over(*values: float) -> Curve:
    return Curve(np.arange(1.0, len(values) + 1), np.array(values))


def test_diabetes_a_linear_model_is_as_good_and_the_numbers_are_given() -> None:
    assert load_diabetes().target.shape == (442,)
    experiment = Experiment(config={"data.source": "diabetes", "training.epochs": 60, "optimizer.learning_rate": 1e-3})
    result = train(experiment, seed=0)
    rows = experiment.splits.validation
    inputs, targets = experiment.dataset.inputs[rows], experiment.dataset.targets[rows]
    answers = {b.name: b.predict(inputs) for b in fit_baselines(experiment)}
    found = compare(experiment, np.asarray(result.validation_outputs).reshape(-1), targets, answers)
    (finding,) = findings("TW520", found, learning_curve(experiment, result))
    assert "ridge" in finding.happened
    ridge = next(b for b in found.baselines if "ridge" in b.name)
    assert f"{ridge.value:.4g}" in finding.happened
    assert f"{found.value:.4g}" in finding.happened


def comparison(*scores: BaselineScore) -> BaselineComparison:
    return BaselineComparison(
        metric_name="accuracy",
        higher_is_better=True,
        unit="%",
        n_samples=200,
        value=90.0,
        low=85.0,
        high=93.0,
        baselines=scores,
    )


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (BaselineScore(name="trees", value=96, advantage=-6, low=-9, high=-3), Severity.WARNING),
        (BaselineScore(name="trees", value=91, advantage=-1, low=-4, high=2), None),
        (BaselineScore(name="ridge regression", value=91, advantage=-1, low=-4, high=2), Severity.ADVICE),
        (BaselineScore(name="ridge regression", value=80, advantage=10, low=6, high=14), None),
        (BaselineScore(name="mean", value=89, advantage=1, low=-2, high=4, ignores_input=True), Severity.WARNING),
    ],
)
def test_worse_needs_an_interval_and_as_good_is_advice(score: BaselineScore, severity: Severity | None) -> None:
    assert [f.severity for f in findings("TW520", comparison(score))] == ([severity] if severity else [])


def test_the_best_of_many_baselines_needs_more_than_luck() -> None:
    lucky = BaselineScore(name="trees", value=93, advantage=-3, low=-5.9, high=-0.1)
    plain = BaselineScore(name="neighbours", value=80, advantage=10, low=6, high=14)
    assert findings("TW520", comparison(lucky))
    assert not findings("TW520", comparison(lucky, plain, plain, plain, plain))


def test_overfitting_needs_a_trend_and_bad_weights_kept() -> None:
    rising = [1.0, 0.8, 0.6, 0.5, 0.55, 0.62, 0.7, 0.78, 0.86, 0.95]
    (finding,) = findings("TW601", curve(rising))
    assert finding.fixes[0].changes == {"training.keep": "best"}
    assert findings("TW601", curve(rising, kept_at=4.0)) == ()
    assert findings("TW601", curve(rising, train=np.linspace(0.2, 1.0, 10))) == (), "training loss must still fall"
    assert findings("TW601", curve([1, 0.5, 0.52, 0.49, 0.53, 0.5, 0.52, 0.5, 0.51, 0.52])) == (), "a plateau"
    tiny = [1.0, 0.1, 0.01, 0.008, 0.009, 0.01, 0.011, 0.012, 0.012, 0.013]
    assert findings("TW601", curve(tiny)) == (), "near zero a relative rise means nothing"
    assert findings("TW601", curve([1.0, 0.5, 0.9, 0.45, 0.95, 0.5, 0.9, 0.4, 0.9, 0.95])) == (), "noise"
    assert "8" in refusal("TW601", curve([1, 0.5, 0.9]))


def test_rise_of_loss_alone_is_advice_until_it_is_severe() -> None:
    mild = [1.0, 0.8, 0.6, 0.5, 0.52, 0.55, 0.58, 0.61, 0.64, 0.66]
    assert [f.severity for f in findings("TW601", curve(mild))] == [Severity.ADVICE]
    fallen = np.linspace(90.0, 70.0, 10)
    assert [f.severity for f in findings("TW601", curve(mild, validation_metric=over(*fallen)))] == [Severity.WARNING]


def test_not_learning_is_judged_on_both_parts_and_the_metric() -> None:
    flat = np.full(6, 1.1)
    low = {"train_metric": over(*[40.0] * 6), "validation_metric": over(*[40.0] * 6)}
    (finding,) = findings("TW501", curve(flat, flat, **low))
    assert not finding.fixes[0].executable, "the rate is as usual, so it is not blamed"
    assert findings("TW501", curve(flat, flat)) == (), "accuracy rose although the loss did not"
    assert findings("TW501", curve(np.linspace(1.1, 0.9, 6), flat)) == (), "validation learnt, as under heavy dropout"
    slow = curve(flat, flat, learning_rate=over(*[1e-6] * 6), **low)
    assert findings("TW501", slow)[0].fixes[0].changes == {"optimizer.learning_rate": 1e-3}
    wild = curve(flat, [1.1, 5, 1.2, 6, 2, 7], learning_rate=over(*[0.5] * 6), **low)
    assert findings("TW501", wild)[0].fixes[0].changes == {"optimizer.learning_rate": 1e-3}


@pytest.mark.parametrize(
    ("gains", "fires"), [((0.5, 0.6, 0.4), False), ((0.5, -0.6, 0.4), True), ((-1.0, -1.1, -0.9), True)]
)
def test_gain_within_noise(gains: tuple[float, ...], fires: bool) -> None:
    found = PairedGains(name="dropout", gains=gains, unit="%")
    assert bool(findings("TW702", found)) == fires
    assert findings("TW702", replace(found, adopted=False)) == ()


def test_student_t_and_the_paired_interval_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for degrees in (1, 2, 4, 30, 31, 60, 500):
        assert student_t_95(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=2e-3)
    gains = (0.5, 0.9, 0.1, 0.6)
    low, high = PairedGains(name="x", gains=gains, unit="").interval
    expected = stats.t.interval(0.95, 3, np.mean(gains), stats.sem(gains))
    assert (low, high) == pytest.approx(expected, abs=1e-3)


def test_test_set_opened_once_is_silent_and_twice_is_told() -> None:
    assert findings("TW705", TestOpenings(count=1, fingerprint="abc")) == ()
    (finding,) = findings("TW705", TestOpenings(count=2, fingerprint="abc"))
    assert "2 runs" in finding.happened
