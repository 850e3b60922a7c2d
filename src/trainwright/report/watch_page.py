"""The page about a watched program: curves of losses and layers, and the findings."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console

import trainwright
from trainwright.core import Measurements
from trainwright.logbook.files import make_folder, write_bytes
from trainwright.measures.curves import Curve, LearningCurve
from trainwright.measures.layers import ActivationSignals, LayerSignals
from trainwright.report.format import duration
from trainwright.report.html import render_html
from trainwright.report.text import print_verdict
from trainwright.report.view import Chart, Gate, Outcome, Rule, RunView, StageResult, Step

if TYPE_CHECKING:
    from trainwright.report.watch import Watch

MOST_DRAWN = 300
"""Points of one line."""
MOST_LAYERS = 12
"""Lines of one chart."""


def write_page(watch: Watch, path: Path) -> Path:
    """Write the report to ``path`` atomically: a page of HTML, or plain text where the parts that draw are missing.

    Raises ``RunFolderError`` where it cannot be written. Returns where it stands.
    """
    make_folder(path.parent)
    if find_spec("vl_convert") is None:
        path = path.with_suffix(".txt")
        write_bytes(path, _text(watch).encode("utf-8"))
        return path
    write_bytes(path, render_html(view_of(watch), path.parent).encode("utf-8"))
    return path


def _text(watch: Watch) -> str:
    out = StringIO()
    console = Console(file=out, width=110, highlight=False)
    for label, value, remark in view_of(watch).headline:
        console.print(f"{label}: {value} {remark}".strip(), markup=False)
    print_verdict(console, watch.verdict)
    console.print("Charts need: pip install 'trainwright[recipe]'", markup=False)
    return out.getvalue()


def view_of(watch: Watch) -> RunView:
    """The watched program as a run of one stage."""
    verdict = watch.verdict
    blocking = verdict.blocking
    reason = f"{blocking[0].code} {blocking[0].name}" if blocking else "No error was found."
    stage = StageResult(
        stage="watch",
        purpose="Listen to the loop as it runs, without changing it.",
        steps=(
            Step(
                "cost",
                "Watching takes little of the run's time.",
                f"{watch.cost:.2%} of {duration(watch.seconds)}{f'; {watch.fault}' if watch.fault else ''}.",
                Outcome.SURPRISE if watch.fault else Outcome.INFORMATION,
            ),
        ),
        gate=Gate(not blocking, reason),
        verdict=verdict,
        charts=tuple(charts_of(watch.measurements)),
        seconds=watch.seconds,
    )
    curves = watch.measurements.of(LearningCurve)
    headline = [("steps", f"{watch.steps:,}", duration(watch.seconds))]
    for curve in curves:
        losses = curve.train_loss.finite.y
        if len(losses):
            headline.append((f"training loss {curve.name}".strip(), f"{losses[-1]:.4g}", f"from {losses[0]:.4g}"))
        if len(curve.validation_loss.finite):
            best = curve.validation_loss.finite.y
            headline.append(("validation loss", f"{best[-1]:.4g}", f"best {best.min():.4g}"))
    return RunView(
        name=watch.name,
        status="finished",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        data_name="a watched program",
        headline=tuple(headline),
        stages=(stage,),
        config_yaml="",
        reproduce={
            "command": " ".join(sys.argv),
            "trainwright": trainwright.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    )


def charts_of(measurements: Measurements) -> Iterator[Chart]:
    """What there is to see: losses, metrics, rates, and each layer's gradients, updates and dead units."""
    for curve in measurements.of(LearningCurve):
        yield from _curves(curve)
    for signals in measurements.of(LayerSignals):
        if signals.consistent and len(signals.steps) > 1:
            yield from _layers(signals)
    for activity in measurements.of(ActivationSignals):
        if activity.consistent and np.isfinite(activity.dead).any():
            rows = _rows(activity.steps, activity.names, activity.dead)
            yield Chart(
                "Dead units", "line", rows, "step", "share", "layer", y_title="share of units",
                caption="Units that gave zero for every sample of four sampled batches.",
            )  # fmt: skip


def _curves(curve: LearningCurve) -> Iterator[Chart]:
    suffix = f" of {curve.name}" if curve.name else ""
    rules = () if curve.baseline_train_loss is None else (Rule(curve.baseline_train_loss, "constant prediction"),)
    losses = [("training", curve.train_loss), ("validation", curve.validation_loss)]
    yield from _lines(f"Loss{suffix}", losses, rules)
    metrics = [("training", curve.train_metric), ("validation", curve.validation_metric)]
    base = () if curve.baseline_train_metric is None else (Rule(curve.baseline_train_metric, "constant prediction"),)
    yield from _lines(f"{curve.metric_name.capitalize()}{suffix} ({curve.unit})", metrics, base)
    if len(set(curve.learning_rate.y)) > 1:
        yield from _lines(f"Learning rate{suffix}", [("rate", curve.learning_rate)], ())


def _lines(title: str, curves: list[tuple[str, Curve]], rules: tuple[Rule, ...]) -> Iterator[Chart]:
    rows = tuple(
        {"step": float(x), "value": float(y), "part": part}
        for part, curve in curves
        for x, y in zip(curve.finite.blocks(MOST_DRAWN).x, curve.finite.blocks(MOST_DRAWN).y, strict=True)
    )
    if rows:
        yield Chart(title, "line", rows, "step", "value", "part", rules=rules, y_title="")


def _layers(signals: LayerSignals) -> Iterator[Chart]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = signals.update_norm / signals.weight_norm
    for title, values, caption, rules in (
        ("Gradient norms", signals.gradient_norm, "Per layer, on the sampled steps.", ()),
        (
            "Update ratios",
            ratio,
            "How much a step changes each layer, as a share of its weights.",
            (Rule(1e-3, "rule of thumb"),),
        ),
    ):
        rows = _rows(signals.steps, signals.names, np.where(values > 0, values, np.nan))
        if rows:
            yield Chart(
                f"{title} under {signals.optimizer}", "line", rows, "step", "share", "layer",
                log_y=True, y_title="", caption=caption, rules=rules,
            )  # fmt: skip


def _rows(steps: npt.NDArray[Any], names: tuple[str, ...], values: npt.NDArray[Any]) -> tuple[dict[str, Any], ...]:
    chosen = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_LAYERS)).round().astype(int))
    return tuple(
        {"step": int(step), "share": float(value), "layer": names[layer]}
        for layer in chosen
        for step, value in zip(steps, values[layer], strict=True)
        if np.isfinite(value)
    )
