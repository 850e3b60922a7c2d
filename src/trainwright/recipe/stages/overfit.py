"""Overfit: a model large enough, at a learning rate that was verified, trained once at full length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurements, Verdict
from trainwright.data.dataset import Task
from trainwright.recipe import ladder, rates
from trainwright.recipe.baselines import compare
from trainwright.recipe.comparison import Judge
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.curves import (
    constant_baseline,
    curve_charts,
    learning_curve,
    signal_charts,
)
from trainwright.recipe.judging import judge_measured
from trainwright.recipe.material import Material
from trainwright.recipe.settings import comparison_seeds, describe, learning_rate, with_snapshots
from trainwright.recipe.stage import Stage, gate_from
from trainwright.report.view import Gate, Outcome, StageResult, Step
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult


class OverfitStage(Stage):
    """Capacity first, then the learning rate, then one honest training beside the baselines."""

    name = "overfit"
    purpose = "Find a model large enough to fit the training data, and a learning rate that was tried, not guessed."

    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:
        """Short trainings for rungs and rates, and one at full length."""
        return ladder.cost(experiment) * plan.epochs_short / plan.epochs_full + rates.cost(plan) + 1.0

    def run(self, context: Context) -> StageResult:
        """See the class."""
        material = Material()
        experiment = ladder.climb(context, context.current_experiment(), material)
        experiment = rates.find_rate(context, experiment, material)
        verdict, gate = _train_in_full(context, experiment, material)
        return StageResult(
            stage=self.name,
            purpose=self.purpose,
            steps=tuple(material.steps),
            gate=gate,
            verdict=verdict,
            charts=tuple(material.charts),
            tables=tuple(material.tables),
            facts={**material.facts, "changes": material.changes},
        )


def _train_in_full(context: Context, experiment: Experiment, material: Material) -> tuple[Verdict, Gate]:
    context.progress.describe("full training")
    plan = context.plan
    experiment = with_snapshots(experiment, plan)
    seed = comparison_seeds(context)[0]
    baselines: dict[str, float] = dict(context.facts.get("check", {}).get("baselines", {}))
    constant = constant_baseline(experiment)["train"][0]
    expect = (
        f"{plan.epochs_full} epochs bring the training loss below {constant:.3g}, that of a constant prediction, and "
        "by the end the training part is fitted better than the validation part."
    )
    result = context.train(experiment, seed)
    judge = Judge.of(experiment, [result])
    last = result.history[-1]
    fitted = last.train_loss < constant
    material.steps.append(
        Step(
            "train in full",
            expect,
            f"Training loss {last.train_loss:.3g}, validation loss {last.validation_loss:.3g}; {judge.metric} "
            f"{judge.metric_text(last.train_metric)} on training and "
            f"{judge.metric_text(result.validation_metric)} on validation, in {result.seconds:.1f} s.",
            Outcome.AS_EXPECTED if fitted and last.train_loss <= last.validation_loss else Outcome.SURPRISE,
        )
    )
    material.charts += [*curve_charts("Full training", experiment, result, baselines), *signal_charts(result)]
    measured: list[Any] = [learning_curve(experiment, result)]
    if baselines:
        material.steps.append(_beside_baselines(judge, result, baselines))
    answers: dict[str, Any] = context.facts.get("check", {}).get("baseline_answers", {})
    if answers:
        paired = {name: np.asarray(values) for name, values in answers.items()}
        measured.append(compare(experiment, _answers(judge, result), judge.targets, paired))
    verdict = judge_measured(Measurements(measured))
    material.facts.update(
        seed=seed,
        metric=result.validation_metric,
        training_metric=last.train_metric,
        learning_rate=learning_rate(experiment),
        parameters=result.n_parameters,
        seconds_per_training=result.seconds,
    )
    if not math.isfinite(last.train_loss) or not fitted:
        reason = (
            f"The training loss ended at {last.train_loss:.3g}; a constant prediction reaches {constant:.3g}. A model "
            "that does not learn must be repaired before it is regularised; see the check stage."
        )
        return verdict, Gate(is_open=False, reason=reason)
    settings = describe(material.changes) if material.changes else "the given settings"
    reason = (
        f"With {settings} the model learns: training loss {last.train_loss:.3g} against {constant:.3g} of a "
        f"constant, validation {judge.metric} {judge.metric_text(result.validation_metric)}."
    )
    return verdict, gate_from(verdict, reason)


def _answers(judge: Judge, result: TrainingResult) -> npt.NDArray[Any]:
    """Class numbers or values in target units on the validation part, [n]."""
    outputs = result.validation_outputs
    return outputs.argmax(axis=1) if judge.task is Task.CLASSIFICATION else outputs.reshape(-1)


def _beside_baselines(judge: Judge, result: TrainingResult, baselines: Mapping[str, float]) -> Step:
    sign = 1.0 if judge.higher_is_better else -1.0
    name = max(baselines, key=lambda key: sign * baselines[key])
    beaten = sign * result.validation_metric > sign * baselines[name]
    return Step(
        "beside the baselines",
        f"The network is at least as good as the best simple predictor, {name} with "
        f"{judge.metric_text(baselines[name])}.",
        f"{judge.metric_text(result.validation_metric)}: {'better' if beaten else 'not better'}.",
        Outcome.AS_EXPECTED if beaten else Outcome.SURPRISE,
    )
