"""Ladder: models of growing capacity, trained briefly, to find one that is large enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from trainwright.core import ModelError
from trainwright.recipe.comparison import Comparison, Judge, compare_all
from trainwright.recipe.context import Context
from trainwright.recipe.curves import constant_baseline
from trainwright.recipe.material import Material
from trainwright.recipe.settings import capacity, comparison_seeds
from trainwright.report.view import Chart, Outcome, Rule, Step, Table
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult

SEEDS = 2
"""Of each rung; their noise is pooled over all rungs."""
SHARES = (1 / 8, 1 / 4, 1 / 2, 1)
"""Capacities as shares of the present one."""
MOST_DOUBLINGS = 1
"""How often the ladder may grow beyond the present capacity while that clearly helps."""
LEARNED = 0.1
"""Share of a constant prediction's loss that must be gone before capacities can be told apart."""
ENOUGH = 0.95
"""Of the fall in training loss, from a constant prediction's to the best rung's."""


@dataclass(frozen=True)
class Rung:
    """One capacity: its short trainings, one per seed. A ``reference`` is shown but never chosen."""

    label: str
    changes: Mapping[str, Any]
    results: tuple[TrainingResult, ...]
    reference: bool = False

    @property
    def train_loss(self) -> float:
        """Mean over seeds of the loss in the last epoch."""
        return fmean(result.history[-1].train_loss for result in self.results)

    @property
    def parameters(self) -> int:
        """How many there are to train."""
        return self.results[0].n_parameters

    @property
    def outputs(self) -> list[Any]:
        """Validation outputs of each seed."""
        return [result.validation_outputs for result in self.results]


def cost(experiment: Experiment) -> float:
    """Of climbing, in short trainings of the present capacity: small rungs never cost less than about half of it."""
    if capacity(experiment) is None:
        return 0.0
    return SEEDS * (0.5 * len(SHARES) + 1.0 + 2.0 * MOST_DOUBLINGS)


def climb(context: Context, experiment: Experiment, material: Material) -> Experiment:
    """The experiment with the capacity that does best on validation of those that fit the training part well."""
    scale = capacity(experiment)
    if scale is None:
        material.steps.append(
            Step(
                "capacity ladder",
                "Nothing: the model has no setting that scales its capacity.",
                "Skipped. Name the factory's keyword with Experiment(capacity=...) to have the ladder climbed.",
                Outcome.INFORMATION,
            )
        )
        return experiment
    setting, present = scale
    rungs = _rungs(context, experiment, setting, present, material)
    judge = Judge.of(experiment, rungs[-1].results)
    comparisons = _against_best(judge, rungs)
    for _ in range(MOST_DOUBLINGS):
        if not _clearly_best(rungs, comparisons):
            break
        higher = _rung(context, experiment, setting, 2 * int(rungs[-1].changes[setting]), material)
        if higher is None:
            break
        material.steps.append(_step(higher, rungs[-1], "That much still helped, so one rung more:"))
        rungs.append(higher)
        comparisons = _against_best(judge, rungs)
    constant = constant_baseline(experiment)["train"][0]
    learned = min(rung.train_loss for rung in rungs if not rung.reference) < (1 - LEARNED) * constant
    if learned:
        chosen, why = _best_that_fits(judge, rungs, constant), judge.reason
    else:
        chosen = next(rung for rung in rungs if rung.changes.get(setting) == present)
        why = "kept, since no rung learned enough at the present rate for a choice"
    _show(judge, rungs, comparisons, chosen, material)
    material.steps.append(_choice(chosen, why))
    if chosen.changes[setting] != present:
        material.changes.update(chosen.changes)
    return experiment.with_changes(chosen.changes)


def _rungs(context: Context, experiment: Experiment, setting: str, present: int, material: Material) -> list[Rung]:
    rungs: list[Rung] = []
    if experiment.model_name != "python":
        linear = _train(context, experiment, "linear", {"model.name": "linear"})
        rungs.append(Rung("linear", {"model.name": "linear"}, linear, reference=True))
    below: Rung | None = None
    constant = constant_baseline(experiment)["train"][0]
    values = sorted({max(1, round(present * share)) for share in SHARES})
    context.train_ahead(
        (experiment.with_changes({setting: value}), seed, context.plan.epochs_short)
        for value in reversed(values)  # the longest first, so that no worker waits at the end
        for seed in comparison_seeds(context)[:SEEDS]
    )
    for value in values:
        rung = _rung(context, experiment, setting, value, material, must=value == present)
        if rung is None:
            continue
        material.steps.append(_step(rung, below) if below else _first_step(rung, constant))
        rungs.append(rung)
        below = rung
    return rungs


def _rung(
    context: Context, experiment: Experiment, setting: str, value: int, material: Material, *, must: bool = False
) -> Rung | None:
    """None for a capacity the user's model cannot have, such as one that its heads do not divide."""
    changes = {setting: value}
    label = f"{experiment.capacity} {value}"
    try:
        return Rung(label, changes, _train(context, experiment, label, changes))
    except ModelError as error:
        if must:
            raise
        expect = "The model can be built with this capacity."
        material.steps.append(Step(f"capacity: {label}", expect, f"Left out: {error.happened}", Outcome.INFORMATION))
        return None


def _train(
    context: Context, experiment: Experiment, label: str, changes: Mapping[str, Any]
) -> tuple[TrainingResult, ...]:
    context.progress.describe(f"capacity: {label}")
    changed = experiment.with_changes(changes)
    return tuple(context.train_seeds(changed, comparison_seeds(context)[:SEEDS], context.plan.epochs_short))


def _spread(rung: Rung) -> float:
    return max(abs(result.history[-1].train_loss - rung.train_loss) for result in rung.results)


def _measured(rung: Rung) -> str:
    return (
        f"Training loss {rung.train_loss:.3g} ± {_spread(rung):.2g} over {len(rung.results)} seeds, "
        f"{rung.parameters:,} parameters."
    )


def _first_step(rung: Rung, constant: float) -> Step:
    return Step(
        f"capacity: {rung.label}",
        f"Even the smallest rung fits better than a constant prediction, whose loss is {constant:.3g}.",
        _measured(rung),
        Outcome.AS_EXPECTED if rung.train_loss < constant else Outcome.SURPRISE,
    )


def _step(rung: Rung, below: Rung, why: str = "") -> Step:
    rose = rung.train_loss - below.train_loss
    return Step(
        f"capacity: {rung.label}",
        f"{why} More capacity lowers the training loss below {below.train_loss:.3g} ({below.label}).".strip(),
        _measured(rung),
        Outcome.AS_EXPECTED if rose <= max(_spread(rung), _spread(below)) else Outcome.SURPRISE,
    )


def _against_best(judge: Judge, rungs: Sequence[Rung]) -> dict[str, Comparison]:
    """Every rung against the one with the best mean validation score; the best against itself is within noise."""
    best = min((rung for rung in rungs if not rung.reference), key=lambda rung: judge.mean_score(rung.outputs))
    return compare_all(judge, {rung.label: rung.outputs for rung in rungs}, best.outputs)


def _clearly_best(rungs: Sequence[Rung], comparisons: Mapping[str, Comparison]) -> bool:
    others = [rung for rung in rungs[:-1] if not rung.reference]
    return bool(others) and all(comparisons[rung.label].worse for rung in others)


def _best_that_fits(judge: Judge, rungs: Sequence[Rung], constant: float) -> Rung:
    """The best on validation of the rungs that fit the training part nearly as well as any.

    Not the smallest within the noise of the best: two short trainings are too few to prove that a smaller one is as
    good, what it lacks only shows in long trainings, and too much capacity is what the next stage is for.
    """
    usable = [rung for rung in rungs if not rung.reference]
    best = min(rung.train_loss for rung in usable)
    enough = constant - ENOUGH * (constant - best) if best < constant else best
    return min((rung for rung in usable if rung.train_loss <= enough), key=lambda rung: judge.mean_score(rung.outputs))


def _show(
    judge: Judge, rungs: Sequence[Rung], comparisons: Mapping[str, Comparison], chosen: Rung, material: Material
) -> None:
    rows = [
        {"parameters": rung.parameters, "loss": loss, "part": part, "rung": rung.label}
        for rung in rungs
        for part, loss in (
            ("train", rung.train_loss),
            ("validation", fmean(result.history[-1].validation_loss for result in rung.results)),
        )
        if math.isfinite(loss)
    ]
    table = []
    for rung in rungs:
        metric = fmean(judge.metric_of(outputs) for outputs in rung.outputs)
        verdict = "shown for reference" if rung.reference else comparisons[rung.label].verdict
        table.append((rung.label, rung.parameters, float(f"{rung.train_loss:.4g}"), float(f"{metric:.4g}"), verdict))
    columns = ("rung", "parameters", "training loss", f"validation {judge.metric}", "against the best rung")
    material.charts.append(
        Chart(
            "Capacity ladder",
            "line",
            tuple(row for row in rows if row["rung"] != "linear"),
            x="parameters",
            y="loss",
            color="part",
            rules=(Rule(float(chosen.parameters), f"chosen: {chosen.label}", axis="x"),),
            caption="Loss after short trainings, mean over seeds. Training loss should fall from left to right.",
            log_x=True,
        )
    )
    material.tables.append(Table("Capacity ladder", columns, tuple(table), highlight=list(rungs).index(chosen)))
    material.facts["ladder"] = [dict(zip(columns, row, strict=True)) for row in table]


def _choice(chosen: Rung, why: str) -> Step:
    return Step(
        "choose capacity",
        f"Of the rungs that get {ENOUGH:.0%} of the fall in training loss that any rung gets, the best on validation; "
        "what it overfits is regularised later.",
        f"{chosen.label} with {chosen.parameters:,} parameters; {why}.",
        Outcome.INFORMATION,
    )
