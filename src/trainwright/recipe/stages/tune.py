"""Tune: a quasi-random search, short runs first, and adoption only of what beats the noise on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainwright.core import Measurements, ModelError
from trainwright.measures.study import PairedGains
from trainwright.recipe.comparison import Comparison, Judge, compare
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.curves import constant_baseline, learning_curve
from trainwright.recipe.judging import judge_measured
from trainwright.recipe.members import Member, members_of
from trainwright.recipe.settings import (
    capacity,
    comparison_seeds,
    current_value,
    decay_strengths,
    describe,
    fresh_seeds,
    learning_rate,
    with_snapshots,
)
from trainwright.recipe.stage import Stage, gate_from
from trainwright.recipe.statistics import paired_interval
from trainwright.report.view import Chart, Outcome, StageResult, Step, Table
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult
from trainwright.workbench.search import (
    Choice,
    Dimension,
    Importance,
    Linear,
    Logarithmic,
    Space,
    importance_of,
    sobol_points,
)

DECAY_RANGE = 300.0
"""Largest over smallest weight decay, at the least."""
EXTENSION_TRIALS = 2
"""Trials in the adjoining range when the best lies at the edge of one that matters."""
MOST_EXTENSIONS = 2
DIVERGED = 2.0
"""A validation loss this many times that of a constant prediction is no slow start any more."""
MANY_INFEASIBLE = 0.3
"""A space of which more than this share does not train is drawn too wide."""
SHOWN_TRIALS = 10


@dataclass(frozen=True)
class Trial:
    """One configuration, trained briefly. ``score``: lower is better, infinite when it is infeasible."""

    number: int
    changes: Mapping[str, Any]
    result: TrainingResult
    score: tuple[float, float]
    extension: bool = False

    @property
    def feasible(self) -> bool:
        return math.isfinite(self.score[0])


@dataclass
class _Search:
    """The study so far."""

    context: Context
    experiment: Experiment
    incumbent: TrainingResult
    judge: Judge
    space: Space
    fixed: Mapping[str, Any]
    worst_loss: float
    seed: int
    trials: list[Trial] = field(default_factory=list)
    repeated: int = 0
    refused: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    @property
    def current(self) -> dict[str, Any]:
        """The incumbent's values of the searched settings."""
        return {d.setting: current_value(self.experiment, d.setting) for d in self.space.dimensions}

    @property
    def ranked(self) -> list[Trial]:
        """Feasible trials, best first; the incumbent wins ties."""
        return sorted((t for t in self.trials if t.feasible), key=lambda t: (t.score, t.number))


class TuneStage(Stage):
    """Sobol search in short runs, the best few at full length, the best one paired with the incumbent."""

    name = "tune"
    purpose = "Search the settings that matter together; adopt the best only if it beats the present ones beyond noise."

    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:  # noqa: ARG002 - the same for every model
        """Short trials and extensions, long trials, and pairs on fresh seeds, of which half the time all are needed."""
        short = (plan.short_trials + 1 + EXTENSION_TRIALS) * plan.epochs_short / plan.epochs_full
        return short + plan.long_trials + 2.0 * plan.seeds + max(0, plan.ensemble - plan.seeds)

    def run(self, context: Context) -> StageResult:
        """See the class."""
        search = _begin(context)
        _explore(search)
        importances = _importances(search)
        _extend(search, importances)
        _report_search(search, importances)
        challenger = _long_runs(search)
        seeds = fresh_seeds(context, max(context.plan.seeds, context.plan.ensemble))
        decision = _decide(search, challenger, seeds)
        chosen = search.experiment.with_changes(decision.changes)
        measured = [learning_curve(chosen, decision.results[0]), *decision.measured]
        verdict = judge_measured(Measurements(measured))
        metrics = [r.validation_metric for r in decision.results]
        kept = describe(decision.changes) if decision.changes else "the present settings"
        return StageResult(
            stage=self.name,
            purpose=self.purpose,
            steps=tuple(search.steps),
            gate=gate_from(
                verdict, f"Going on with {kept}: validation {search.judge.metric} {search.judge.metrics_text(metrics)}."
            ),
            verdict=verdict,
            charts=tuple(search.charts),
            tables=tuple(search.tables),
            facts={
                "changes": dict(decision.changes),
                "seeds": seeds[: len(metrics)],
                "metric_per_seed": metrics,
                "epochs": context.plan.epochs_full,
                "members": [member.to_dict() for member in decision.as_good],
                "trials": len(search.trials),
                "infeasible": sum(not t.feasible for t in search.trials) + len(search.refused),
                "adopted": bool(decision.changes),
                "gains": list(decision.gains),
                "importance": {i.setting: i.share for i in importances},
            },
        )


# The space -----------------------------------------------------------------------------------------------------------


def space_for(experiment: Experiment, plan: RunPlan, hopeless: Collection[str] = ()) -> tuple[Space, dict[str, Any]]:
    """The settings worth searching on this experiment, around their present values, and settings to fix alongside.

    ``hopeless`` settings stay as they are.
    """
    rate = learning_rate(experiment)
    dimensions: list[Dimension] = []
    fixed: dict[str, Any] = {}
    if experiment.supports("optimizer.learning_rate") is None:
        dimensions.append(Logarithmic("optimizer.learning_rate", rate / 10, rate * 10, least=1e-8, most=100.0))
    if "optimizer.weight_decay" not in hopeless and experiment.supports("optimizer.weight_decay") is None:
        fixed, (low, high) = decay_strengths(experiment, plan, (0.01, 3.0), (1e-6, 1e-2))
        present = current_value(experiment, "optimizer.weight_decay")
        low, high = min(low, high / DECAY_RANGE, present / 3 or low), max(high, present * 3)
        dimensions.append(Logarithmic("optimizer.weight_decay", low, high, most=100.0))
    batch = _batch_sizes(experiment)
    if batch is not None and experiment.supports("training.batch_size") is None:
        dimensions.append(batch)
    for setting, high, most in (("model.dropout", 0.5, 0.8), ("loss.label_smoothing", 0.2, 0.4)):
        if setting not in hopeless and experiment.supports(setting) is None:
            dimensions.append(Linear(setting, 0.0, high, least=0.0, most=most))
    scale = capacity(experiment)
    if scale is not None and scale[1] >= 2:
        setting, value = scale
        dimensions.append(Choice(setting, (value // 2, value, value * 2), least=value // 2, most=value * 2))
    return Space(tuple(dimensions)), fixed


def _batch_sizes(experiment: Experiment) -> Choice | None:
    """Powers of two from half to four times the present batch, no more than a quarter of the training part."""
    present = experiment.config.training.batch_size
    most = max(1, len(experiment.prepared.train_inputs) // 4)
    powers = (2 ** (round(math.log2(present)) + shift) for shift in (-1, 0, 1, 2))
    sizes = tuple(size for size in powers if 4 <= size <= most)
    return Choice("training.batch_size", sizes, least=4, most=most) if len(sizes) > 1 else None


# Short trials --------------------------------------------------------------------------------------------------------


def _begin(context: Context) -> _Search:
    experiment = with_snapshots(context.current_experiment(), context.plan)
    seed = comparison_seeds(context)[0]
    context.progress.describe("the present settings")
    incumbent = context.train(experiment, seed)
    judge = Judge.of(experiment, [incumbent])
    hopeless = context.facts.get("regularize", {}).get("worse", [])
    space, fixed = space_for(experiment, context.plan, hopeless)
    worst = _loss_of_constant(experiment)
    search = _Search(context, experiment, incumbent, judge, space, fixed, worst, seed)
    ranges = "; ".join(f"{d.setting} {d.text}" for d in space.dimensions)
    everything = {d.setting for d in space_for(experiment, context.plan)[0].dimensions}
    left_out = sorted(everything.intersection(hopeless))
    if left_out:
        ranges += f"; left out, because they made the model worse when tried alone: {', '.join(left_out)}"
    known = [
        f for f in context.run.path.parent.glob(f"*/trainings/{incumbent.key}") if context.run.path not in f.parents
    ]
    seen = f" These settings were already trained in {known[0].parents[1].name}." if known else ""
    search.steps.append(
        Step(
            "search space",
            "Rates and strengths are searched in orders of magnitude around the present settings.",
            f"{ranges}.{seen} {judge.reason[:1].upper()}{judge.reason[1:]}.",
            Outcome.INFORMATION,
        )
    )
    return search


def _loss_of_constant(experiment: Experiment) -> float:
    """Validation loss, as the judge measures it, of a prediction that ignores the input."""
    loss, metric = constant_baseline(experiment)["validation"]
    return loss if experiment.metric.higher_is_better else metric**2


def _explore(search: _Search) -> None:
    plan = search.context.plan
    points = sobol_points(plan.short_trials, len(search.space.dimensions), search.context.experiment.config.seed)
    trials = [{**search.fixed, **search.space.changes(point)} for point in points]
    search.context.progress.describe("short trials")
    search.context.train_ahead((_short(search, t), search.seed, plan.epochs_short) for t in ({}, *trials))
    for changes in ({}, *trials):
        _try(search, changes)
    best = search.ranked[0] if search.ranked else search.trials[0]
    tried = len(search.trials) + len(search.refused)
    infeasible = sum(not trial.feasible for trial in search.trials) + len(search.refused)
    share = infeasible / tried
    again = f" {search.repeated} repeated ones were not trained again." if search.repeated else ""
    search.steps.append(
        Step(
            "short trials",
            f"Of {plan.short_trials} Sobol points and the present settings, {plan.epochs_short} epochs each, less than "
            f"{MANY_INFEASIBLE:.0%} fail to train.",
            f"{infeasible} of {tried} ({share:.0%}) diverged or were refused. Best: "
            f"{_name(best)}, validation {_summary(search, best.result)}; present settings "
            f"{_summary(search, search.trials[0].result)}.{again}",
            Outcome.AS_EXPECTED if share <= MANY_INFEASIBLE else Outcome.SURPRISE,
        )
    )


def _try(search: _Search, changes: Mapping[str, Any], *, extension: bool = False) -> None:
    """One short training; a configuration that was tried before is recognised by the key of its training."""
    number = len(search.trials)
    search.context.progress.describe(f"trial {number}")
    epochs = search.context.plan.epochs_short
    changed = _short(search, changes)
    try:
        if any(trial.result.key == changed.key(search.seed) for trial in search.trials):
            search.repeated += 1
            return
        result = search.context.train(changed, search.seed, epochs)
    except ModelError as error:  # a capacity that the user's model cannot have, for one
        search.refused.append(error.happened)
        return
    score = search.judge.score(result.validation_outputs)
    if not search.judge.loss_of(result.validation_outputs) < DIVERGED * search.worst_loss:
        score = (math.inf, math.inf)
    search.trials.append(Trial(number, dict(changes), result, score, extension))


def _short(search: _Search, changes: Mapping[str, Any]) -> Experiment:
    """The experiment of a short trial, without snapshots: nobody will use its weights."""
    epochs = search.context.plan.epochs_short
    return search.experiment.with_changes({**changes, "training.snapshots": 0, "training.epochs": epochs})


def _name(trial: Trial) -> str:
    return describe(trial.changes) if trial.changes else "the present settings"


def _summary(search: _Search, result: TrainingResult) -> str:
    judge = search.judge
    loss = judge.loss_of(result.validation_outputs)
    return f"{judge.metric_text(judge.metric_of(result.validation_outputs))} (loss {loss:.3g})"


# Edges and importance ------------------------------------------------------------------------------------------------


def _importances(search: _Search) -> list[Importance]:
    trials = search.ranked
    units = np.array([search.space.units({**search.current, **t.changes}) for t in trials])
    results = np.arange(len(trials), dtype=np.float64)  # ranks: equal metrics are told apart by the loss
    names = tuple(d.setting for d in search.space.dimensions)
    return importance_of(names, units, results, seed=search.context.experiment.config.seed) if trials else []


def _extend(search: _Search, importances: Sequence[Importance]) -> None:
    """Go on past the end of a range when the best trial lies there, for the rate and the settings that mattered.

    With six settings the best trial nearly always lies at the end of one; most of these ends mean nothing.
    """
    matters = {i.setting for i in importances if i.share >= 1 / len(importances)} | {"optimizer.learning_rate"}
    for _ in range(MOST_EXTENSIONS):
        best = search.ranked[0] if search.ranked else None
        if best is None or not best.changes:
            break
        edges = [
            (p, side) for p, side in search.space.edges(best.changes) if search.space.dimensions[p].setting in matters
        ]
        if not edges or not _extend_one(search, best, edges[0]):
            break


def _extend_one(search: _Search, best: Trial, edge: tuple[int, Any]) -> bool:
    """Try the adjoining range with the best trial's other settings; whether the new best lies in it."""
    position, side = edge
    wider = search.space.extended(position, side)
    if wider is None:
        return False
    dimension = wider.dimensions[position]
    before = len(search.trials)
    inside = np.linspace(0, 1, EXTENSION_TRIALS + 1)
    for unit in inside[1:] if side == "high" else inside[:-1]:
        _try(search, {**best.changes, dimension.setting: dimension.value(float(unit))}, extension=True)
    moved = search.ranked[0].number >= before
    value = best.changes[dimension.setting]
    search.steps.append(
        Step(
            f"edge of {dimension.setting}",
            "The best trial lies inside the searched ranges; at an edge, the range goes on.",
            f"Best at {value:.3g}, the {side} end; tried {dimension.text} beyond it: "
            f"{'better, so the range was too narrow' if moved else 'not better, so the range was wide enough'}.",
            Outcome.SURPRISE if moved else Outcome.AS_EXPECTED,
        )
    )
    search.space = wider
    return moved


def _report_search(search: _Search, importances: Sequence[Importance]) -> None:
    if importances:
        _report_importance(search, importances)
    rows = []
    for trial in search.ranked[:SHOWN_TRIALS]:
        values = {**search.current, **trial.changes}
        shown = tuple(_cell(values[d.setting]) for d in search.space.dimensions)
        loss = search.judge.loss_of(trial.result.validation_outputs)
        metric = search.judge.metric_of(trial.result.validation_outputs)
        rows.append(
            (trial.number if trial.changes else "present", *shown, float(f"{loss:.4g}"), float(f"{metric:.4g}"))
        )
    names = tuple(d.setting for d in search.space.dimensions)
    present = next((i for i, row in enumerate(rows) if row[0] == "present"), None)
    search.tables.append(
        Table("Best short trials", ("trial", *names, "loss", search.judge.metric), tuple(rows), highlight=present)
    )


def _cell(value: Any) -> Any:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _report_importance(search: _Search, importances: Sequence[Importance]) -> None:
    first = importances[0]
    search.steps.append(
        Step(
            "what mattered",
            "The learning rate matters most.",
            "; ".join(f"{i.setting} {i.share:.0%} (rank correlation {i.correlation:+.2f})" for i in importances) + ".",
            Outcome.AS_EXPECTED if first.setting == "optimizer.learning_rate" else Outcome.INFORMATION,
        )
    )
    search.charts.append(
        Chart(
            "What mattered",
            "bar",
            tuple({"setting": i.setting, "share": i.share, "correlation": i.correlation} for i in importances),
            x="setting",
            y="share",
            caption="Share of a random forest's permutation importance over the short trials: rough, but enough to see "
            "what not to bother with.",
        )
    )
    dimensions = {d.setting: d for d in search.space.dimensions}
    shown = [dimensions[i.setting] for i in importances[:3]]
    search.charts.extend(_slice(search, dimension) for dimension in shown)
    search.charts.extend(_pair(search, a, b) for n, a in enumerate(shown) for b in shown[n + 1 :])


def _slice(search: _Search, dimension: Dimension) -> Chart:
    rows = tuple(
        {
            dimension.setting: {**search.current, **t.changes}[dimension.setting],
            "loss": search.judge.loss_of(t.result.validation_outputs),
            "trial": "present" if not t.changes else "extension" if t.extension else "Sobol",
        }
        for t in search.trials
        if t.feasible
    )
    shown, caption = _drawable(rows, dimension)
    return Chart(
        f"Validation loss by {dimension.setting}",
        "scatter",
        shown,
        x=dimension.setting,
        y="loss",
        color="trial",
        caption=caption,
        log_x=dimension.logarithmic,
        log_y=all(float(row["loss"]) > 0 for row in shown),
    )


def _drawable(rows: Sequence[dict[str, Any]], *dimensions: Dimension) -> tuple[tuple[dict[str, Any], ...], str]:
    """The rows that have a place on every logarithmic axis, and a sentence about those that have none."""
    logarithmic = [d.setting for d in dimensions if d.logarithmic]
    shown = tuple(row for row in rows if all(float(row[setting]) > 0 for setting in logarithmic))
    left_out = len(rows) - len(shown)
    named = sorted({s for row in rows for s in logarithmic if not float(row[s]) > 0})
    one = "1 trial is" if left_out == 1 else f"{left_out} trials are"
    return shown, f"{one} left out: {' and '.join(named)} is 0." if left_out else ""


def _pair(search: _Search, a: Dimension, b: Dimension) -> Chart:
    ranks = {trial.number: rank + 1 for rank, trial in enumerate(search.ranked)}
    rows = []
    for trial in search.trials:
        values = {**search.current, **trial.changes}
        rank = ranks.get(trial.number)
        third = "failed" if rank is None else ("best", "middle", "worst")[min(2, 3 * (rank - 1) // len(ranks))]
        rows.append({a.setting: values[a.setting], b.setting: values[b.setting], "third": third, "rank": rank})
    shown, left_out = _drawable(rows, a, b)
    return Chart(
        f"{a.setting} and {b.setting}",
        "scatter",
        shown,
        x=a.setting,
        y=b.setting,
        color="third",
        caption=f"Where the best, middle and worst third of the short trials lie. {left_out}".strip(),
        log_x=a.logarithmic,
        log_y=b.logarithmic,
    )


# Long runs and the decision ------------------------------------------------------------------------------------------


def _long_runs(search: _Search) -> tuple[Trial, TrainingResult] | None:
    """The best few at full length; the best of them, or None when none is better than the present settings."""
    chosen = [trial for trial in search.ranked if trial.changes][: search.context.plan.long_trials]
    results = []
    search.context.progress.describe("the best at full length")
    search.context.train_ahead((search.experiment.with_changes(t.changes), search.seed, None) for t in chosen)
    for trial in chosen:
        search.context.progress.describe(f"trial {trial.number} at full length")
        results.append((trial, search.context.train(search.experiment.with_changes(trial.changes), search.seed)))
    rows = [("present", "", *_scores(search, search.incumbent))]
    rows += [(str(t.number), describe(t.changes), *_scores(search, r)) for t, r in results]
    search.tables.append(
        Table(
            "Best trials at full length", ("trial", "settings", "loss", search.judge.metric), tuple(rows), highlight=0
        )
    )
    best = min(results, key=lambda pair: search.judge.score(pair[1].validation_outputs), default=None)
    own = search.judge.score(search.incumbent.validation_outputs)
    better = best is not None and search.judge.score(best[1].validation_outputs) < own
    found = f"Best: trial {best[0].number}, {_summary(search, best[1])}" if best else "None trained"
    search.steps.append(
        Step(
            "long trials",
            f"At {search.context.plan.epochs_full} epochs at least one of the best {len(chosen)} short trials still "
            "beats the present settings on the same seed.",
            f"{found}; present settings {_summary(search, search.incumbent)}.",
            Outcome.AS_EXPECTED if better else Outcome.SURPRISE,
        )
    )
    return best if better else None


def _scores(search: _Search, result: TrainingResult) -> tuple[float, float]:
    outputs = result.validation_outputs
    return float(f"{search.judge.loss_of(outputs):.4g}"), float(f"{search.judge.metric_of(outputs):.4g}")


@dataclass(frozen=True)
class _Decision:
    """``changes`` to adopt (none keeps the incumbent), and the winner's trainings on the fresh seeds.

    ``as_good``: trainings of what was not adopted though it is not worse, for an ensemble.
    """

    changes: Mapping[str, Any]
    results: list[TrainingResult]
    as_good: Sequence[Member] = ()
    measured: tuple[PairedGains, ...] = ()
    gains: tuple[float, ...] = ()


def _decide(search: _Search, challenger: tuple[Trial, TrainingResult] | None, seeds: Sequence[int]) -> _Decision:
    """Pair challenger and incumbent on seeds that no decision has seen; stop half-way when there is nothing to gain."""
    first = seeds[: search.context.plan.seeds]
    search.context.progress.describe("fresh seeds")
    rivals = [{}] if challenger is None else [challenger[0].changes, {}]
    search.context.train_ahead((search.experiment.with_changes(c), seed, None) for c in rivals for seed in first)
    own = _fresh(search, {}, first)
    if challenger is None:
        search.steps.append(
            Step(
                "adopt",
                "A better configuration was found.",
                f"None was: the present settings stay. On {len(first)} fresh seeds they reach "
                f"{search.judge.metrics_text(r.validation_metric for r in own)}.",
                Outcome.INFORMATION,
            )
        )
        return _Decision({}, own)
    trial = challenger[0]
    others = _fresh(search, trial.changes, first)
    comparison = _paired(search, others, own)
    if comparison.deciding.estimate > 0 and len(seeds) > len(first):
        own += _fresh(search, {}, seeds[len(first) :])
        others += _fresh(search, trial.changes, seeds[len(first) :])
        comparison = _paired(search, others, own)
    adopted = comparison.better and paired_interval(comparison.deciding_gains).above_zero
    _report_decision(search, trial, own, others, comparison, adopted=adopted)
    unit = "nats" if search.judge.quantity == "log loss" else search.judge.unit
    measured = PairedGains(
        name=_name(trial), gains=comparison.deciding_gains, unit=unit, adopted=adopted, changes=dict(trial.changes)
    )
    if adopted:
        return _Decision(trial.changes, others, measured=(measured,), gains=comparison.metric_gains)
    trained, epochs = seeds[: len(others)], search.context.plan.epochs_full
    as_good = [] if comparison.worse else members_of(search.context, search.experiment, trial.changes, trained, epochs)
    return _Decision({}, own, as_good, (measured,), comparison.metric_gains)


def _fresh(search: _Search, changes: Mapping[str, Any], seeds: Sequence[int]) -> list[TrainingResult]:
    who = "challenger" if changes else "present settings"
    search.context.progress.describe(f"{who}, fresh seeds")
    return search.context.train_seeds(search.experiment.with_changes(changes), seeds)


def _paired(search: _Search, challenger: Sequence[TrainingResult], incumbent: Sequence[TrainingResult]) -> Comparison:
    outputs = [[r.validation_outputs for r in results] for results in (challenger, incumbent)]
    return compare(search.judge, "tuned", outputs[0], outputs[1])


def _report_decision(
    search: _Search,
    trial: Trial,
    own: Sequence[TrainingResult],
    others: Sequence[TrainingResult],
    comparison: Comparison,
    *,
    adopted: bool,
) -> None:
    judge = search.judge
    decision = "adopted" if adopted else "not adopted: the present settings stay"
    search.steps.append(
        Step(
            "adopt",
            "The best found beats the present settings on fresh seeds by more than the noise of seeds and samples.",
            f"{_name(trial)}: gain over {len(own)} seeds {judge.gain_text(comparison)}; {decision}.",
            Outcome.AS_EXPECTED if adopted else Outcome.SURPRISE,
        )
    )
    rows = tuple(
        {
            "seed": str(number),
            "loss": judge.loss_of(r.validation_outputs),
            "settings": who,
            "metric": r.validation_metric,
        }
        for who, results in (("present", own), ("best found", others))
        for number, r in enumerate(results)
    )
    search.charts.append(
        Chart(
            "Present settings and best found, on fresh seeds",
            "scatter",
            rows,
            x="seed",
            y="loss",
            color="settings",
            caption="Validation loss with seeds that no decision had seen. Only a gain beyond the noise counts.",
        )
    )
