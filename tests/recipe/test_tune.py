"""The tune stage: short Sobol trials, edges, long trials, and adoption on fresh seeds only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torch import nn

from trainwright.recipe.context import Context
from trainwright.recipe.members import members_from
from trainwright.recipe.settings import fresh_seeds
from trainwright.recipe.stages.tune import TuneStage, space_for
from trainwright.report.view import Outcome, StageResult
from trainwright.workbench.experiment import Experiment

MakeContext = Callable[..., Context]


def _step(result: StageResult, name: str) -> str:
    return next(step.measured for step in result.steps if step.name == name)


def test_stage_on_digits(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits, short_trials=8)
    result = TuneStage().run(context)
    facts = result.facts
    assert result.gate.is_open
    assert facts["trials"] >= 9
    assert set(facts["seeds"]) <= set(fresh_seeds(context, 3))
    assert len(facts["metric_per_seed"]) == len(facts["seeds"])
    assert bool(facts["changes"]) == facts["adopted"]
    best, table = result.tables[0], result.tables[1]
    assert "present" in [row[0] for row in best.rows]
    assert table.rows[0][0] == "present"
    assert {"bar", "scatter"} <= {chart.kind for chart in result.charts}
    digits.with_changes(facts["changes"])


def test_a_poor_incumbent_is_replaced(digits: Experiment, make_context: MakeContext) -> None:
    poor = digits.with_changes({"optimizer.learning_rate": 1e-4})
    result = TuneStage().run(make_context(poor, short_trials=8, long_trials=2, epochs_full=8, epochs_short=3))
    assert result.facts["adopted"]
    assert result.facts["members"] == []  # the present settings are worse, so nobody needs them any more
    assert result.facts["changes"]["optimizer.learning_rate"] > 1e-4
    assert min(result.facts["gains"]) > 0
    assert "TW702" in result.verdict.passed
    assert "adopted" in _step(result, "adopt")


def test_a_gain_within_noise_is_not_adopted(digits: Experiment, make_context: MakeContext) -> None:
    good = digits.with_changes({"optimizer.learning_rate": 1e-2})
    context = make_context(good, epochs_full=12, epochs_short=4)
    result = TuneStage().run(context)
    assert not result.facts["adopted"]
    for member in members_from(result.facts):  # what is as good is handed on, and is trained already
        assert (context.run.path / "trainings" / member.key(context) / "result.json").exists()
    assert result.facts["changes"] == {}
    assert "present settings stay" in _step(result, "adopt")


def test_resumed_it_decides_alike(digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits, epochs_full=2, epochs_short=1)
    assert TuneStage().run(context).to_dict() == TuneStage().run(context).to_dict()


def test_settings_that_were_worse_alone_are_left_out(digits: Experiment, make_context: MakeContext) -> None:
    plan = make_context(digits).plan
    everything = {d.setting for d in space_for(digits, plan)[0].dimensions}
    fewer = {d.setting for d in space_for(digits, plan, ["loss.label_smoothing"])[0].dimensions}
    assert everything - fewer == {"loss.label_smoothing"}
    assert {"optimizer.learning_rate", "optimizer.weight_decay", "model.dropout", "model.width"} <= fewer


def test_the_space_holds_what_the_experiment_supports(
    diabetes: Experiment, gru: Experiment, make_context: MakeContext
) -> None:
    plan = make_context(diabetes).plan
    assert "loss.label_smoothing" not in {d.setting for d in space_for(diabetes, plan)[0].dimensions}
    names = {d.setting for d in space_for(gru, plan)[0].dimensions}
    assert "model.dropout" not in names
    assert {"optimizer.learning_rate", "model.width", "training.batch_size"} <= names


def test_batch_sizes_are_powers_of_two_that_fit(digits: Experiment, make_context: MakeContext) -> None:
    space, _ = space_for(digits.with_changes({"training.batch_size": 30}), make_context(digits).plan)
    batch = next(d for d in space.dimensions if d.setting == "training.batch_size")
    sizes = [batch.value(unit) for unit in np.linspace(0, 0.999, 20)]
    assert set(sizes) == {16, 32}  # a quarter of 210 samples is the most


def test_regression_and_a_users_network(diabetes: Experiment, gru: Experiment, make_context: MakeContext) -> None:
    for experiment in (diabetes, gru):
        result = TuneStage().run(make_context(experiment))
        assert result.gate.is_open
        assert result.facts["metric_per_seed"]


def test_the_range_goes_on_where_the_best_lies_at_its_edge(digits: Experiment, make_context: MakeContext) -> None:
    hopeless = digits.with_changes({"optimizer.learning_rate": 1e-5})
    result = TuneStage().run(make_context(hopeless, short_trials=12))
    edges = [step for step in result.steps if step.name == "edge of optimizer.learning_rate"]
    assert edges
    assert edges[0].outcome is Outcome.SURPRISE
    assert result.facts["trials"] > 13


def test_refused_configurations_count_as_infeasible(make_context: MakeContext) -> None:
    def model(width: int = 8) -> nn.Module:
        if width != 8:
            raise ValueError("only eight")
        return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

    inputs, targets = load_digits(return_X_y=True)
    data = (inputs[:200].astype(np.float32), targets[:200])
    experiment = Experiment(data=data, model=model, capacity="width")
    result = TuneStage().run(make_context(experiment, short_trials=6))
    assert result.facts["infeasible"] > 0
    assert result.gate.is_open


def test_settings_trained_in_another_run_are_pointed_out(digits: Experiment, make_context: MakeContext) -> None:
    TuneStage().run(make_context(digits, epochs_full=2, epochs_short=1))
    again = TuneStage().run(make_context(digits, epochs_full=2, epochs_short=1))
    assert "already trained in" in _step(again, "search space")


@pytest.mark.parametrize("stage", [TuneStage()])
def test_predicted_cost_covers_what_is_trained(stage: TuneStage, digits: Experiment, make_context: MakeContext) -> None:
    context = make_context(digits, epochs_full=2, epochs_short=1)
    stage.run(context)
    folders = list((context.run.path / "trainings").iterdir())
    assert len(folders) / 2 <= stage.trainings(digits, context.plan) * 1.5
