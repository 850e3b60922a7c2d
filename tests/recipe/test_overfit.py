"""The overfit stage: capacity, learning rate, and the full training beside the baselines."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainwright.core import UsageError
from trainwright.recipe.comparison import Judge
from trainwright.recipe.context import Context
from trainwright.recipe.ladder import Rung, _best_that_fits
from trainwright.recipe.stages.overfit import OverfitStage
from trainwright.report.view import Outcome, StageResult
from trainwright.workbench.experiment import Experiment

MakeContext = Callable[..., Context]


def _names(result: StageResult) -> list[str]:
    return [step.name for step in result.steps]


def test_stage_on_digits(digits: Experiment, make_context: MakeContext) -> None:
    truth = digits.prepared.validation_truth
    answers = {"majority class": np.zeros_like(truth).tolist(), "oracle": truth.tolist()}
    check = {"baselines": {"majority class": 10.0, "oracle": 100.0}, "baseline_answers": answers}
    context = make_context(digits, {"check": check}, epochs_full=8)
    result = OverfitStage().run(context)
    assert result.gate.is_open
    assert "training loss" in result.gate.reason
    assert _names(result)[:4] == ["capacity: width 2", "capacity: width 4", "capacity: width 8", "capacity: width 16"]
    assert all(step.expect and step.measured for step in result.steps)
    titles = [chart.title for chart in result.charts]
    for wanted in ("Capacity ladder", "Learning-rate sweeps", "Full training: accuracy", "Gradient norm per layer"):
        assert wanted in titles
    metric = next(chart for chart in result.charts if chart.title == "Full training: accuracy")
    assert {rule.label for rule in metric.rules} == {"majority class", "oracle"}
    assert "TW520" in result.verdict.passed or "TW520" in [f.code for f in result.verdict.findings], result.verdict
    digits.with_changes(result.facts["changes"])
    assert StageResult.from_dict(json.loads(json.dumps(result.to_dict()))).steps == result.steps


def test_a_stage_that_is_run_again_reads_its_trainings_and_decides_alike(
    digits: Experiment, make_context: MakeContext
) -> None:
    context = make_context(digits)
    first = OverfitStage().run(context)
    trainings = sorted(folder.name for folder in (context.run.path / "trainings").iterdir())
    second = OverfitStage().run(context)
    assert first.to_dict() == second.to_dict()
    assert trainings == sorted(folder.name for folder in (context.run.path / "trainings").iterdir())


def test_a_hopeless_rate_is_replaced_by_a_verified_one(digits: Experiment, make_context: MakeContext) -> None:
    hopeless = digits.with_changes({"optimizer.learning_rate": 1e-6})
    result = OverfitStage().run(make_context(hopeless))
    found = result.facts["changes"]["optimizer.learning_rate"]
    assert 1e-3 < found < 0.3
    assert "model.width" not in result.facts["changes"]  # nothing learned, so nothing to choose a capacity by
    assert any(name.startswith("verify rate") for name in _names(result))


def test_a_good_rate_is_kept(digits: Experiment, make_context: MakeContext) -> None:
    good = digits.with_changes({"optimizer.learning_rate": 2e-2})
    result = OverfitStage().run(make_context(good, epochs_short=4))
    assert "optimizer.learning_rate" not in result.facts["changes"]
    kept = next(step for step in result.steps if step.name == "choose learning rate")
    assert kept.measured.startswith("Keeping 0.02")


def test_regression_in_target_units(diabetes: Experiment, make_context: MakeContext) -> None:
    result = OverfitStage().run(make_context(diabetes, epochs_full=8))
    assert result.gate.is_open
    assert 40 < result.facts["metric"] < 80
    assert "squared error" in next(s for s in result.steps if s.name == "choose capacity").measured


def test_a_users_own_recurrent_network(gru: Experiment, make_context: MakeContext) -> None:
    result = OverfitStage().run(make_context(gru))
    assert _names(result)[:4] == ["capacity: width 1", "capacity: width 2", "capacity: width 4", "capacity: width 8"]
    assert result.gate.is_open


def test_without_a_capacity_keyword_the_ladder_says_so(make_context: MakeContext) -> None:
    inputs, targets = load_digits(return_X_y=True)
    experiment = Experiment(
        data=(inputs[:200].astype(np.float32), targets[:200]),
        model=lambda: nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)),
    )
    result = OverfitStage().run(make_context(experiment))
    step = result.steps[0]
    assert (step.name, step.outcome) == ("capacity ladder", Outcome.INFORMATION)
    assert "capacity=" in step.measured


def test_a_capacity_the_model_cannot_have_is_left_out(make_context: MakeContext) -> None:
    def model(width: int = 8) -> nn.Module:
        if width % 4:
            raise ValueError("width must be divisible by 4 heads")
        return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

    inputs, targets = load_digits(return_X_y=True)
    experiment = Experiment(
        data=(inputs[:200].astype(np.float32), targets[:200]), model=model, capacity="width", config={"seed": 1}
    )
    result = OverfitStage().run(make_context(experiment))
    left_out = [step for step in result.steps if step.measured.startswith("Left out")]
    assert [step.name for step in left_out] == ["capacity: width 1", "capacity: width 2"]


class _Blind(nn.Module):
    """Ignores its input, so that nothing can be learned but the class shares."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bias + torch.zeros(len(x), 1)


def test_a_model_that_does_not_learn_shuts_the_gate(make_context: MakeContext) -> None:
    inputs, targets = load_digits(return_X_y=True)
    experiment = Experiment(data=(inputs[:200].astype(np.float32), targets[:200]), model=_Blind)
    result = OverfitStage().run(make_context(experiment))
    assert not result.gate.is_open
    assert "does not learn" in result.gate.reason or "TW501" in result.gate.reason
    assert any("Keeping" in step.measured for step in result.steps)


def _rung(experiment: Experiment, label: str, training: float, validation: float) -> Rung:
    """A rung with these losses: the right class of every validation sample gets the probability that makes it so."""
    truth = experiment.prepared.validation_truth
    right = np.exp(-validation)
    outputs = np.full((len(truth), 10), np.log((1 - right) / 9))
    outputs[np.arange(len(truth)), truth] = np.log(right)
    result = SimpleNamespace(
        history=(SimpleNamespace(train_loss=training),), n_parameters=1, validation_outputs=outputs
    )
    return Rung(label, {}, cast(Any, (result,)))


@pytest.mark.parametrize(
    ("training", "validation", "chosen"),
    [
        ((1.0, 0.05, 0.01), (0.9, 0.2, 0.3), "1"),  # of the two that fit, the one that validates better
        ((1.0, 0.05, 0.01), (0.9, 0.3, 0.2), "2"),
        ((1.9, 1.0, 0.01), (0.2, 0.3, 0.4), "2"),  # the smaller ones validate better by not fitting: too soon
        ((2.5, 2.4, 2.3), (0.3, 0.3, 0.3), "2"),  # nothing was learned: the one that fits best
    ],
)
def test_the_best_rung_that_fits(
    digits: Experiment, training: tuple[float, ...], validation: tuple[float, ...], chosen: str
) -> None:
    judge = Judge.of(digits)
    rungs = [_rung(digits, str(i), *losses) for i, losses in enumerate(zip(training, validation, strict=True))]
    assert _best_that_fits(judge, rungs, constant=2.0).label == chosen


def test_predicted_cost_grows_with_the_plan(digits: Experiment, make_context: MakeContext) -> None:
    short, long = make_context(digits), make_context(digits, epochs_short=4)
    assert 0 < OverfitStage().trainings(digits, short.plan) < OverfitStage().trainings(digits, long.plan)


def test_settings_that_do_not_exist_are_refused(digits: Experiment) -> None:
    with pytest.raises(UsageError, match="no setting"):
        digits.supports("optimizer.rate")
