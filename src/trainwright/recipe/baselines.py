"""Baselines: simple predictors that a network must beat, fitted on the training part only."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.data.dataset import Kind, Task
from trainwright.measures.curves import BaselineComparison, BaselineScore
from trainwright.recipe.statistics import Interval, bootstrap_rmse_interval, wilson_interval
from trainwright.workbench.experiment import Experiment

MOST_ROWS = 20_000
"""Kernel and neighbour methods grow faster than linearly; beyond this many rows a stratified subset is used."""
MOST_FEATURES = 4_096
"""Boosted trees bin every feature; beyond this many they would cost more than the network."""

Array = npt.NDArray[Any]
Predict = Callable[[Array], Array]
Make = Callable[[], tuple[Predict, Any]]
"""Makes an encoder of raw inputs and an unfitted estimator."""


@dataclass(frozen=True)
class Baseline:
    """A fitted predictor of raw inputs [n, …]: class numbers [n], or values in target units [n].

    ``ignores_input`` marks the constant predictor.
    """

    name: str
    predict: Predict
    ignores_input: bool = False


def fit_baselines(experiment: Experiment, note: Callable[[str], None] = lambda _: None) -> list[Baseline]:
    """Constant, linear, nearest neighbours, kernel machine and boosted trees, each with the field's usual defaults.

    ``note`` is told the name of each before it is fitted. All are deterministic.
    """
    dataset, rows = experiment.dataset, experiment.splits.train
    targets = dataset.targets[rows]
    inputs = dataset.inputs[rows]
    fitted = []
    for position, (name, make) in enumerate(_estimators(experiment)):
        note(name)
        kept = _subset(len(rows), experiment.config.seed)
        encode, estimator = make()
        with warnings.catch_warnings():
            # A linear model that stops at its iteration limit is still a fair baseline.
            warnings.simplefilter("ignore")
            estimator.fit(encode(inputs[kept]), targets[kept])
        fitted.append(Baseline(name, _predictor(encode, estimator), ignores_input=position == 0))
    return fitted


def score(answers: Array, targets: Array, task: Task) -> Interval:
    """Accuracy in % with Wilson's interval, or RMSE in target units with a bootstrap interval over samples.

    ``answers`` and ``targets`` [n]: class numbers, or values in target units.
    """
    if task is Task.CLASSIFICATION:
        return wilson_interval(int((answers == targets).sum()), len(targets)).scaled(100)
    return bootstrap_rmse_interval(np.asarray(answers, dtype=np.float64) - np.asarray(targets, dtype=np.float64))


def compare(experiment: Experiment, answers: Array, targets: Array, baselines: dict[str, Array]) -> BaselineComparison:
    """The model's ``answers`` beside those of each baseline (the constant one first) on the same samples, [n] each."""
    task, metric = experiment.dataset.task, experiment.metric
    own = score(answers, targets, task)
    return BaselineComparison(
        metric_name=metric.name,
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        n_samples=len(targets),
        value=own.estimate,
        low=own.low,
        high=own.high,
        baselines=tuple(
            _advantage(name, answers, other, targets, task, ignores_input=position == 0)
            for position, (name, other) in enumerate(baselines.items())
        ),
    )


def _advantage(
    name: str, answers: Array, other: Array, targets: Array, task: Task, *, ignores_input: bool
) -> BaselineScore:
    """How much better ``answers`` are than ``other``, with a 95 % bootstrap interval paired over samples."""
    own, its = _sample_losses(answers, targets, task), _sample_losses(other, targets, task)
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(len(targets), np.full(len(targets), 1 / len(targets)), size=1000) / len(targets)
    if task is Task.CLASSIFICATION:
        gains, gain, value = 100 * (drawn @ (its - own)), 100 * (its - own).mean(), 100 * (1 - its.mean())
    else:
        gains = np.sqrt(drawn @ its) - np.sqrt(drawn @ own)
        gain, value = np.sqrt(its.mean()) - np.sqrt(own.mean()), np.sqrt(its.mean())
    low, high = np.percentile(gains, [2.5, 97.5])
    return BaselineScore(
        name=name,
        value=float(value),
        advantage=float(gain),
        low=float(low),
        high=float(high),
        ignores_input=ignores_input,
    )


def _sample_losses(answers: Array, targets: Array, task: Task) -> npt.NDArray[np.float64]:
    if task is Task.CLASSIFICATION:
        return np.asarray(answers != targets, dtype=np.float64)
    return (np.asarray(answers, dtype=np.float64) - np.asarray(targets, dtype=np.float64)) ** 2


def _predictor(encode: Callable[[Array], Array], estimator: Any) -> Predict:
    return lambda inputs: np.asarray(estimator.predict(encode(inputs)))


def _subset(n: int, seed: int) -> npt.NDArray[np.int64]:
    if n <= MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:MOST_ROWS])


def _estimators(
    experiment: Experiment,
) -> list[tuple[str, Make]]:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    dataset = experiment.dataset
    flat = _prepared_encoder(experiment)
    seed = experiment.config.seed
    if _classifies(experiment):
        found: list[tuple[str, Make]] = [
            ("majority class", lambda: (flat, DummyClassifier(strategy="most_frequent"))),
            ("logistic regression", lambda: (flat, LogisticRegression(max_iter=300))),
            ("nearest neighbours", lambda: (flat, KNeighborsClassifier(5))),
            (_kernel_name(experiment), lambda: _kernel_machine(experiment, flat)),
            (
                "boosted trees",
                lambda: (
                    flat,
                    HistGradientBoostingClassifier(max_iter=50, early_stopping=False, random_state=seed),
                ),
            ),
        ]
    else:
        found = [
            ("mean", lambda: (flat, DummyRegressor(strategy="mean"))),
            ("ridge regression", lambda: (flat, RidgeCV(alphas=np.logspace(-3, 4, 15)))),
            ("nearest neighbours", lambda: (flat, KNeighborsRegressor(10))),
            (_kernel_name(experiment), lambda: _kernel_machine(experiment, flat)),
            (
                "boosted trees",
                lambda: (flat, HistGradientBoostingRegressor(max_iter=50, early_stopping=False, random_state=seed)),
            ),
        ]
    too_wide = int(np.prod(dataset.sample_shape)) > MOST_FEATURES
    too_few = len(experiment.splits.train) < 10
    left_out = {"boosted trees": too_wide or too_few, "nearest neighbours": too_few}
    return [entry for entry in found if not left_out.get(entry[0], False)]


def _classifies(experiment: Experiment) -> bool:
    return experiment.dataset.task is Task.CLASSIFICATION


def _kernel_name(experiment: Experiment) -> str:
    if not _classifies(experiment):
        return "SVR"
    return "SVC (γ = 0.001)" if experiment.dataset.kind is Kind.IMAGE else "SVC"


def _kernel_machine(experiment: Experiment, flat: Callable[[Array], Array]) -> tuple[Callable[[Array], Array], Any]:
    """For images as in scikit-learn's digits example: γ = 0.001 on pixels from 0 to 16, whatever their range here."""
    from sklearn.svm import SVC, SVR

    if experiment.dataset.kind is Kind.IMAGE and _classifies(experiment):
        top = float(_filled(experiment.dataset.inputs[experiment.splits.train]).max()) or 1.0
        return (lambda raw: _filled(raw).reshape(len(raw), -1) * (16.0 / top)), SVC(gamma=0.001)
    return (flat, SVC()) if _classifies(experiment) else (flat, SVR())


def _prepared_encoder(experiment: Experiment) -> Callable[[Array], Array]:
    """The network's own preparation, flattened, so that the comparison is about the model and not about scaling."""
    preparation = experiment.prepared.preparation

    def encode(raw: Array) -> Array:
        return _filled(preparation.inputs(raw)).reshape(len(raw), -1)

    return encode


def _filled(inputs: Array) -> Array:
    """With 0, the mean of what is standardised, for each number that is not finite and was kept so: simple predictors
    refuse them.
    """
    return np.where(np.isfinite(inputs), inputs, 0)
