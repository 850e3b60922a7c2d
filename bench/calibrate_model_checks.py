"""Prints, for every statistic that a check of models or training puts a limit on, its healthy range over benches, seeds
and widths beside its range under each fault. The limits in ``checks/`` cite this output.

Run:  python bench/calibrate_model_checks.py [--seeds 5] [--trained]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from trainwright.clinic import tables, training_benches, training_faults
from trainwright.clinic.bench import Bench
from trainwright.core import CannotEvaluate, Measurement, Measurements
from trainwright.doctor.trials import TRIALS
from trainwright.measures.curves import BaselineComparison, Curve, LearningCurve
from trainwright.measures.initial import InitialLoss, OutputAtInit, OutputRange
from trainwright.measures.trends import lowest_level
from trainwright.measures.trials import BatchDependence, InputDependence, OverfitTrial
from trainwright.testing.bench import measure

WIDTHS = (8, 16, 64, 256)
"""Besides each bench's own width."""

Fault = Callable[[Bench], Bench]


@dataclass(frozen=True)
class Statistic:
    """A number that some check compares with a limit; larger is worse unless ``low_is_ill``."""

    check: str
    name: str
    kind: type[Measurement]
    value: Callable[[Measurements], float]
    faults: tuple[Fault, ...]
    low_is_ill: bool = False


def initial_ratio(found: Measurements) -> float:
    """Initial loss as a multiple of the loss of zero outputs."""
    start = found.of(InitialLoss)[0]
    return start.loss / start.zero_output_loss


def offset(found: Measurements) -> float:
    """Distance of the mean output from the mean target in standard deviations of the target."""
    start = found.of(OutputAtInit)[0]
    return abs(start.output_mean - start.target_mean) / start.target_spread if start.task == "regression" else math.nan


def divergence(found: Measurements) -> float:
    """Divergence of the class shares from the mean prediction."""
    start = found.of(OutputAtInit)[0]
    shares, predicted = start.target_shares, start.predicted_shares
    present = shares > 0
    if not present.any():
        return math.nan
    return float(np.sum(shares[present] * np.log(shares[present] / np.maximum(predicted[present], 1e-12))))


def row_sum(found: Measurements) -> float:
    """Largest distance of a row sum of the outputs from 1."""
    outputs = found.of(OutputRange)[0]
    if outputs.task == "regression":
        return math.nan
    return max(abs(outputs.smallest_row_sum - 1), abs(outputs.largest_row_sum - 1))


def left_over(found: Measurements) -> float:
    """Share of the batch's loss that was not fitted."""
    return found.of(OverfitTrial)[0].own.remaining


def steps_needed(found: Measurements) -> float:
    """Steps until the batch was fitted, or given up."""
    return float(len(found.of(OverfitTrial)[0].own.losses) - 1)


def spread(found: Measurements) -> float:
    """Spread of the outputs over inputs, the larger of before and after training."""
    dependence = found.of(InputDependence)[0]
    return max(dependence.spread_at_start, dependence.spread_after)


def leak(found: Measurements) -> float:
    """Effect of other samples."""
    dependence = found.of(BatchDependence)[0]
    return max(dependence.eval_leak, dependence.train_leak)


def learnt(found: Measurements) -> float:
    """Share of the constant's loss learnt, on train or validation."""
    curve = found.of(LearningCurve)[0]

    def share(losses: Curve, baseline: float | None) -> float:
        finite = losses.finite.y
        if len(finite) < 3 or baseline is None:
            return math.nan
        return (baseline - lowest_level(finite)) / baseline

    return max(
        share(curve.train_loss, curve.baseline_train_loss),
        share(curve.validation_loss, curve.baseline_validation_loss),
    )


def rise_of_best(found: Measurements) -> float:
    """Rise of the validation loss at the end, as a share of its lowest."""
    curve = found.of(LearningCurve)[0]
    losses = curve.validation_loss.y
    return float((losses[-3:].mean() - losses.min()) / losses.min())


def rise_of_baseline(found: Measurements) -> float:
    """The same as a share of the constant's loss."""
    curve = found.of(LearningCurve)[0]
    losses = curve.validation_loss.y
    return float(losses[-3:].mean() - losses.min()) / (curve.baseline_validation_loss or math.nan)


def worst_z(found: Measurements) -> float:
    """Disadvantage to the best baseline in standard errors, from the 95 % interval."""
    comparison = found.of(BaselineComparison)[0]
    return max(-s.advantage / max((s.high - s.low) / 3.92, 1e-12) for s in comparison.baselines if s.high > s.low)


F = training_faults
ON_TRIALS = (
    Statistic("TW301", "initial loss / zero output's", InitialLoss, initial_ratio, (F.large_head, F.raw_inputs)),
    Statistic("TW302", "offset of the mean output, sd", OutputAtInit, offset, (F.raw_targets,)),
    Statistic("TW302", "divergence from shares, nats", OutputAtInit, divergence, ()),
    Statistic("TW315", "row sum's distance from 1", OutputRange, row_sum, (F.softmax_output,), low_is_ill=True),
    Statistic(
        "TW303",
        "share of the batch not fitted",
        OverfitTrial,
        left_over,
        (F.tiny_rate, F.frozen, F.conflicting_labels, F.squashed_output),
    ),
    Statistic("TW303", "steps", OverfitTrial, steps_needed, ()),
    Statistic("TW304", "spread of outputs", InputDependence, spread, (F.ignored_input,), low_is_ill=True),
    Statistic("TW305", "effect of other samples", BatchDependence, leak, (F.mixed_batch,)),
)
ON_TRAININGS = (
    Statistic("TW501", "share learnt", LearningCurve, learnt, (F.tiny_rate, F.heavy_dropout), low_is_ill=True),
    Statistic("TW601", "rise / lowest", LearningCurve, rise_of_best, (F.memorised,)),
    Statistic("TW601", "rise / constant's loss", LearningCurve, rise_of_baseline, (F.memorised,)),
    Statistic("TW520", "disadvantage, standard errors", BaselineComparison, worst_z, (F.short_training,)),
)


def sizes(make: Callable[[int], Bench], seed: int) -> Iterator[Bench]:
    """A bench in its own width and in the others."""
    bench = make(seed)
    yield bench
    for width in WIDTHS:
        yield replace(bench, model=replace(bench.model, width=width)).with_config(model__width=width)


def values(statistics: Iterable[Statistic], benches: Iterable[Bench]) -> dict[str, list[float]]:
    """Each statistic's finite values over benches."""
    statistics = list(statistics)
    found: dict[str, list[float]] = {statistic.name: [] for statistic in statistics}
    for bench in benches:
        measured = measure(bench, {statistic.kind for statistic in statistics})
        for statistic in statistics:
            try:
                value = statistic.value(measured)
            except (CannotEvaluate, ZeroDivisionError):
                continue
            if math.isfinite(value):
                found[statistic.name].append(value)
    return found


def text(numbers: list[float]) -> str:
    """Range and median."""
    if not numbers:
        return "–"
    return f"{min(numbers):.3g} … {max(numbers):.3g} (median {float(np.median(numbers)):.3g}, n={len(numbers)})"


def applies(fault: Fault, bench: Bench) -> bool:
    """Whether a fault makes sense for a bench."""
    if fault in (F.raw_targets, F.squashed_output):
        return bench.task == "regression"
    if fault is F.softmax_output:
        return bench.task == "classification"
    if fault is F.raw_inputs:
        return bench.kind == "table"
    if fault is F.heavy_dropout:
        return bench.model.kind != "gru"
    return fault is not F.conflicting_labels or bench.task == "classification"


def report(statistics: tuple[Statistic, ...], makers: Iterable[Callable[[int], Bench]], seeds: int) -> None:
    """Print healthy and ill ranges."""
    makers = list(makers)
    healthy = values(statistics, (bench for make in makers for seed in range(seeds) for bench in sizes(make, seed)))
    for statistic in statistics:
        print(f"{statistic.check}  {statistic.name}")
        print(f"    healthy             {text(healthy[statistic.name])}")
        for fault in statistic.faults:
            benches = (
                fault(bench)
                for make in training_benches.HEALTHY
                for seed in range(min(seeds, 2))
                for bench in (make(seed),)
                if applies(fault, bench)
            )
            ill = values([statistic], benches)[statistic.name]
            print(f"    {fault.__name__:<19} {text(ill)}")


def main() -> None:
    """Read the options and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trained", action="store_true", help="also the statistics of whole trainings (minutes)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    assert {statistic.kind for statistic in ON_TRIALS} <= set(TRIALS)
    trained = (*training_benches.HEALTHY, *training_benches.TRICKY)
    report(ON_TRIALS, (*trained, *tables.HEALTHY), options.seeds)
    if options.trained:
        report(ON_TRAININGS, trained, options.seeds)


if __name__ == "__main__":
    main()
