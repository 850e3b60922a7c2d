"""Trainings side by side, and the curves behind findings, as charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trainwright.core import Finding
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.report.charts import curves_chart, evidence_chart
from trainwright.report.view import Chart


def charts_beside(curves: Mapping[str, LearningCurve]) -> Iterator[Chart]:
    """Losses and metrics of several trainings, each quantity in one chart, named by the keys of ``curves``."""
    unit = next((curve.x_unit for curve in curves.values()), "epoch")
    metric = next((curve.metric_name for curve in curves.values() if curve.metric_name), "metric")
    quantities = {
        "Training loss": {name: curve.train_loss for name, curve in curves.items()},
        "Validation loss": {name: curve.validation_loss for name, curve in curves.items()},
        f"Validation {metric}": {name: curve.validation_metric for name, curve in curves.items()},
    }
    for title, lines in quantities.items():
        chart = curves_chart(title, _known(lines), x_unit=unit)
        if chart is not None:
            yield chart


def _known(lines: Mapping[str, Curve]) -> list[tuple[str, Curve]]:
    return [(name, curve) for name, curve in lines.items() if len(curve.finite)]


def charts_of_evidence(findings: tuple[Finding, ...]) -> Iterator[Chart]:
    """The series behind findings, where they have any."""
    for finding in findings:
        yield from (chart for each in finding.evidence if (chart := evidence_chart(each)) is not None)
