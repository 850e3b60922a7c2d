"""Prints, for every statistic of a learning curve that a check puts a limit on, its range over healthy benches (seeds
and widths) beside its range under the fault that the check is for. The limits in ``checks/fit`` and
``checks/generalise`` cite this output.

Run:  python -m bench.calibrate_curves [--seeds 3]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
import torch
from bench.calibrate_model_checks import sizes, text

from trainwright.clinic import curve_faults as faults
from trainwright.clinic import training_benches as benches
from trainwright.clinic.bench import Bench
from trainwright.core import CannotEvaluate
from trainwright.measures.curves import LearningCurve
from trainwright.measures.trends import lowest_level, rises, slope
from trainwright.testing.bench import measure


def tail(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The last fifth."""
    return values[-max(1, math.ceil(len(values) / 5)) :]


def lost(curve: LearningCurve) -> float:
    """TW502: share of what was learnt that is lost over the whole last fifth."""
    values = curve.trend.y
    lowest = lowest_level(values)
    return float(tail(values).min() - lowest) / (curve.reference - lowest)


def restless(curve: LearningCurve) -> float:
    """TW503: upward moves of the training loss but the two largest / scale."""
    return rises(curve.trend.y[len(curve.trend) // 4 :], but=2) / curve.scale


def steady(curve: LearningCurve) -> float:
    """TW504: progress of the second half / that of the first."""
    values = curve.trend.y
    half = len(values) // 2
    return float((values[half] - values[-1]) / (values[0] - values[half]))


def progress(curve: LearningCurve) -> float:
    """TW505: fall over the last 60 % / what was learnt, where the loss is above a fifth of the constant's."""
    values = curve.trend.y
    late = values[round(0.4 * len(values)) :]
    if late.mean() < 0.2 * curve.reference:
        return math.nan
    return -slope(late)[0] / (curve.reference - lowest_level(values))


def height(curve: LearningCurve) -> float:
    """TW506: largest height above what came before and comes after / scale."""
    values = curve.trend.y
    width = max(2, min(7, len(values) // 10))
    heights = [
        values[i] - max(np.median(values[max(0, i - width) : i]), np.median(values[i + 1 : i + 1 + width]))
        for i in range(2, len(values) - 1)
    ]
    return float(max(heights)) / curve.scale


def swings(curve: LearningCurve) -> float:
    """TW507: upward moves of the validation loss / scale."""
    values = curve.validation_trend.y
    return rises(values[len(values) // 4 :]) / curve.scale


def gaining(curve: LearningCurve) -> float:
    """TW512: gain of the last fifth of the validation loss over the one before / what was learnt."""
    values = curve.validation_trend.y
    n = len(tail(values))
    last = float(values[-n:].mean())
    return (float(values[-2 * n : -n].mean()) - last) / (curve.reference - last)


def wrong_way(curve: LearningCurve) -> float:
    """TW514: standard errors of accuracy lost between the first and the last third, on validation data."""
    values, third = curve.validation_metric.y, max(1, len(curve.validation_metric) // 3)
    if not curve.higher_is_better or curve.n_validation is None:
        return math.nan
    first = float(values[:third].mean())
    share = min(max(first / 100, 0.01), 0.99)
    return (first - float(values[-third:].mean())) / (100 * math.sqrt(share * (1 - share) / curve.n_validation))


def left(curve: LearningCurve) -> float:
    """TW602: final training loss / scale."""
    return float(tail(curve.trend.y).mean()) / curve.scale


def better(curve: LearningCurve) -> float:
    """TW603: training less validation loss over the second half, each over its own constant's; without dropout."""
    if curve.train_only or not curve.baseline_validation_loss:
        return math.nan
    train = (curve.trend.y + np.append(curve.trend.y[1:], curve.trend.y[-1])) / 2 / curve.scale
    return float(np.median((train - curve.validation_loss.y / curve.baseline_validation_loss)[len(train) // 2 :]))


def understood(curve: LearningCurve) -> float:
    """TW605: share of the constant's loss learnt on validation data."""
    return 1 - float(curve.validation_loss.y.min()) / (curve.baseline_validation_loss or math.nan)


Statistic = Callable[[LearningCurve], float]
STATISTICS: tuple[tuple[Statistic, Callable[[int], Bench], Callable[[Bench], Bench]], ...] = (
    (lost, benches.alloys_mlp, faults.heavy_momentum),
    (restless, benches.alloys_mlp, faults.high_rate),
    (steady, benches.yield_mlp, faults.low_rate),
    (progress, benches.yield_mlp, faults.strong_decay),
    (height, benches.alloys_mlp, faults.disturbed),
    (swings, benches.alloys_mlp, faults.hasty_norm),
    (gaining, benches.alloys_mlp, faults.cut_training),
    (wrong_way, benches.alloys_mlp, faults.flipped_loss),
    (left, benches.yield_mlp, faults.strong_decay),
    (better, benches.waves_gru, faults.noisy_training_labels),
    (understood, benches.alloys_mlp, faults.shuffled_labels),
)


def curve_of(bench: Bench) -> LearningCurve:
    """The curve of a whole training of a bench."""
    return measure(bench, {LearningCurve}).of(LearningCurve)[0]


def values(statistic: Statistic, curves: list[LearningCurve]) -> list[float]:
    """A statistic's finite values."""
    found = []
    for curve in curves:
        try:
            found.append(statistic(curve))
        except (CannotEvaluate, ZeroDivisionError):
            continue
    return [value for value in found if math.isfinite(value)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(options.seeds)
    makers = (*benches.HEALTHY, *benches.TRICKY)
    own = [curve_of(make(seed)) for make in makers for seed in seeds]
    others = [curve_of(b) for make in makers for seed in seeds for b in list(sizes(make, seed))[1:]]
    for statistic, make, fault in STATISTICS:
        print((statistic.__doc__ or "").rstrip("."))
        print(f"    healthy, own width   {text(values(statistic, own))}")
        print(f"    healthy, any width   {text(values(statistic, own + others))}")
        ill = [curve_of(fault(make(seed))) for seed in seeds]
        print(f"    {fault.__name__:<20} {text(values(statistic, ill))}")


if __name__ == "__main__":
    main()
