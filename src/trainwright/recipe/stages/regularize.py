"""Regularize: each regulariser alone against the plain model, and only what exceeds the noise is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurements
from trainwright.data.dataset import Task
from trainwright.recipe.comparison import Comparison, Judge, compare, compare_all, outputs_of
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.curves import learning_curve
from trainwright.recipe.judging import judge_measured
from trainwright.recipe.members import Member, members_of
from trainwright.recipe.settings import (
    comparison_seeds,
    current_value,
    decay_strengths,
    describe,
    with_snapshots,
)
from trainwright.recipe.stage import Stage, gate_from
from trainwright.report.view import Chart, Outcome, Rule, StageResult, Step, Table
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult

DROPOUTS = (0.2, 0.5)
"""The ends of the range the field uses for hidden units."""
LABEL_SMOOTHING = 0.1
"""What timm, Composer and fastai use."""
ANNEALED = {"schedule.name": "cosine"}
"""The rate falls to zero over the run's own length, never over one inherited from elsewhere."""
SHRINKAGES = (0.1, 1.0)
"""Of weights that nothing holds up, as exponents of e over a whole run."""
ADAPTIVE_PENALTIES = (1e-4, 1e-2)
"""Weight decay of an optimizer that adds it to the gradient and then divides by the gradient's size."""
LEAST_PATIENCE = 3

Outputs = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Regulariser:
    """One thing to try, in one or two strengths, weakest first."""

    name: str
    setting: str
    strengths: tuple[Mapping[str, Any], ...]
    expect: str


@dataclass
class _Study:
    """The trainings and outcomes so far; ``changes``, ``outputs`` and ``comparisons`` by name."""

    experiment: Experiment
    seeds: list[int]
    plain: list[TrainingResult]
    judge: Judge
    changes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    outputs: dict[str, Outputs] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def reference(self) -> Outputs:
        return [result.validation_outputs for result in self.plain]


class RegularizeStage(Stage):
    """Ablation over seeds; then the combination of what was kept."""

    name = "regularize"
    purpose = "Give up training accuracy for validation accuracy, keeping only what helps by more than the noise."

    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:
        """Plain, annealed, combination and each regulariser over all seeds, and one more for a second strength."""
        candidates = candidates_for(experiment, plan)[0]
        trained = sum(plan.seeds + len(c.strengths) - 1 for c in candidates)
        # Plain, annealed and combination; the first plain training was made by the stage before.
        return float(3 * plan.seeds + trained - 1)

    def run(self, context: Context) -> StageResult:
        """See the class."""
        study, annealed = _annealed(context, _begin(context))
        candidates, left_out = candidates_for(study.experiment, context.plan)
        study.left_out += left_out
        first = study.seeds[0]
        strengths = [changes for candidate in candidates for changes in candidate.strengths]
        context.train_ahead((study.experiment.with_changes(changes), first, None) for changes in strengths)
        for candidate in candidates:
            _try(context, study, candidate)
        expectations = {c.name: c.expect for c in candidates}
        comparisons = compare_all(study.judge, study.outputs, study.reference)
        for name, comparison in comparisons.items():
            study.steps.append(_step(study, name, expectations[name], comparison))
        chosen, finals = _combine(context, study, comparisons)
        changes = {**annealed, **chosen}
        stopping = _early_stopping(study, context, changes, finals, comparisons)
        changes.update(stopping)
        verdict = judge_measured(Measurements([learning_curve(study.experiment.with_changes(chosen), finals[0])]))
        metrics = [result.validation_metric for result in finals]
        kept = describe(changes) if changes else "nothing: no gain exceeded the noise"
        return StageResult(
            stage=self.name,
            purpose=self.purpose,
            steps=tuple(study.steps),
            gate=gate_from(verdict, f"Kept {kept}."),
            verdict=verdict,
            charts=_charts(study.judge, comparisons),
            tables=_tables(study, comparisons, changes),
            facts={
                "changes": changes,
                "seeds": study.seeds,
                "metric_per_seed": metrics,
                "plain_metric_per_seed": [result.validation_metric for result in study.plain],
                "deciding": study.judge.quantity,
                "worse": sorted(c.setting for c in candidates if comparisons[c.name].worse),
                "members": [each.to_dict() for each in _members(context, study, annealed, comparisons)],
                "gains": {name: list(c.metric_gains) for name, c in comparisons.items()},
            },
        )


def candidates_for(experiment: Experiment, plan: RunPlan) -> tuple[list[Regulariser], list[tuple[str, str]]]:
    """What can be tried on this experiment, and (name, reason) of what cannot."""
    everything = [
        Regulariser(
            "augmentation",
            "training.augmentation",
            ({"training.augmentation": "auto"},),
            "Small label-preserving changes of the inputs act like more data.",
        ),
        Regulariser(
            "weight decay",
            "optimizer.weight_decay",
            () if experiment.supports("optimizer.weight_decay") else _decays(experiment, plan),
            "Smaller weights make a smoother function.",
        ),
        Regulariser(
            "dropout",
            "model.dropout",
            tuple({"model.dropout": share} for share in DROPOUTS),
            "Units that cannot rely on each other generalise better.",
        ),
        Regulariser(
            "label smoothing",
            "loss.label_smoothing",
            ({"loss.label_smoothing": LABEL_SMOOTHING},),
            "Targets short of certainty keep the network from overconfidence.",
        ),
    ]
    usable, left_out = [], []
    for candidate in everything:
        reason = experiment.supports(candidate.setting) or _already_on(experiment, candidate)
        if reason:
            left_out.append((candidate.name, reason))
        else:
            usable.append(candidate)
    return usable, left_out


def _already_on(experiment: Experiment, candidate: Regulariser) -> str | None:
    value = current_value(experiment, candidate.setting)
    return f"already part of the experiment: {candidate.setting} = {value}" if value not in (0, "none") else None


def _decays(experiment: Experiment, plan: RunPlan) -> tuple[Mapping[str, Any], ...]:
    fixed, strengths = decay_strengths(experiment, plan, SHRINKAGES, ADAPTIVE_PENALTIES)
    return tuple({**fixed, "optimizer.weight_decay": strength} for strength in dict.fromkeys(strengths))


# Trainings -----------------------------------------------------------------------------------------------------------


def _begin(context: Context) -> _Study:
    experiment = with_snapshots(context.current_experiment(), context.plan)
    seeds = comparison_seeds(context)
    plain = _train(context, experiment, seeds, "plain")
    judge = Judge.of(experiment, plain)
    study = _Study(experiment, seeds, plain, judge)
    sign = 1.0 if judge.higher_is_better else -1.0
    gap = fmean(sign * (r.history[-1].train_metric - r.validation_metric) for r in plain)
    study.steps.append(
        Step(
            "plain model",
            "It is better on training than on validation: that gap is what regularisation can win back.",
            f"{judge.metric} on validation {judge.metrics_text(r.validation_metric for r in plain)}, "
            f"{abs(gap):.2g} {judge.unit} {'below' if gap * sign > 0 else 'above'} training; {judge.reason}.",
            Outcome.AS_EXPECTED if gap > 0 else Outcome.SURPRISE,
        )
    )
    return study


def _annealed(context: Context, study: _Study) -> tuple[_Study, dict[str, Any]]:
    """The study on trainings whose rate falls to zero, and the settings for it; as it was where that is worse.

    Weights at a constant rate keep jumping about, and what they jump hides what a regulariser does. So this needs no
    gain of its own to be kept: it costs nothing, and all that follows is measured with less noise.
    """
    name = "annealing"
    if study.experiment.supports("schedule.name") or study.experiment.config.schedule.name != "constant":
        study.left_out.append((name, "the experiment has a schedule of its own"))
        return study, {}
    experiment = study.experiment.with_changes(ANNEALED)
    results = _train(context, experiment, study.seeds, name)
    comparison = compare(study.judge, name, [r.validation_outputs for r in results], study.reference)
    changes = {} if comparison.worse else dict(ANNEALED)
    study.steps.append(
        Step(
            name,
            f"A rate that falls to zero over the {context.plan.epochs_full} epochs of this run is no worse than a "
            "constant one, and takes the noise of the last steps out of all comparisons that follow.",
            f"Gain over the constant rate {study.judge.gain_text(comparison)}: {comparison.verdict}. "
            f"{'The constant rate stays' if comparison.worse else 'Kept: plain now means annealed'}.",
            Outcome.SURPRISE if comparison.worse else Outcome.AS_EXPECTED,
        )
    )
    if not changes:
        return study, {}
    return replace(study, experiment=experiment, plain=results, judge=Judge.of(experiment, results)), changes


def _train(context: Context, experiment: Experiment, seeds: Sequence[int], what: str) -> list[TrainingResult]:
    context.progress.describe(what)
    return context.train_seeds(experiment, seeds)


def _try(context: Context, study: _Study, candidate: Regulariser) -> None:
    """Train one regulariser; of two strengths only the one that does better with the first seed goes on."""
    first = study.seeds[0]
    tried = [
        (changes, _train(context, study.experiment.with_changes(changes), [first], candidate.name)[0])
        for changes in candidate.strengths
    ]
    changes, result = min(tried, key=lambda pair: study.judge.score(pair[1].validation_outputs))
    rest = _train(context, study.experiment.with_changes(changes), study.seeds[1:], candidate.name)
    study.changes[candidate.name] = changes
    study.outputs[candidate.name] = [r.validation_outputs for r in (result, *rest)]


def _step(study: _Study, name: str, expect: str, comparison: Comparison) -> Step:
    return Step(
        name,
        f"{expect} The gain with the same {len(study.seeds)} seeds and validation samples exceeds the noise.",
        f"{describe(study.changes[name])}: gain {study.judge.gain_text(comparison)}: {comparison.verdict}.",
        Outcome.AS_EXPECTED if comparison.better else Outcome.SURPRISE if comparison.worse else Outcome.INFORMATION,
    )


def _combine(
    context: Context, study: _Study, comparisons: dict[str, Comparison]
) -> tuple[Mapping[str, Any], list[TrainingResult]]:
    """The changes to keep and their trainings: everything kept together, the best alone, or nothing."""
    kept = sorted((n for n, c in comparisons.items() if c.better), key=lambda n: -comparisons[n].deciding.estimate)
    if not kept:
        return {}, study.plain
    best = kept[0]
    if len(kept) == 1:
        return _results_of(context, study, study.changes[best])
    changes: dict[str, Any] = {}
    for name in reversed(kept):
        changes.update(study.changes[name])
    together, results = _results_of(context, study, changes)
    outputs = [result.validation_outputs for result in results]
    against_plain = compare(study.judge, "combination", outputs, study.reference)
    against_best = compare(study.judge, "combination", outputs, study.outputs[best])
    comparisons["combination"] = against_plain
    study.changes["combination"] = changes
    wins = against_plain.better and against_best.deciding.estimate > 0 and against_best.metric.estimate >= 0
    study.steps.append(
        Step(
            "combination",
            f"{', '.join(kept)} together are better than plain by more than the noise, and better than {best} alone.",
            f"Against plain {study.judge.gain_text(against_plain)}: {against_plain.verdict}; against {best} "
            f"{study.judge.gain_text(against_best)}: {against_best.verdict}. "
            f"{'The combination is kept' if wins else f'{best.capitalize()} alone is kept: it is simpler'}.",
            Outcome.AS_EXPECTED if wins else Outcome.SURPRISE,
        )
    )
    return (together, results) if wins else _results_of(context, study, study.changes[best])


def _results_of(
    context: Context, study: _Study, changes: Mapping[str, Any]
) -> tuple[Mapping[str, Any], list[TrainingResult]]:
    return changes, _train(context, study.experiment.with_changes(changes), study.seeds, describe(changes))


def _members(
    context: Context, study: _Study, annealed: Mapping[str, Any], comparisons: Mapping[str, Comparison]
) -> list[Member]:
    """The trainings that were not worse than plain: different ways to be about as good make a good ensemble."""
    ways = [{}, *(study.changes[name] for name in study.outputs if not comparisons[name].worse)]
    epochs = context.plan.epochs_full
    return [
        member
        for way in ways
        for member in members_of(context, study.experiment, {**annealed, **way}, study.seeds, epochs)
    ]


# Early stopping, answered by the snapshots of trainings that are there -----------------------------------------------


def _early_stopping(
    study: _Study,
    context: Context,
    changes: Mapping[str, Any],
    finals: list[TrainingResult],
    comparisons: dict[str, Comparison],
) -> dict[str, Any]:
    """The settings of early stopping where it helps; measured on the plain and on the regularised model."""
    training = study.experiment.config.training
    if training.early_stopping or training.keep == "best":
        study.left_out.append(("early stopping", "already part of the experiment"))
        return {}
    name = "early stopping"
    context.progress.describe(name)
    patience = patience_from(study.plain)
    settings = {"training.early_stopping": patience, "training.keep": "best"}
    study.changes[name] = settings
    alone = _stopped_early(study, study.experiment, study.plain)
    if alone is None:
        study.left_out.append((name, "fewer than two snapshots were kept, so there is no earlier epoch to choose"))
        return {}
    comparisons[name] = alone
    expect = (
        "The epoch that is best on one half of the validation part is better than the last one on the other half "
        "by more than the noise."
    )
    study.steps.append(_step(study, name, expect, alone))
    if not changes:
        return settings if alone.better else {}
    final = _stopped_early(study, study.experiment.with_changes(changes), finals)
    if final is None:
        return {}
    study.steps.append(
        Step(
            "early stopping with what was kept",
            "What regularised models gain by stopping early is less: they overfit less.",
            f"Gain {study.judge.gain_text(final)}: {final.verdict}.",
            Outcome.AS_EXPECTED if final.deciding.estimate <= alone.deciding.estimate else Outcome.INFORMATION,
        )
    )
    return settings if final.better else {}


def patience_from(results: Sequence[TrainingResult]) -> int:
    """Epochs to wait: one more than the longest temporary rise of validation loss that a new best followed."""
    longest = 0
    for result in results:
        best, since = float("inf"), 0
        for record in result.history:
            if record.validation_loss < best:
                longest, best, since = max(longest, since), record.validation_loss, 0
            else:
                since += 1
    return max(LEAST_PATIENCE, longest + 1)


def _stopped_early(study: _Study, experiment: Experiment, results: Sequence[TrainingResult]) -> Comparison | None:
    stopped = []
    inputs = experiment.prepared.validation_inputs
    for result in results:
        snapshots = [outputs_of(model, experiment, inputs) for model in result.load_snapshots()]
        if len(snapshots) < 2:
            return None
        stopped.append(cross_fitted_best(study.judge, snapshots))
    return compare(study.judge, "early stopping", stopped, [result.validation_outputs for result in results])


def cross_fitted_best(judge: Judge, snapshots: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Outputs of the best snapshot, chosen for each half of the samples by the loss on the other half.

    The lowest of twenty noisy losses is low partly by luck; judged on the samples that chose it, stopping early would
    always seem to help. ``snapshots``: outputs [N, …] per snapshot.
    """
    losses = np.stack([judge.losses(outputs) for outputs in snapshots])
    half = np.random.default_rng(0).permutation(losses.shape[1]) % 2 == 0
    chosen = np.array(snapshots[0], copy=True)
    for part in (half, ~half):
        best = int(losses[:, ~part].mean(axis=1).argmin())
        chosen[part] = snapshots[best][part]
    return chosen


# Showing -------------------------------------------------------------------------------------------------------------


def _charts(judge: Judge, comparisons: Mapping[str, Comparison]) -> tuple[Chart, ...]:
    views = [(f"Gain in {judge.metric}", judge.unit, {n: c.metric for n, c in comparisons.items()})]
    if judge.task is Task.CLASSIFICATION:
        views.append(("Gain in log loss", "", {n: c.loss for n, c in comparisons.items()}))
    charts = []
    for title, unit, intervals in views:
        rows = tuple(
            {
                "regulariser": name,
                "gain": i.estimate,
                "low": i.low,
                "high": i.high,
                "verdict": comparisons[name].verdict,
            }
            for name, i in intervals.items()
            if np.isfinite([i.estimate, i.low, i.high]).all()
        )
        if rows:
            charts.append(
                Chart(
                    title,
                    "interval",
                    rows,
                    x="regulariser",
                    y="gain",
                    rules=(Rule(0.0, "plain"),),
                    caption="Mean gain over the plain model with its 95 % interval, paired over seeds and validation "
                    "samples; right of the line is better.",
                    y_title=f"gain ({unit})" if unit else "gain",
                )
            )
    return tuple(charts)


def _tables(study: _Study, comparisons: Mapping[str, Comparison], changes: Mapping[str, Any]) -> tuple[Table, ...]:
    rows = [
        (name, describe(study.changes[name]), study.judge.gain_text(comparison), comparison.verdict)
        for name, comparison in comparisons.items()
    ]
    ablation = Table(
        "Ablation",
        ("tried", "settings", f"gain in {study.judge.metric} over plain", "verdict"),
        tuple(rows),
        caption=f"{len(study.seeds)} seeds; {study.judge.reason}. About one comparison in twenty exceeds the noise by "
        f"chance. Kept: {describe(changes)}.",
    )
    if not study.left_out:
        return (ablation,)
    return ablation, Table("Not tried", ("regulariser", "why"), tuple(study.left_out))
