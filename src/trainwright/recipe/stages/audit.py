"""Audit: become one with the data before any network sees them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from trainwright.core import Verdict
from trainwright.data.dataset import Dataset, Kind, Splits, Task
from trainwright.data.scans import scan
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.judging import judge_measured
from trainwright.recipe.stage import Stage, gate_from
from trainwright.report.pictures import samples_picture
from trainwright.report.view import Chart, Outcome, Picture, Scalar, StageResult, Step, Table
from trainwright.workbench.experiment import Experiment

SHOWN = 60
"""Samples in the overview picture: enough to notice what is odd, few enough to look at each."""
MOST_COLUMNS = 40
"""Rows of the feature table; the rest are counted in its caption."""


class AuditStage(Stage):
    """Looks at the samples, counts, measures, and judges data and splits."""

    name = "audit"
    purpose = "Become one with the data: look at them, count them, and find what would spoil the training."

    def run(self, context: Context) -> StageResult:
        """Scan and judge the data; shut the gate on errors such as samples that stand in two splits."""
        experiment = context.experiment
        dataset, splits = experiment.dataset, experiment.splits
        context.progress.describe("scanning the data")
        config = experiment.config
        measured = scan(
            dataset,
            splits,
            scaling=config.data.scaling,
            missing=config.data.missing,
            shuffle=config.training.shuffle,
        )
        verdict = judge_measured(measured)
        steps = [_size_step(dataset), _split_step(splits), _label_step(dataset, splits), _verdict_step(verdict)]
        context.progress.describe("drawing samples")
        tables = (_feature_table(dataset, splits),) if dataset.kind is Kind.TABLE else ()
        return StageResult(
            stage=self.name,
            purpose=self.purpose,
            steps=tuple(steps),
            gate=gate_from(verdict, "The data can be trained on."),
            verdict=verdict,
            charts=(_label_chart(dataset, splits),),
            pictures=tuple(_pictures(context, dataset, splits, verdict)),
            tables=tables,
            facts={"headline": [["samples", f"{len(dataset):,}", f"{dataset.kind}, {dataset.task}"]]},
        )

    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:  # noqa: ARG002
        """No training at all."""
        return 0.0


def _size_step(dataset: Dataset) -> Step:
    shape = " × ".join(str(n) for n in dataset.sample_shape)
    unreadable = f", {len(dataset.unreadable)} files could not be read" if dataset.unreadable else ""
    return Step(
        name="size",
        expect="Every file readable, every sample of one shape.",
        measured=f"{len(dataset):,} samples of shape {shape}{unreadable}. {dataset.description}".strip(),
        outcome=Outcome.SURPRISE if dataset.unreadable else Outcome.AS_EXPECTED,
    )


def _split_step(splits: Splits) -> Step:
    sizes = {name: len(rows) for name, rows in splits.items()}
    total = sum(sizes.values())
    parts = ", ".join(f"{name} {n:,} ({n / total:.0%})" for name, n in sizes.items())
    origin = "The test part is sealed: only the report stage opens it, once."
    return Step(
        "split",
        "Three parts without a common sample, alike in their labels.",
        f"{parts}. {origin}",
        Outcome.INFORMATION,
    )


def _label_step(dataset: Dataset, splits: Splits) -> Step:
    targets = dataset.targets[splits.train]
    if dataset.task is Task.REGRESSION:
        measured = (
            f"{dataset.target_name}: mean {targets.mean():.4g}, standard deviation {targets.std():.4g}, "
            f"from {targets.min():.4g} to {targets.max():.4g}."
        )
        return Step("target", "A spread worth predicting.", measured, Outcome.INFORMATION)
    counts = np.bincount(targets, minlength=dataset.n_outputs)
    most, least = int(counts.argmax()), int(counts.argmin())
    even = counts.max() <= 3 * max(1, counts.min())
    measured = (
        f"{dataset.n_outputs} classes; {dataset.class_names[most]} has most training samples, {counts[most]:,}; "
        f"{dataset.class_names[least]} has fewest, {counts[least]:,}."
    )
    return Step("labels", "Classes of similar size.", measured, Outcome.AS_EXPECTED if even else Outcome.SURPRISE)


def _verdict_step(verdict: Verdict) -> Step:
    codes = ", ".join(sorted({f"{f.code} {f.name}" for f in verdict.findings}))
    return Step(
        name="checks",
        expect="No check of the data or split families fires.",
        measured=(
            f"{len(verdict.passed)} checks passed, {len(verdict.findings)} findings"
            + (f": {codes}." if codes else ".")
            + (f" {len(verdict.not_evaluated)} could not be evaluated." if verdict.not_evaluated else "")
        ),
        outcome=Outcome.SURPRISE if verdict.findings else Outcome.AS_EXPECTED,
    )


def _label_chart(dataset: Dataset, splits: Splits) -> Chart:
    if dataset.task is Task.CLASSIFICATION:
        rows = []
        for split, members in splits.items():
            counts = np.bincount(dataset.targets[members], minlength=dataset.n_outputs)
            rows += [
                {"class": name, "samples": int(n), "split": split}
                for name, n in zip(dataset.class_names, counts, strict=True)
            ]
        return Chart("Samples per class", "bar", tuple(rows), x="class", y="samples", color="split")
    targets = dataset.targets[splits.train]
    counts, edges = np.histogram(targets, bins=min(30, max(5, len(targets) // 20)))
    middles = (edges[:-1] + edges[1:]) / 2
    histogram = tuple({dataset.target_name: float(m), "samples": int(n)} for m, n in zip(middles, counts, strict=True))
    return Chart(
        f"Distribution of {dataset.target_name} (training part)", "line", histogram, x=dataset.target_name, y="samples"
    )


def _feature_table(dataset: Dataset, splits: Splits) -> Table:
    values = dataset.inputs[splits.train].astype(np.float64)
    rows: list[tuple[Scalar, ...]] = []
    for column, name in enumerate(dataset.feature_names[:MOST_COLUMNS]):
        known = values[:, column][np.isfinite(values[:, column])]
        missing = int(np.isnan(values[:, column]).sum())
        if name in dataset.categories:
            rows.append((name, "category", None, None, None, None, missing, len(dataset.categories[name])))
        elif len(known):
            numbers = tuple(float(f"{v:.4g}") for v in (known.mean(), known.std(), known.min(), known.max()))
            rows.append((name, "number", *numbers, missing, len(np.unique(known))))
    hidden = len(dataset.feature_names) - MOST_COLUMNS
    return Table(
        "Features (training part)",
        ("feature", "kind", "mean", "standard deviation", "minimum", "maximum", "missing", "distinct"),
        tuple(rows),
        caption=f"{hidden} more features are not listed." if hidden > 0 else "",
    )


def _pictures(context: Context, dataset: Dataset, splits: Splits, verdict: Verdict) -> Iterable[Picture]:
    rng = np.random.default_rng(context.experiment.config.seed)
    rows = rng.permutation(splits.train)[:SHOWN]
    if dataset.task is Task.CLASSIFICATION:
        # Sorted by class, so that a sample that does not belong to its row catches the eye.
        rows = rows[np.argsort(dataset.targets[rows], kind="stable")]
    path = context.picture("samples")
    samples_picture(dataset.inputs[rows], sample_labels(dataset, rows), dataset.kind, path)
    yield Picture(
        "Training samples",
        context.relative(path),
        "Do the labels fit? Is anything cut off, empty, repeated or out of place? A random draw, sorted by label.",
    )
    for number, finding in enumerate(verdict.findings):
        shown = [row for evidence in finding.evidence for row in evidence.samples if 0 <= row < len(dataset)][:24]
        if not shown:
            continue
        path = context.picture(f"audit-{number}-{finding.code}")
        samples_picture(dataset.inputs[shown], sample_labels(dataset, np.array(shown)), dataset.kind, path)
        yield Picture(f"{finding.code} {finding.name}", context.relative(path), finding.happened)


def sample_labels(dataset: Dataset, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    """What to write under each of these samples: class name or target value."""
    if dataset.task is Task.CLASSIFICATION:
        return [dataset.class_names[t] for t in dataset.targets[rows]]
    return [f"{t:.3g}" for t in dataset.targets[rows]]
