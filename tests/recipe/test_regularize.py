"""The regularize stage: ablation over seeds, early stopping judged on samples that did not choose it, combination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainwright.data.dataset import Task
from trainwright.recipe.comparison import Judge, compare, compare_all
from trainwright.recipe.context import Context
from trainwright.recipe.stages import regularize
from trainwright.recipe.stages.regularize import (
    RegularizeStage,
    candidates_for,
    cross_fitted_best,
    patience_from,
)
from trainwright.recipe.statistics import Interval
from trainwright.report.view import StageResult
from trainwright.workbench.experiment import Experiment

MakeContext = Callable[..., Context]


def _judge(targets: np.ndarray[Any, Any], task: Task = Task.REGRESSION) -> Judge:
    quantity = "squared error" if task is Task.REGRESSION else "accuracy"
    higher = task is Task.CLASSIFICATION
    return Judge(task, targets, "accuracy" if higher else "RMSE", "", higher, cast(Any, quantity), "")


def test_stage_on_digits_tries_everything_with_the_same_seeds(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits)
    result = RegularizeStage().run(context)
    names = [step.name for step in result.steps]
    assert names[0] == "plain model"
    assert {"weight decay", "dropout", "label smoothing", "early stopping"} <= set(names)
    assert result.gate.is_open
    assert result.facts["seeds"] == [0, 1, 2]
    assert all(len(gains) == 3 for gains in result.facts["gains"].values())
    digits.with_changes(result.facts["changes"])
    table = result.tables[0]
    assert {row[-1] for row in table.rows} <= {"better", "worse", "within noise", "lower loss, but the metric fell"}


@pytest.mark.parametrize(("verdict", "kept"), [("within noise", True), ("better", True), ("worse", False)])
def test_the_rate_is_annealed_unless_that_is_worse(
    verdict: str,
    kept: bool,
    digits: Experiment,
    make_context: MakeContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = compare

    def judged(judge: Judge, name: str, *outputs: Any, **options: Any) -> Any:
        found = measured(judge, name, *outputs, **options)
        if name != "annealing":
            return found
        sign = {"within noise": 0.0, "better": 1.0, "worse": -1.0}[verdict]
        return replace(found, deciding=Interval(sign, sign - 0.5, sign + 0.5), metric=Interval(0.0, -1.0, 1.0))

    monkeypatch.setattr(regularize, "compare", judged)
    result = RegularizeStage().run(make_context(digits))
    assert [step.name for step in result.steps][:2] == ["plain model", "annealing"]
    assert verdict in result.steps[1].measured
    assert (result.facts["changes"].get("schedule.name") == "cosine") == kept


def test_annealing_that_makes_it_worse_is_not_kept(diabetes: Experiment, make_context: MakeContext) -> None:
    slow = diabetes.with_changes({"optimizer.learning_rate": 3e-4})  # half the way is half the learning
    result = RegularizeStage().run(make_context(slow))
    step = next(step for step in result.steps if step.name == "annealing")
    assert ": worse. The constant rate stays." in step.measured
    assert "schedule.name" not in result.facts["changes"]


def test_a_schedule_of_the_users_own_is_left_alone(digits: Experiment, make_context: MakeContext) -> None:
    result = RegularizeStage().run(make_context(digits.with_changes({"schedule.name": "onecycle"})))
    assert "annealing" not in [step.name for step in result.steps]
    assert ("annealing", "the experiment has a schedule of its own") in result.tables[1].rows


def test_regression_says_why_label_smoothing_does_not_apply(diabetes: Experiment, make_context: MakeContext) -> None:
    result = RegularizeStage().run(make_context(diabetes))
    left_out = {row[0]: str(row[1]) for row in result.tables[1].rows}
    assert "cross entropy" in left_out["label smoothing"]
    assert "label smoothing" not in result.facts["gains"]


def test_a_users_own_network_is_only_offered_what_it_supports(gru: Experiment, make_context: MakeContext) -> None:
    candidates, left_out = candidates_for(gru, make_context(gru).plan)
    reasons = dict(left_out)
    assert "dropout" in reasons
    assert "already part of the experiment" in reasons["weight decay"]  # AdamW's own default
    assert "augmentation" in [candidate.name for candidate in candidates]
    assert RegularizeStage().run(make_context(gru)).gate.is_open


def _memoriser(noisy: int = 60) -> Experiment:
    """Few samples, many wrong labels and a wide network: it must overfit, and stopping early must help."""
    inputs, targets = load_digits(return_X_y=True)
    inputs, targets = inputs[:400].astype(np.float32), targets[:400].copy()
    rows = np.random.default_rng(0).permutation(400)
    targets[rows[:noisy]] = np.random.default_rng(1).integers(0, 10, noisy)
    config = {"model.name": "mlp", "model.width": 64, "model.depth": 2, "optimizer.learning_rate": 3e-3}
    return Experiment(data=(inputs, targets), name="memoriser", config={**config, "data.validation": 0.5})


def test_what_helps_beyond_noise_is_kept(make_context: MakeContext) -> None:
    result = RegularizeStage().run(make_context(_memoriser(noisy=150), epochs_full=30))
    assert result.facts["changes"]
    verdicts = {str(row[0]): row[-1] for row in result.tables[0].rows}
    assert "better" in verdicts.values()
    assert result.charts[0].kind == "interval"


def test_resumed_it_decides_alike(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits, epochs_full=2)
    assert RegularizeStage().run(context).to_dict() == RegularizeStage().run(context).to_dict()


def test_predicted_cost_is_what_is_trained(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits, epochs_full=2)
    predicted = RegularizeStage().trainings(digits, context.plan)
    RegularizeStage().run(context)
    trained = len(list((context.run.path / "trainings").iterdir()))
    assert trained - 1 <= predicted <= trained + context.plan.seeds


def test_the_best_of_equal_snapshots_gains_nothing() -> None:
    """Chosen on other samples, the lowest of twenty noisy losses is no lower than any; on its own it always is."""
    generator = np.random.default_rng(0)
    targets = np.zeros(200)
    honest, naive = [], []
    for _ in range(60):
        snapshots = [generator.normal(0, 1, (200, 1)) for _ in range(20)]
        judge = _judge(targets)
        last = judge.loss_of(snapshots[-1])
        honest.append(last - judge.loss_of(cross_fitted_best(judge, snapshots)))
        naive.append(last - min(judge.loss_of(s) for s in snapshots))
    assert abs(np.mean(honest)) < 0.05 < np.mean(naive)


def test_a_truly_better_snapshot_is_found() -> None:
    generator = np.random.default_rng(0)
    snapshots = [generator.normal(0, scale, (200, 1)) for scale in (1.0, 0.2, 1.0)]
    assert np.array_equal(cross_fitted_best(_judge(np.zeros(200)), snapshots), snapshots[1])


@pytest.mark.parametrize(
    ("losses", "patience"),
    [((3, 2, 1), 3), ((3, 4, 4, 4, 4, 2), 5), ((3, 2, 4, 5, 6, 7), 3), ((), 3)],
)
def test_patience_outlasts_every_temporary_rise(losses: tuple[float, ...], patience: int) -> None:
    history = tuple(SimpleNamespace(validation_loss=loss) for loss in losses)
    assert patience_from([cast(Any, SimpleNamespace(history=history))]) == patience


def test_gains_are_positive_where_the_candidate_is_better_whatever_the_metric() -> None:
    targets = np.linspace(0, 1, 50)
    good, bad = [targets[:, None] + 0.01] * 3, [targets[:, None] + 1.0] * 3
    regression = compare(_judge(targets), "x", good, bad)
    assert regression.better
    assert regression.metric.estimate == pytest.approx(0.99)
    labels = np.arange(50) % 3
    right, wrong = np.eye(3)[labels] * 5, np.eye(3)[(labels + (np.arange(50) < 25)) % 3] * 5
    classification = compare(_judge(labels, Task.CLASSIFICATION), "x", [right] * 3, [wrong] * 3)
    assert classification.better
    assert classification.metric.estimate == pytest.approx(50.0)
    assert compare(_judge(labels, Task.CLASSIFICATION), "x", [wrong] * 3, [right] * 3).worse


def test_a_training_that_diverged_is_worse_than_one_that_did_not() -> None:
    targets = np.zeros(10)
    fine, broken = [np.ones((10, 1))] * 2, [np.full((10, 1), np.nan)] * 2
    assert compare(_judge(targets), "x", broken, fine).worse
    assert compare(_judge(targets), "x", fine, broken).better
    both = compare(_judge(targets), "x", broken, broken)
    assert not both.better
    assert not both.worse


def test_false_alarms_of_a_whole_ablation_are_rare() -> None:
    """Five useless regularisers, three seeds: rarely is any called better."""
    generator = np.random.default_rng(0)
    targets = np.zeros(100)
    judge = _judge(targets)
    kept = 0
    for _ in range(40):
        plain = [generator.normal(0, 1, (100, 1)) for _ in range(3)]
        # Shrunk by as much as the added noise costs, so that the expected squared error stays at 1.
        others = {str(i): [0.955 * p + generator.normal(0, 0.297, (100, 1)) for p in plain] for i in range(5)}
        kept += sum(c.better for c in compare_all(judge, others, plain).values())
    assert kept <= 14  # of 200, one in twenty being ten


def test_dropout_layers_of_the_user_count_as_already_on(make_context: MakeContext) -> None:
    inputs, targets = load_digits(return_X_y=True)
    experiment = Experiment(
        data=(inputs[:100].astype(np.float32), targets[:100]),
        model=lambda: nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 10)),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )
    _, left_out = candidates_for(experiment, make_context(experiment).plan)
    assert dict(left_out)["dropout"].endswith("model.dropout = 0.3")


def test_result_survives_json(diabetes: Experiment, make_context: MakeContext) -> None:
    result = RegularizeStage().run(make_context(diabetes, epochs_full=2))
    assert StageResult.from_dict(result.to_dict()).tables == result.tables
