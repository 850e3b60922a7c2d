"""Checks of data and splits: silent where nature does it, firm where a mistake did, and quiet after the fix."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import trainwright.checks.data
import trainwright.checks.split
from trainwright.checks.data.class_imbalance import ClassImbalance
from trainwright.checks.data.constant_feature import ConstantFeature
from trainwright.checks.data.non_finite_value import NonFiniteValue
from trainwright.checks.split.label_shift import LabelShift
from trainwright.clinic import data_faults, images, tables
from trainwright.clinic.bench import Bench
from trainwright.core import CannotEvaluate, Catalogue, Check, Measurements, Severity, judge
from trainwright.core.catalogue import checks_in
from trainwright.data.dataset import Dataset, UnreadableFile
from trainwright.data.scans import scan
from trainwright.data.selection import select
from trainwright.data.sources import from_arrays, load
from trainwright.data.splits import make_splits
from trainwright.measures.features import FeatureRanges
from trainwright.measures.labels import ClassCounts
from trainwright.measures.splits import TargetShift
from trainwright.testing.contracts import is_of_data

CHECKS = [*checks_in(trainwright.checks.data), *checks_in(trainwright.checks.split)]
CATALOGUE = Catalogue(check for check in CHECKS if is_of_data(check()))
HEALTHY = (*tables.HEALTHY, *images.HEALTHY)
CASES = [(check, case) for check in CATALOGUE for case in check.cases]


def measured(bench: Bench, changes: Mapping[str, Any] | None = None) -> Measurements:
    """Scan a bench as an experiment with its settings and these changes would be scanned."""
    settings = {**bench.config, **(changes or {})}
    dataset: Dataset = from_arrays(
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
    splits = make_splits(dataset, validation=0.2, test=0.1, stratify=True, seed=0)
    names = ("drop_samples", "drop_features", "deduplicate")
    selection = {name: settings[f"data.{name}"] for name in names if f"data.{name}" in settings}
    return scan(
        *select(dataset, splits, **selection),
        scaling=settings.get("data.scaling", "auto"),
        missing=settings.get("data.missing", "impute"),
        shuffle=settings.get("training.shuffle", True),
    )


@pytest.mark.parametrize("make", HEALTHY, ids=lambda m: m.__name__)
def test_healthy_benches_raise_nothing(make: Callable[[int], Bench]) -> None:
    for seed in range(3):
        verdict = judge(CATALOGUE, measured(make(seed)))
        assert [f.happened for f in verdict.findings] == []
        assert not any("failed with" in reason for _, reason in verdict.not_evaluated)


@pytest.mark.parametrize(("check", "case"), CASES, ids=lambda v: getattr(v, "code", ""))
def test_each_fault_is_named_first_and_its_fix_cures_it(check: Check, case: Any) -> None:
    for seed in range(2):
        ill = case.fault(case.healthy(seed))
        findings = judge(CATALOGUE, measured(ill)).findings
        assert findings[0].code == check.code
        for fix in findings[0].fixes:
            if fix.executable:
                cured = judge(CATALOGUE, measured(ill, fix.changes))
                assert check.code not in {f.code for f in cured.findings}


@pytest.mark.parametrize("name", ["digits", "digits-200", "breast-cancer", "wine", "diabetes"])
def test_bundled_data_raise_nothing_as_the_recipe_uses_them(name: str) -> None:
    data = load(name)
    splits = make_splits(data, validation=0.2, test=0.1, stratify=True, seed=0)
    verdict = judge(CATALOGUE, scan(data, splits, scaling="auto", missing="impute", shuffle=True))
    assert verdict.findings == ()


def test_an_unstratified_division_is_cured_by_stratifying() -> None:
    shift = TargetShift(
        first="train",
        second="validation",
        groups=("a", "b"),
        first_counts=np.array([100, 100]),
        second_counts=np.array([45, 5]),
        bands=False,
        given=False,
    )
    (finding,) = LabelShift().run(shift)
    assert finding.fixes[0].changes == {"data.stratify": True}
    assert "90.0% of validation but 50.0% of train" in finding.happened
    (advice,) = LabelShift().run(replace(shift, given=True))
    assert not advice.fixes[0].executable


def test_missing_cells_that_will_be_filled_in_are_advice() -> None:
    inputs = tables.wine(0).inputs.copy()
    inputs[5, 3] = np.nan
    bench = replace(tables.wine(0), inputs=inputs)
    (finding,) = judge(CATALOGUE, measured(bench)).findings
    assert finding.severity is Severity.ADVICE
    (finding,) = judge(CATALOGUE, measured(bench, {"data.missing": "keep"})).findings
    assert finding.severity is Severity.ERROR
    assert finding.fixes[0].changes == {"data.drop_samples": [5]}


def test_a_column_full_of_infinities_is_left_out_rather_than_all_rows() -> None:
    inputs = tables.wine(0).inputs.copy()
    inputs[:, 3] = np.inf
    findings = judge(CATALOGUE, measured(replace(tables.wine(0), inputs=inputs))).findings
    assert findings[0].code == NonFiniteValue.code
    assert findings[0].fixes[0].changes == {"data.drop_features": ["alcalinity_of_ash"]}


def test_constant_pixels_are_healthy_and_empty_columns_are_not() -> None:
    pixels = measured(images.digit_pixels(0)).of(FeatureRanges)[0]
    assert (pixels.low == pixels.high).any()
    assert list(ConstantFeature().run(pixels)) == []
    table = measured(tables.wine(0)).of(FeatureRanges)[0]
    empty = replace(table, low=np.where(np.arange(13) == 2, np.nan, table.low))
    (finding,) = ConstantFeature().run(empty)
    assert "'ash' has no value" in finding.happened


def test_a_class_without_a_sample_is_named() -> None:
    counts = ClassCounts(split="train", class_names=("a", "b", "c"), counts=np.array([50, 40, 0]))
    (finding,) = ClassImbalance().run(counts)
    assert "'c' (0)" in finding.happened


def test_few_copies_are_advice() -> None:
    bench = data_faults.copied_samples(images.digits(0), share=0.001)
    (finding,) = judge(CATALOGUE, measured(bench)).findings
    assert (finding.code, finding.severity) == ("TW105", Severity.ADVICE)


@pytest.mark.parametrize("check", list(CATALOGUE), ids=lambda c: c.code)
def test_empty_short_and_nan_measurements_are_survived(check: Check) -> None:
    bench = check.cases[0].fault(check.cases[0].healthy(0))
    for measurement in measured(bench).of(check.needs[0].kind):
        for broken in _variants(measurement):
            with contextlib.suppress(CannotEvaluate):
                findings = list(check.run(broken))
                assert all(f.happened and f.expected and f.todo for f in findings)


def _variants(measurement: Any) -> list[Any]:
    """The measurement with its arrays cut short or NaN, its numbers 0 or NaN, its texts and tuples empty."""
    found = []
    for field in fields(measurement):
        value = getattr(measurement, field.name)
        options: list[Any] = []
        if isinstance(value, np.ndarray):
            options = [value[:0], value[:1], np.full(len(value), np.nan), np.zeros_like(value)]
        elif isinstance(value, tuple):
            options = [(), value[:1]]
        elif isinstance(value, float):
            options = [float("nan"), 0.0, float("inf")]
        elif isinstance(value, int) and not isinstance(value, bool):
            options = [0]
        found += [replace(measurement, **{field.name: option}) for option in options]
    arrays = {f.name for f in fields(measurement) if isinstance(getattr(measurement, f.name), np.ndarray | tuple)}
    found.append(replace(measurement, **{name: getattr(measurement, name)[:0] for name in arrays}))
    return found
