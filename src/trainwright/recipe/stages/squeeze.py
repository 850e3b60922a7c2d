"""Squeeze: averages and ensembles of what was trained, and the best of them for the final report."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from trainwright.core import UsageError
from trainwright.data.dataset import Task
from trainwright.recipe.comparison import Comparison, Judge, compare, outputs_of
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.members import Member, members_from, members_of
from trainwright.recipe.settings import current_value, describe, fresh_seeds, with_snapshots
from trainwright.recipe.stage import Stage
from trainwright.report.view import Chart, Gate, Outcome, Rule, StageResult, Step, Table
from trainwright.workbench.averaging import recompute_batch_norm, uniform_average
from trainwright.workbench.ensembles import mean_outputs
from trainwright.workbench.evaluate import probabilities
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult

HORIZON = 0.05
"""Of the moving average, as a share of the run's steps: long enough to smooth, short enough to forget the beginning. A
fixed decay of 0.999 would average over more steps than a short run has."""
AVERAGED = 0.3
"""Last share of the run whose snapshots are averaged, as in stochastic weight averaging."""
COMBINED = 0.5
"""Last share of the run whose snapshots make a snapshot ensemble."""
LONGER = 2
"""Times the epochs of a full training for the networks that are left training."""

SINGLE = "single"
MOVING = "moving average"
CHECKPOINTS = "checkpoint average"
SNAPSHOTS = "snapshots"
LEFT_TRAINING = "left training"
ENSEMBLE = "ensemble"
SELECTED = "selected ensemble"
MIXED = "mixed ensemble"
BY_COST = (SINGLE, MOVING, LEFT_TRAINING, CHECKPOINTS, SNAPSHOTS, SELECTED, ENSEMBLE, MIXED)
"""From the simplest to the most expensive to use; ties go to the simpler."""

MOST_COMPARED = 8
"""Members of which every subset is compared: 255 means of predictions, well under a second."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Candidate:
    """One way to turn the trainings of ``members`` into predictions; ``outputs`` are those on validation.

    ``best``: outputs of the member that judges best as a single model. ``score``: the judge's, lower is better; where
    one of several seeds was picked it is the mean over all of them, as the best of five is good partly by luck.
    """

    kind: str
    members: tuple[Member, ...]
    outputs: Array
    best: Array
    score: tuple[float, float]


@dataclass
class _Work:
    """``members`` differ only in their seed; ``results`` are their trainings. ``longer``: those left training."""

    context: Context
    experiment: Experiment
    members: list[Member]
    results: list[TrainingResult]
    judge: Judge
    steps: list[Step] = field(default_factory=list)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    longer: list[tuple[Member, Array]] = field(default_factory=list)

    @property
    def outputs(self) -> list[Array]:
        return [result.validation_outputs for result in self.results]


class SqueezeStage(Stage):
    """Everything compared on validation; only what is at least as good as its best member may be chosen."""

    name = "squeeze"
    purpose = (
        "Get the last bit out of what was learned: averaged weights, snapshots and ensembles beside single models."
    )

    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:
        """Moving averages and longer trainings; the search trained the members, unless it was shorter."""
        missing = max(0, plan.ensemble - plan.seeds)
        averages = 0 if experiment.config.training.average else plan.seeds
        return float(missing + averages + LONGER * plan.seeds)

    def run(self, context: Context) -> StageResult:
        """See the class."""
        work = _begin(context)
        candidates = [
            _single(work),
            *_moving_average(work),
            *_left_training(work),
            *_from_snapshots(work),
            *_ensembles(work),
            *_mixed(work),
        ]
        single = candidates[0]
        passing = [c for c in candidates if reaches(work.judge, c.outputs, c.best)]
        chosen = min(passing, key=lambda c: (c.score, BY_COST.index(c.kind)))
        judge = work.judge
        metric, loss = judge.metric_of(chosen.outputs), judge.loss_of(chosen.outputs)
        work.steps.append(
            Step(
                "choose",
                f"The best {judge.quantity} on validation of those that are at least as good as the best of their own "
                f"members; the best single model has {_text(judge, single)}. What was picked from several seeds counts "
                "as their mean, and ties go to the simpler.",
                f"{chosen.kind} of {len(chosen.members)} training{'s' if len(chosen.members) > 1 else ''}: "
                f"{_text(judge, chosen)}.",
                Outcome.SURPRISE if chosen.kind == SINGLE else Outcome.AS_EXPECTED,
            )
        )
        return StageResult(
            stage=self.name,
            purpose=self.purpose,
            steps=tuple(work.steps),
            gate=Gate(is_open=True, reason=f"Chosen: {chosen.kind}, {_text(judge, chosen)} on validation."),
            charts=_charts(work, candidates),
            tables=(_table(work, candidates, passing, chosen),),
            facts={
                "chosen": chosen.kind,
                "members": [{**member.to_dict(), "key": member.key(context)} for member in chosen.members],
                "validation_metric": metric,
                "validation_loss": loss,
                "best_member_metric": judge.metric_of(chosen.best),
                "best_member_loss": judge.loss_of(chosen.best),
                "single_metric": judge.metric_of(single.outputs),
                "single_loss": judge.loss_of(single.outputs),
                "mean_member_metric": float(np.mean([judge.metric_of(o) for o in work.outputs])),
            },
        )


# Members and candidates ----------------------------------------------------------------------------------------------


def _begin(context: Context) -> _Work:
    tuned = context.facts.get("tune", {})
    epochs = int(tuned.get("epochs", context.plan.epochs_full))
    experiment = with_snapshots(context.current_experiment(), context.plan)
    given = [int(seed) for seed in tuned.get("seeds", [])]
    more = (seed for seed in fresh_seeds(context, context.plan.ensemble + len(given)) if seed not in given)
    seeds = given + [next(more) for _ in range(context.plan.ensemble - len(given))]
    context.progress.describe("members of the ensemble")
    results = context.train_seeds(experiment, seeds, epochs)
    members = members_of(context, experiment, {}, seeds, epochs)
    work = _Work(context, experiment, members, results, Judge.of(experiment, results))
    spread = [work.judge.metric_of(outputs) for outputs in work.outputs]
    work.steps.append(
        Step(
            "members",
            "Trainings that differ only in their seed differ a little, so their errors partly cancel.",
            f"{len(members)} trainings: {work.judge.metric} {work.judge.metric_text(min(spread))} to "
            f"{work.judge.metric_text(max(spread))}; {work.judge.reason}.",
            Outcome.AS_EXPECTED if len(members) > 1 and max(spread) > min(spread) else Outcome.INFORMATION,
        )
    )
    return work


def reaches(judge: Judge, outputs: Array, best: Array) -> bool:
    """Whether outputs are at least as good as the best member's: in what the judge decides by, and in the metric."""
    metric, bar = judge.metric_of(outputs), judge.metric_of(best)
    as_readable = metric >= bar if judge.higher_is_better else metric <= bar
    return as_readable and judge.score(outputs)[0] <= judge.score(best)[0]


def best_of(judge: Judge, outputs: Sequence[Array]) -> Array:
    """The outputs that judge best."""
    return min(outputs, key=judge.score)


def _best_seed(
    work: _Work, kind: str, members: Sequence[Member], outputs: Sequence[Array], singles: Sequence[Array]
) -> Candidate:
    """One of several seeds; ``singles``: what each seed's plain training says."""
    position = min(range(len(outputs)), key=lambda i: work.judge.score(outputs[i]))
    return Candidate(kind, (members[position],), outputs[position], singles[position], work.judge.mean_score(outputs))


def _single(work: _Work) -> Candidate:
    return _best_seed(work, SINGLE, work.members, work.outputs, work.outputs)


def horizon_decay(steps: int) -> float:
    """Decay of a moving average whose horizon is :data:`HORIZON` of a run of ``steps`` steps."""
    return max(0.5, round(1 - 1 / max(2.0, HORIZON * steps), 5))


def _moving_average(work: _Work) -> list[Candidate]:
    if work.experiment.config.training.average:
        return []
    decay = horizon_decay(work.results[0].steps)
    work.context.progress.describe("moving average")
    members = [each.changed({"training.average": decay}) for each in work.members[: work.context.plan.seeds]]
    outputs = _trained(work, members)
    expect = f"Averaging the weights over {HORIZON:.0%} of the run (decay {decay:g}) smooths the last steps' noise."
    _report(work, MOVING, expect, outputs, work.outputs[: len(members)])
    return [_best_seed(work, MOVING, members, outputs, work.outputs)]


def _left_training(work: _Work) -> list[Candidate]:
    """Networks that train for longer, with a rate that falls to zero and, where it does no harm, inputs that vary."""
    changes = varied(work.experiment, work.context.facts.get("regularize", {}).get("worse", ()))
    members = [
        replace(each, epochs=LONGER * each.epochs).changed(changes) for each in work.members[: work.context.plan.seeds]
    ]
    work.context.progress.describe(LEFT_TRAINING)
    outputs = _trained(work, members)
    work.longer = list(zip(members, outputs, strict=True))
    expect = (
        f"Networks go on learning for unintuitively long: {LONGER} times the epochs"
        f"{f' with {describe(changes)}' if changes else ''}."
    )
    _report(work, LEFT_TRAINING, expect, outputs, work.outputs[: len(members)])
    return [_best_seed(work, LEFT_TRAINING, members, outputs, outputs)]


def varied(experiment: Experiment, worse: Collection[str]) -> dict[str, Any]:
    """Settings for a long training: annealing and augmentation where they are possible, off, and not in ``worse``.

    The same inputs over and over are learnt by heart long before; varied ones go on teaching.
    """
    wanted = {"schedule.name": ("constant", "cosine"), "training.augmentation": ("none", "auto")}
    return {
        setting: on
        for setting, (off, on) in wanted.items()
        if setting not in worse and experiment.supports(setting) is None and current_value(experiment, setting) == off
    }


def _trained(work: _Work, members: Sequence[Member]) -> list[Array]:
    context = work.context
    context.train_ahead((each.experiment(context), each.seed, each.epochs) for each in members)
    return [each.train(context).validation_outputs for each in members]


def _from_snapshots(work: _Work) -> list[Candidate]:
    """Averages and ensembles of each member's own snapshots; nothing is trained for them."""
    averages: list[Array] = []
    ensembles: list[Array] = []
    inputs = work.experiment.prepared.validation_inputs
    task = work.experiment.dataset.task
    for result in work.results:
        work.context.progress.describe(f"snapshots of seed {result.seed}")
        models = result.load_snapshots()
        if len(models) < 3:
            return []
        averages.append(outputs_of(averaged_model(models, work.experiment), work.experiment, inputs))
        ensembles.append(mean_outputs(task, [outputs_of(m, work.experiment, inputs) for m in last(models, COMBINED)]))
    _report(
        work,
        CHECKPOINTS,
        f"Averaging the weights of the last {AVERAGED:.0%} of the snapshots finds the middle of the valley.",
        averages,
        work.outputs,
    )
    _report(
        work,
        SNAPSHOTS,
        f"Averaging the predictions of the last {COMBINED:.0%} of the snapshots is a small ensemble for free.",
        ensembles,
        work.outputs,
    )
    return [
        _best_seed(work, CHECKPOINTS, work.members, averages, work.outputs),
        _best_seed(work, SNAPSHOTS, work.members, ensembles, work.outputs),
    ]


def last(models: Sequence[nn.Module], share: float) -> Sequence[nn.Module]:
    """The last share of the snapshots, at least two."""
    return models[-max(2, round(share * len(models))) :]


def averaged_model(snapshots: Sequence[nn.Module], experiment: Experiment) -> nn.Module:
    """The uniform average of the last snapshots, with batch-norm statistics made anew from the training part."""
    chosen = last(snapshots, AVERAGED)
    model = copy.deepcopy(chosen[-1])
    model.load_state_dict(uniform_average([each.state_dict() for each in chosen]))
    recompute_batch_norm(model, experiment.prepared.train_inputs)
    return model


def _ensembles(work: _Work) -> list[Candidate]:
    count = len(work.members)
    everyone = _ensemble(work, ENSEMBLE, work.members, work.outputs)
    expect = f"The average of {count} initialisations is better than its members are on average."
    _report(work, ENSEMBLE, expect, [everyone.outputs] * count, work.outputs)
    selected = select_members(work.judge, work.experiment.dataset.task, work.outputs)
    if len(selected) in (0, count):
        return [everyone]
    members, outputs = zip(*((work.members[i], work.outputs[i]) for i in selected), strict=True)
    return [everyone, _ensemble(work, SELECTED, members, outputs)]


def _mixed(work: _Work) -> list[Candidate]:
    """All that was trained at full length or longer and was not worse: models that err differently, for free."""
    others = [member for stage in ("regularize", "tune") for member in members_from(work.context.facts.get(stage, {}))]
    work.context.progress.describe("earlier trainings")
    earlier = list(zip(others, _trained(work, others), strict=True))
    pairs = [*zip(work.members, work.outputs, strict=True), *work.longer, *earlier]
    mixed = _without_lucky_ones(work, sorted(pairs, key=lambda pair: work.judge.score(pair[1])))
    expect = f"{len(mixed.members)} networks that were trained in different ways err more differently than seeds do."
    _report(work, MIXED, expect, [mixed.outputs] * len(work.members), work.outputs)
    return [mixed]


def _without_lucky_ones(work: _Work, pairs: Sequence[tuple[Member, Array]]) -> Candidate:
    """The mean of members, best first, without those at the top that alone beat the mean of all others.

    One of many that stands out on the samples it was picked by does so mostly by luck, and is not missed; more than
    half of them standing out would be more than luck.
    """
    mixtures = (_ensemble(work, MIXED, *zip(*pairs[start:], strict=True)) for start in range(len(pairs) // 2))
    first = next(mixtures)
    return next((m for m in itertools.chain([first], mixtures) if reaches(work.judge, m.outputs, m.best)), first)


def _ensemble(work: _Work, kind: str, members: Sequence[Member], outputs: Sequence[Array]) -> Candidate:
    mean = mean_outputs(work.experiment.dataset.task, outputs)
    return Candidate(kind, tuple(members), mean, best_of(work.judge, outputs), work.judge.score(mean))


def select_members(judge: Judge, task: Task, outputs: Sequence[Array]) -> list[int]:
    """Positions of two or more members whose mean is the best on validation of those that reach their best member.

    So the result is never worse on validation than the best of its members, which an average of all cannot promise;
    empty where no mean is. Of more than :data:`MOST_COMPARED` members the best ones are tried.
    """
    tried = sorted(range(len(outputs)), key=lambda i: judge.score(outputs[i]))[:MOST_COMPARED]
    found: dict[tuple[int, ...], tuple[float, float]] = {}
    for size in range(2, len(tried) + 1):
        for subset in itertools.combinations(sorted(tried), size):
            members = [outputs[i] for i in subset]
            mean = mean_outputs(task, members)
            if reaches(judge, mean, best_of(judge, members)):
                found[subset] = judge.score(mean)
    return list(min(found.items(), key=lambda item: (item[1], len(item[0])))[0]) if found else []


# Showing -------------------------------------------------------------------------------------------------------------


def _text(judge: Judge, candidate: Candidate) -> str:
    return f"{judge.metric_text(judge.metric_of(candidate.outputs))}, loss {judge.loss_of(candidate.outputs):.3g}"


def _report(work: _Work, kind: str, expect: str, candidate: list[Array], reference: list[Array]) -> None:
    comparison = compare(work.judge, kind, candidate, reference)
    work.comparisons[kind] = comparison
    work.steps.append(
        Step(
            kind,
            f"{expect} Against the same seeds' single models that is a gain, perhaps within the noise.",
            f"Gain {work.judge.gain_text(comparison)}: {comparison.verdict}.",
            Outcome.AS_EXPECTED if comparison.deciding.estimate >= 0 else Outcome.SURPRISE,
        )
    )


def _table(work: _Work, candidates: Sequence[Candidate], passing: Sequence[Candidate], chosen: Candidate) -> Table:
    judge = work.judge
    rows = []
    for candidate in candidates:
        gain = work.comparisons.get(candidate.kind)
        rows.append(
            (
                candidate.kind,
                len(candidate.members),
                float(f"{judge.metric_of(candidate.outputs):.4g}"),
                float(f"{judge.loss_of(candidate.outputs):.4g}"),
                judge.gain_text(gain) if gain else "",
                "yes" if candidate in passing else "no",
            )
        )
    return Table(
        "Candidates on validation",
        ("candidate", "trainings", judge.metric, "loss", "gain over single models", "reaches its best member"),
        tuple(rows),
        caption="Of single models, averages and snapshots the best seed is shown; gains are means over seeds.",
        highlight=list(candidates).index(chosen),
    )


def _charts(work: _Work, candidates: Sequence[Candidate]) -> tuple[Chart, ...]:
    judge = work.judge
    points = [("members", judge.metric_of(o), judge.loss_of(o)) for o in work.outputs]
    points += [(c.kind, judge.metric_of(c.outputs), judge.loss_of(c.outputs)) for c in candidates[1:]]
    rows = tuple({"candidate": kind, "metric": metric, "loss": loss} for kind, metric, loss in points)
    best = candidates[0]
    charts = [
        Chart(
            "Single models, averages and ensembles",
            "scatter",
            rows,
            x="loss",
            y="metric",
            color="candidate",
            rules=(Rule(judge.metric_of(best.outputs), "best single model"),),
            caption=f"Validation loss and {judge.metric} of every member and of what was made of them.",
            y_title=f"{judge.metric} ({judge.unit})" if judge.unit else judge.metric,
        )
    ]
    intervals = {kind: c.deciding for kind, c in work.comparisons.items()}
    gains = tuple(
        {"candidate": kind, "gain": i.estimate, "low": i.low, "high": i.high}
        for kind, i in intervals.items()
        if np.isfinite([i.estimate, i.low, i.high]).all()
    )
    what = "log loss" if judge.quantity == "log loss" else judge.metric
    if gains:
        charts.append(
            Chart(
                f"Gain over single models in {what}",
                "interval",
                gains,
                x="candidate",
                y="gain",
                rules=(Rule(0.0, "single"),),
                caption="Mean over seeds with its 95 % interval; right of the line is better.",
            )
        )
    return tuple(charts)


# What the report needs -----------------------------------------------------------------------------------------------


def load_predictor(context: Context) -> Callable[[npt.NDArray[np.floating]], npt.NDArray[np.float64]]:
    """The chosen predictor, rebuilt from the run's finished trainings.

    It maps prepared inputs [N, *sample_shape] to probabilities [N, classes], or to predictions in target units [N].
    Raises ``UsageError`` when the squeeze stage has not chosen one yet.
    """
    facts = context.facts.get("squeeze")
    if not facts or "chosen" not in facts:
        raise UsageError(
            "There is no chosen model in this run.",
            expected="A run whose squeeze stage is finished.",
            todo="Resume the run with 'trainwright run --resume FOLDER'.",
        )
    models: list[nn.Module] = []
    for member in members_from(facts):
        models.extend(_models_of(facts["chosen"], member.train(context), member.experiment(context)))
    task = context.experiment.dataset.task

    def predictor(inputs: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        tensor = torch.as_tensor(np.ascontiguousarray(inputs))
        outputs = mean_outputs(task, [outputs_of(model, context.experiment, tensor) for model in models])
        return probabilities(outputs) if task is Task.CLASSIFICATION else np.asarray(outputs).reshape(-1)

    return predictor


def _models_of(kind: str, result: TrainingResult, experiment: Experiment) -> list[nn.Module]:
    if kind == CHECKPOINTS:
        return [averaged_model(result.load_snapshots(), experiment)]
    if kind == SNAPSHOTS:
        return list(last(result.load_snapshots(), COMBINED))
    return [result.load_model()]
