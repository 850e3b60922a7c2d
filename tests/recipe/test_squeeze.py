"""The squeeze stage: nothing is chosen that is worse on validation than its best member, and all can be rebuilt."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwright.core import UsageError
from trainwright.data.dataset import Task
from trainwright.recipe.comparison import Judge
from trainwright.recipe.context import Context
from trainwright.recipe.members import Member
from trainwright.recipe.stages import squeeze
from trainwright.recipe.stages.regularize import RegularizeStage
from trainwright.recipe.stages.squeeze import SqueezeStage, best_of, horizon_decay, load_predictor, select_members
from trainwright.workbench.ensembles import mean_outputs
from trainwright.workbench.experiment import Experiment

MakeContext = Callable[..., Context]


def _squeezed(context: Context) -> dict[str, Any]:
    result = SqueezeStage().run(context)
    assert result.gate.is_open
    facts: dict[str, Any] = json.loads(json.dumps(result.facts))
    context.facts["squeeze"] = facts
    return facts


def _validation_metric(context: Context) -> float:
    """Of the rebuilt predictor, computed by hand."""
    prepared = context.experiment.prepared
    answers = load_predictor(context)(prepared.validation_inputs.numpy())
    if context.experiment.dataset.task is Task.CLASSIFICATION:
        assert answers.sum(axis=1) == pytest.approx(1.0)
        return 100.0 * float((answers.argmax(axis=1) == prepared.validation_truth).mean())
    return float(np.sqrt(((answers - prepared.validation_truth) ** 2).mean()))


def test_the_chosen_one_reaches_its_best_member_and_can_be_rebuilt(
    digits: Experiment, diabetes: Experiment, gru: Experiment, make_context: MakeContext
) -> None:
    for experiment in (digits, diabetes, gru):
        context = make_context(experiment)
        facts = _squeezed(context)
        sign = 1.0 if experiment.metric.higher_is_better else -1.0
        assert sign * facts["validation_metric"] >= sign * facts["best_member_metric"]
        assert _validation_metric(context) == pytest.approx(facts["validation_metric"], rel=1e-5)
        for member in facts["members"]:
            assert (context.run.path / "trainings" / member["key"] / "result.json").exists()


@pytest.mark.parametrize("kind", squeeze.BY_COST)
def test_every_kind_can_be_rebuilt(kind: str, digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits)
    facts = _squeezed(context)
    several = kind in (squeeze.ENSEMBLE, squeeze.SELECTED, squeeze.MIXED)
    chosen = {"training.snapshots": 4, **({"training.average": horizon_decay(28)} if kind == squeeze.MOVING else {})}
    members = [Member(chosen, seed, context.plan.epochs_full) for seed in ([1000, 1001] if several else [1000])]
    context.facts["squeeze"] = {**facts, "chosen": kind, "members": [member.to_dict() for member in members]}
    assert _validation_metric(context) > 20


def test_members_of_the_search_are_not_trained_again(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits, {"tune": {"changes": {}, "seeds": [1000, 1001, 1002], "epochs": 3}})
    first = _squeezed(context)
    assert {member["epochs"] for member in first["members"]} == {3}
    before = sorted((context.run.path / "trainings").iterdir())
    second = _squeezed(context)
    assert first == second
    assert before == sorted((context.run.path / "trainings").iterdir())


def test_changes_of_earlier_stages_are_carried(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits, {"regularize": {"changes": {"model.dropout": 0.2}}})
    assert all(member["settings"]["model.dropout"] == 0.2 for member in _squeezed(context)["members"])


def test_what_was_trained_before_joins_the_mixed_ensemble(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits)
    regularized = RegularizeStage().run(context).facts
    context.facts["regularize"] = json.loads(json.dumps(regularized))
    folders = {path.name for path in (context.run.path / "trainings").iterdir()}
    result = SqueezeStage().run(context)
    row = next(row for row in result.tables[0].rows if row[0] == squeeze.MIXED)
    others = [member for member in regularized["members"] if member["seed"] < 1000]
    assert row[1] == context.plan.ensemble + context.plan.seeds + len(others)  # members, longer ones, earlier ones
    assert len(others) >= 2 * len(regularized["seeds"])  # plain, and something that was not worse
    new = {path.name for path in (context.run.path / "trainings").iterdir()} - folders
    assert len(new) <= context.plan.ensemble + 2 * context.plan.seeds  # moving averages and longer ones; none twice


def test_networks_are_left_training_for_longer_on_inputs_that_vary(
    digits: Experiment, diabetes: Experiment, make_context: MakeContext
) -> None:
    for experiment in (digits, diabetes):
        context = make_context(experiment)
        result = SqueezeStage().run(context)
        step = next(step for step in result.steps if step.name == squeeze.LEFT_TRAINING)
        assert "training.augmentation = auto" in step.expect
        assert "schedule.name = cosine" in step.expect
        trainings = [json.loads(p.read_text())["body"] for p in context.run.path.glob("trainings/*/result.json")]
        longer = [each for each in trainings if len(each["history"]) == squeeze.LONGER * context.plan.epochs_full]
        assert len(longer) == context.plan.seeds


def test_what_harmed_is_not_tried_again_for_longer(digits: Experiment) -> None:
    everything = {"schedule.name": "cosine", "training.augmentation": "auto"}
    assert squeeze.varied(digits, ()) == everything
    assert squeeze.varied(digits, ("training.augmentation",)) == {"schedule.name": "cosine"}
    assert squeeze.varied(digits.with_changes(everything), ()) == {}


def test_an_averaging_experiment_is_not_averaged_twice(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits.with_changes({"training.average": 0.9}))
    result = SqueezeStage().run(context)
    assert squeeze.MOVING not in [step.name for step in result.steps]
    assert SqueezeStage().trainings(context.experiment, context.plan) < SqueezeStage().trainings(digits, context.plan)


def test_without_a_finished_stage_there_is_no_predictor(digits: Experiment, make_context: MakeContext) -> None:
    with pytest.raises(UsageError, match="no chosen model"):
        load_predictor(make_context(digits))


@given(st.integers(1, 100_000))
def test_horizon_grows_with_the_run(steps: int) -> None:
    decay = horizon_decay(steps)
    assert 0.5 <= decay < 1
    if steps > 100:
        assert 1 / (1 - decay) == pytest.approx(0.05 * steps, rel=0.05)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_selected_members_are_never_worse_than_the_best_of_them(seed: int, members: int) -> None:
    generator = np.random.default_rng(seed)
    targets = generator.normal(size=40)
    outputs = [targets[:, None] + generator.normal(0, 1, (40, 1)) for _ in range(members)]
    judge = Judge(Task.REGRESSION, targets, "RMSE", "", higher_is_better=False, quantity="squared error", reason="")
    chosen = select_members(judge, Task.REGRESSION, outputs)
    assert len(chosen) != 1
    if chosen:
        together = judge.metric_of(mean_outputs(Task.REGRESSION, [outputs[i] for i in chosen]))
        assert together <= min(judge.metric_of(outputs[i]) for i in chosen) + 1e-12


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_selected_classifiers_are_at_least_as_good_as_the_best_of_them(seed: int, members: int) -> None:
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 3, size=60)
    outputs = [3 * np.eye(3)[targets] + generator.normal(0, 2, (60, 3)) for _ in range(members)]
    judge = Judge(Task.CLASSIFICATION, targets, "accuracy", "%", higher_is_better=True, quantity="log loss", reason="")
    chosen = select_members(judge, Task.CLASSIFICATION, outputs)
    assert len(chosen) != 1
    if chosen:
        together = mean_outputs(Task.CLASSIFICATION, [outputs[i] for i in chosen])
        best = best_of(judge, [outputs[i] for i in chosen])
        assert judge.metric_of(together) >= judge.metric_of(best)
        assert judge.loss_of(together) <= min(judge.loss_of(outputs[i]) for i in chosen)


def test_a_seed_that_was_picked_counts_as_the_mean_of_all(digits: Experiment, make_context: MakeContext) -> None:
    """Five networks with one accuracy and one of them surer by luck: their mean is surer than they are on average."""
    generator = np.random.default_rng(0)
    targets = digits.prepared.validation_truth
    outputs = [2 * np.eye(10)[targets] + generator.normal(0, 1, (len(targets), 10)) for _ in range(4)]
    outputs.append(outputs[0] * 1.3)
    results = [cast(Any, SimpleNamespace(validation_outputs=each, seed=i)) for i, each in enumerate(outputs)]
    members = [Member({}, i, 1) for i in range(5)]
    work = squeeze._Work(make_context(digits), digits, members, results, Judge.of(digits))
    single, everyone, *_ = [squeeze._single(work), *squeeze._ensembles(work)]
    assert single.score[0] == pytest.approx(np.mean([work.judge.score(each)[0] for each in outputs]))
    assert single.score > work.judge.score(single.outputs)
    assert everyone.score < single.score


def test_a_lucky_member_is_left_out_rather_than_preferred(digits: Experiment, make_context: MakeContext) -> None:
    generator = np.random.default_rng(0)
    targets = digits.prepared.validation_truth
    outputs = [2 * np.eye(10)[targets] + generator.normal(0, 1, (len(targets), 10)) for _ in range(6)]
    oracle = 50 * np.eye(10)[targets]
    pairs = [(Member({}, seed, 1), each) for seed, each in enumerate([oracle, *outputs])]
    work = squeeze._Work(make_context(digits), digits, [], [], Judge.of(digits))
    mixed = squeeze._without_lucky_ones(work, pairs)
    assert [member.seed for member in mixed.members] == [1, 2, 3, 4, 5, 6]
    assert squeeze.reaches(work.judge, mixed.outputs, mixed.best)
