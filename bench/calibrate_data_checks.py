"""Where the limits of the data and split checks come from: each statistic on healthy benches and on ill ones.

    python bench/calibrate_data_checks.py [seeds]

For each statistic: its range over the seeds on every healthy bench, the limit, and its range on the ill benches.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from trainwright.checks.data import class_imbalance, mixed_scales, sorted_order
from trainwright.checks.split import label_shift
from trainwright.clinic import data_faults, images, tables
from trainwright.clinic.bench import Bench
from trainwright.core import Measurements
from trainwright.data.dataset import UnreadableFile
from trainwright.data.scans import scan
from trainwright.data.sources import from_arrays
from trainwright.data.splits import make_splits
from trainwright.measures.duplicates import ConflictingLabels, DuplicateSamples, SplitOverlap, chance_limit
from trainwright.measures.features import FeatureRanges
from trainwright.measures.labels import ClassCounts
from trainwright.measures.order import TargetOrder
from trainwright.measures.splits import TargetShift

HEALTHY = (*tables.HEALTHY, *images.HEALTHY)
Statistic = Callable[[Measurements], Iterator[float]]


def measured(bench: Bench) -> Measurements:
    """The production scan of a bench, with the settings of the bench."""
    dataset = from_arrays(
        bench.inputs,
        bench.targets,
        name=bench.name,
        task=bench.task,
        kind=bench.kind,
        class_names=bench.class_names,
        feature_names=bench.feature_names,
        given_splits=bench.splits,
    )
    dataset = replace(dataset, unreadable=tuple(UnreadableFile(*pair) for pair in bench.unreadable))
    splits = make_splits(dataset, validation=0.2, test=0.1, stratify=True, seed=bench.seed)
    return scan(
        dataset,
        splits,
        scaling=bench.config.get("data.scaling", "auto"),
        missing=bench.config.get("data.missing", "impute"),
        shuffle=bench.config.get("training.shuffle", True),
    )


def duplicate_excess(measurements: Measurements) -> Iterator[float]:
    """Pairs of equal training samples over the limit that chance gives."""
    for m in measurements.of(DuplicateSamples):
        if m.n_pairs:
            yield m.n_pairs / chance_limit(m.chance_pairs) if m.chance_pairs else np.inf


def duplicates_over_estimate(measurements: Measurements) -> Iterator[float]:
    """Pairs of equal training samples over the bare estimate of chance."""
    for m in measurements.of(DuplicateSamples):
        if m.n_pairs or m.chance_pairs:
            yield m.n_pairs / m.chance_pairs if m.chance_pairs else np.inf


def overlap_excess(measurements: Measurements) -> Iterator[float]:
    """Pairs of equal samples across splits over the limit that chance gives."""
    for m in measurements.of(SplitOverlap):
        if m.n_pairs:
            yield m.n_pairs / chance_limit(m.chance_pairs) if m.chance_pairs else np.inf


def conflict_excess(measurements: Measurements) -> Iterator[float]:
    """Pairs of equal inputs and different class over the limit that chance gives."""
    for m in measurements.of(ConflictingLabels):
        if m.n_pairs:
            yield m.n_pairs / chance_limit(m.chance_pairs) if m.chance_pairs else np.inf


def imbalance(measurements: Measurements) -> Iterator[float]:
    """Largest to smallest class."""
    for m in measurements.of(ClassCounts):
        yield float(m.counts.max() / max(m.counts.min(), 0.5))


def scale_ratio(measurements: Measurements) -> Iterator[float]:
    """Widest to narrowest feature of tables that are not pixels."""
    for m in measurements.of(FeatureRanges):
        widths = m.widths
        if m.kind == "table" and not m.pixel_like:
            yield float(widths[widths > 0].max() / widths[widths > 0].min())


def order(measurements: Measurements) -> Iterator[float]:
    """Association of neighbours."""
    for m in measurements.of(TargetOrder):
        yield m.association


def _of_validation(measurements: Measurements) -> list[TargetShift]:
    return [m for m in measurements.of(TargetShift) if m.second == "validation"]


def shift_distance(measurements: Measurements) -> Iterator[float]:
    """Total variation between the target mixes of two splits."""
    for m in _of_validation(measurements):
        yield float(np.abs(m.first_counts / m.first_counts.sum() - m.second_counts / m.second_counts.sum()).sum() / 2)


def shift_deviations(measurements: Measurements) -> Iterator[float]:
    """Chi-square statistic of the target counts as a standard normal deviate."""
    for m in _of_validation(measurements):
        yield label_shift.chance_deviations(m.first_counts.astype(float), m.second_counts.astype(float))


STUDIES: tuple[tuple[str, Statistic, float | None, tuple[Callable[[Bench], Bench], ...]], ...] = (
    ("TW105 pairs / estimate", duplicates_over_estimate, None, (data_faults.copied_samples,)),
    ("TW105 pairs / limit", duplicate_excess, 1, (data_faults.copied_samples,)),
    ("TW107 pairs / limit", conflict_excess, 1, (data_faults.conflicting_labels,)),
    ("TW110 ratio", imbalance, class_imbalance.RATIO, (data_faults.imbalanced_classes,)),
    ("TW113 ratio of ranges", scale_ratio, mixed_scales.RATIO, (data_faults.mixed_scales,)),
    ("TW120 association", order, sorted_order.ASSOCIATION, (data_faults.sorted_unshuffled,)),
    ("TW201 pairs / limit", overlap_excess, 1, (data_faults.overlapping_splits,)),
    ("TW205 total variation", shift_distance, label_shift.DISTANCE, (data_faults.shifted_labels,)),
    ("TW205 deviations", shift_deviations, label_shift.DEVIATIONS, (data_faults.shifted_labels,)),
)


def main(seeds: int) -> None:
    """Print one line per statistic and bench."""
    for title, statistic, limit, faults in STUDIES:
        print(f"\n{title}   limit {limit}")
        for make in HEALTHY:
            healthy = _range(statistic, [make(seed) for seed in range(seeds)])
            ill = [_range(statistic, _ill(make, fault, seeds)) for fault in faults]
            print(f"  {make.__name__:15} healthy {healthy:28} ill {'; '.join(ill)}")


def _ill(make: Callable[[int], Bench], fault: Callable[[Bench], Bench], seeds: int) -> list[Bench]:
    benches = [make(seed) for seed in range(seeds)]
    needs_classes = fault in (data_faults.conflicting_labels, data_faults.imbalanced_classes)
    return [fault(b) for b in benches if b.task == "classification" or not needs_classes]


def _range(statistic: Statistic, benches: list[Bench]) -> str:
    values = np.array([value for bench in benches for value in statistic(measured(bench))])
    if not len(values):
        return "none"
    return f"{values.min():8.3g} to {values.max():8.3g} (n={len(values)})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
