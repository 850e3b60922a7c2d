"""Rates: the learning rate that sweeps suggest, verified by short trainings, or an honest refusal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from trainwright.recipe.comparison import Comparison, Judge, compare_all
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.material import Material
from trainwright.recipe.settings import comparison_seeds, learning_rate
from trainwright.report.view import Chart, Outcome, Rule, Step
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult
from trainwright.workbench.search import RateFinding, combine_sweeps, sweep_rates

SEEDS = 2
"""Of each rate that is verified; their noise is pooled over all rates."""
FACTOR = 3.0
"""A rate is verified against its neighbours this factor away."""
MOST_MOVES = 2
"""How often the rate may move to a clearly better neighbour before the sweeps are called wrong."""
SAME = 1.5
"""Rates within this factor are one and the same: the sweeps cannot tell them apart."""
SWEEP_COST = 0.2
"""Of one sweep, in full trainings of about 800 steps."""


def cost(plan: RunPlan) -> float:
    """Of sweeps and verification, in full trainings: default, centre and two neighbours, and now and then one more."""
    return SWEEP_COST * max(3, plan.rate_sweeps) + SEEDS * 4.5 * plan.epochs_short / plan.epochs_full


def find_rate(context: Context, experiment: Experiment, material: Material) -> Experiment:
    """The experiment at the verified rate; unchanged where none was found that beats the present one."""
    default = learning_rate(experiment)
    finding = _sweep(context, experiment, material)
    verified: float | None = None
    reason = finding.reason
    if finding.rate is not None:
        verified, reason = _Verification(context, experiment, default, material).run(finding.rate)
    spread = finding.spread if math.isfinite(finding.spread) else None
    material.facts["rate"] = {"default": default, "found": finding.rate, "spread": spread, "verified": verified}
    expect = f"A verified rate that beats the present {default:.2g} by more than the noise, or an honest refusal."
    if verified is None:
        measured = f"Keeping {default:.2g}: {reason}."
        material.steps.append(Step("choose learning rate", expect, measured, Outcome.INFORMATION))
        return experiment
    material.changes["optimizer.learning_rate"] = verified
    material.steps.append(Step("choose learning rate", expect, f"{verified:.2g}: {reason}.", Outcome.AS_EXPECTED))
    return experiment.with_changes({"optimizer.learning_rate": verified})


def _sweep(context: Context, experiment: Experiment, material: Material) -> RateFinding:
    count = max(3, context.plan.rate_sweeps)
    sweeps = []
    for number in range(count):
        context.progress.describe(f"learning-rate sweep {number + 1} of {count}")
        sweeps.append(sweep_rates(experiment, context.experiment.config.seed + number))
        context.progress.advance(SWEEP_COST)
    finding = combine_sweeps(sweeps)
    rows = tuple(
        {"rate": rate, "loss": loss, "sweep": f"seed {sweep.seed}"}
        for sweep in sweeps
        for rate, loss in zip(sweep.rates, _clipped(sweep.losses), strict=True)
    )
    rules = () if finding.rate is None else (Rule(finding.rate, f"found {finding.rate:.2g}", axis="x"),)
    if rows:
        caption = (
            "Smoothed training loss while the rate grows with every step, until it explodes; what exceeds twice the "
            "first loss is cut off. Suggested is a tenth of the rate at the lowest point."
        )
        chart = Chart("Learning-rate sweeps", "line", rows, "rate", "loss", "sweep", rules, caption, log_x=True)
        material.charts.append(chart)
    answers = ", ".join("none" if s.suggestion is None else f"{s.suggestion:.2g}" for s in sweeps)
    material.steps.append(
        Step(
            "learning-rate sweeps",
            f"{count} sweeps from different seeds suggest rates within a factor of 10 of each other.",
            f"Suggestions {answers}: {finding.reason}.",
            Outcome.SURPRISE if finding.rate is None else Outcome.AS_EXPECTED,
        )
    )
    return finding


def _clipped(losses: Sequence[float]) -> list[float]:
    """Without the explosion at the end, which would flatten everything else."""
    ceiling = 2 * abs(losses[0]) if losses else 0.0
    return [min(loss, ceiling) for loss in losses]


def _readable(rate: float) -> float:
    return float(f"{rate:.2g}")


@dataclass
class _Verification:
    """Short trainings around a rate; ``tried`` maps each rate to its trainings."""

    context: Context
    experiment: Experiment
    default: float
    material: Material
    tried: dict[float, tuple[TrainingResult, ...]] = field(default_factory=dict)

    def run(self, rate: float) -> tuple[float | None, str]:
        """The rate to use, or None to keep the default, and why."""
        rate = self._known(rate)
        judge = Judge.of(self.experiment, self._train(self.default))
        for move in range(MOST_MOVES + 1):
            neighbours = [self._known(_readable(rate / FACTOR)), self._known(_readable(rate * FACTOR))]
            self.context.train_ahead(
                (self._at(value), seed, self.context.plan.epochs_short)
                for value in (rate, *neighbours)
                for seed in comparison_seeds(self.context)[:SEEDS]
            )
            comparisons = self._compare(judge, rate, [*neighbours, self.default])
            better = [value for value in neighbours if value != rate and comparisons[value].better]
            self._add_step(judge, rate, neighbours, comparisons)
            if not better:
                verdict = self._decide(judge, rate, comparisons[self.default])
                self._show(judge, verdict[0])
                return verdict
            if move < MOST_MOVES:
                rate = max(better, key=lambda value: comparisons[value].deciding.estimate)
        self._show(judge, None)
        return None, f"short trainings disagree with the sweeps by more than a factor of {FACTOR**MOST_MOVES:.0f}"

    def _known(self, rate: float) -> float:
        """A rate that was tried already, or is the default, when it is as good as the same."""
        near = (value for value in (self.default, *self.tried) if 1 / SAME < rate / value < SAME)
        return next(near, rate)

    def _train(self, rate: float) -> tuple[TrainingResult, ...]:
        if rate not in self.tried:
            self.context.progress.describe(f"verifying rate {rate:.2g}")
            seeds = comparison_seeds(self.context)[:SEEDS]
            epochs = self.context.plan.epochs_short
            self.tried[rate] = tuple(self.context.train_seeds(self._at(rate), seeds, epochs))
        return self.tried[rate]

    def _at(self, rate: float) -> Experiment:
        """The present setting is left as it is, so that the trainings of the ladder are recognised."""
        return self.experiment.with_changes({} if rate == self.default else {"optimizer.learning_rate": rate})

    def _compare(self, judge: Judge, rate: float, others: Sequence[float]) -> dict[float, Comparison]:
        centre = [result.validation_outputs for result in self._train(rate)]
        outputs = {str(value): [result.validation_outputs for result in self._train(value)] for value in others}
        return {float(name): comparison for name, comparison in compare_all(judge, outputs, centre).items()}

    def _add_step(
        self, judge: Judge, rate: float, neighbours: Sequence[float], comparisons: dict[float, Comparison]
    ) -> None:
        parts = [f"{value:.2g} is {comparisons[value].verdict}" for value in neighbours]
        metric = fmean(judge.metric_of(result.validation_outputs) for result in self._train(rate))
        surprised = any(comparisons[value].better for value in neighbours)
        self.material.steps.append(
            Step(
                f"verify rate {rate:.2g}",
                "Short trainings at a third and at three times the rate are no better.",
                f"Validation {judge.metric} {judge.metric_text(metric)} at {rate:.2g}; " + ", ".join(parts) + ".",
                Outcome.SURPRISE if surprised else Outcome.AS_EXPECTED,
            )
        )

    def _decide(self, judge: Judge, rate: float, default: Comparison) -> tuple[float | None, str]:
        """``default`` compares the present rate with the verified one."""
        scores = [judge.score(result.validation_outputs) for result in self._train(rate)]
        if not all(math.isfinite(number) for score in scores for number in score):
            return None, f"short trainings at the found rate {rate:.2g} did not stay finite"
        if rate == self.default:
            return None, "the sweeps found about the same rate, and its neighbours are no better"
        if default.worse:
            unit = "in log loss" if judge.quantity == "log loss" else judge.unit
            gain = default.deciding.scaled(-1.0).text(unit)
            return rate, f"better than {self.default:.2g} by {gain}, and no neighbour is better still"
        return None, f"the found rate {rate:.2g} is no better in short trainings (beyond noise)"

    def _show(self, judge: Judge, chosen: float | None) -> None:
        points = [
            (rate, judge.loss_of(result.validation_outputs), result.seed)
            for rate, results in sorted(self.tried.items())
            for result in results
        ]
        rows = tuple({"rate": r, "loss": loss, "seed": str(seed)} for r, loss, seed in points if math.isfinite(loss))
        label = "verified" if chosen else "kept"
        self.material.charts.append(
            Chart(
                "Verified learning rates",
                "line",
                rows,
                x="rate",
                y="loss",
                color="seed",
                rules=(Rule(chosen or self.default, f"{label} {chosen or self.default:.2g}", axis="x"),),
                caption="Validation loss after short trainings at each rate, one line per seed.",
                log_x=True,
                log_y=all(loss > 0 for _, loss, _ in points),
                y_title="validation loss",
            )
        )
