"""Charts: from the plain :class:`~trainwright.report.view.Chart` to Vega-Lite, Altair, SVG and PNG."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainwright.core import Evidence
from trainwright.measures.curves import Curve
from trainwright.report.theme import chart_config
from trainwright.report.vegalite import specify
from trainwright.report.view import Chart, Rule, Scalar

if TYPE_CHECKING:
    import altair as alt

FILE_WIDTH = 680
"""Pixels of a chart in a file; on a page the width follows the container."""

MOST_DRAWN = 300
"""Points of one line."""

WIDE = 100.0
"""Largest by smallest value of one chart from which on a linear axis hides what the small ones do."""

TEXT_CELLS = 15
"""Classes up to which a confusion matrix has its counts written into the cells."""


def to_altair(chart: Chart) -> alt.Chart | alt.LayerChart:
    """An Altair chart with its own legend and light colours, for notebooks and files.

    Raises ``ValueError`` when the chart has no row that can be drawn, and ``altair.SchemaValidationError`` never: what
    :func:`~trainwright.report.vegalite.specify` writes is valid Vega-Lite.
    """
    import altair as alt

    return alt.Chart.from_dict(_standalone(chart))


def to_svg(chart: Chart, path: Path) -> Path:
    """Write the chart as SVG (light colours, white ground), without a browser. Returns ``path``."""
    import vl_convert

    path.write_text(vl_convert.vegalite_to_svg(_standalone(chart)), encoding="utf-8")
    return path


def to_png(chart: Chart, path: Path, *, scale: float = 2.0) -> Path:
    """Write the chart as PNG with ``scale`` device pixels per pixel, without a browser. Returns ``path``."""
    import vl_convert

    path.write_bytes(vl_convert.vegalite_to_png(_standalone(chart), scale=scale))
    return path


def _standalone(chart: Chart) -> dict[str, Any]:
    specification = specify(chart, legend=True)
    config = {**chart_config(dark=False), "background": "#ffffff"}
    return {**specification, "width": FILE_WIDTH, "title": chart.title, "config": config}


def evidence_chart(evidence: Evidence) -> Chart | None:
    """The series of one piece of evidence as lines, or None where it has none.

    The limit is drawn only where it can be read off the same axis: of equal units, with the judged value among the
    drawn ones, and, where no unit is named, one of them: a share of the losses that are drawn has no unit either.
    """
    series = [s for s in evidence.series if s.x]
    if not series:
        return None
    rows: tuple[dict[str, Scalar], ...] = tuple(
        {"x": x, "y": y, "series": s.name} for s in series for x, y in zip(s.x, s.y, strict=True)
    )
    units = " / ".join(dict.fromkeys(s.unit for s in series if s.unit))
    title = evidence.quantity + (f", {evidence.where}" if evidence.where else "")
    return Chart(
        title=title,
        kind="line",
        rows=rows,
        x="x",
        y="y",
        color="series",
        rules=_limit_rule(evidence, [y for s in series for y in s.y]),
        x_title="",
        y_title=f"{series[0].name} ({units})" if len(series) == 1 and units else units,
    )


def curves_chart(
    title: str, curves: Iterable[tuple[str, Curve]], *, x_unit: str = "step", rules: tuple[Rule, ...] = ()
) -> Chart | None:
    """Several curves of one quantity as lines of one chart, thinned; None where no curve has a finite value.

    The axis of values is logarithmic where they are positive and span more than :data:`WIDE` times.
    """
    drawn = [(name, curve.finite.blocks(MOST_DRAWN)) for name, curve in curves]
    rows: tuple[dict[str, Scalar], ...] = tuple(
        {x_unit: float(x), "value": float(y), "part": name}
        for name, curve in drawn
        for x, y in zip(curve.x, curve.y, strict=True)
    )
    if not rows:
        return None
    values = [float(y) for _, curve in drawn for y in curve.y]
    wide = min(values) > 0 and max(values) > WIDE * min(values)
    return Chart(title, "line", rows, x_unit, "value", "part", rules=rules, log_y=wide, y_title="")


def _limit_rule(evidence: Evidence, values: list[float]) -> tuple[Rule, ...]:
    drawn = np.asarray(values, dtype=float)
    drawn = drawn[np.isfinite(drawn)]
    if evidence.limit is None or not drawn.size or not np.isfinite(evidence.limit):
        return ()
    same_unit = all(s.unit == evidence.unit for s in evidence.series)
    if not same_unit or not drawn.min() <= evidence.value <= drawn.max():
        return ()
    if not evidence.unit and not np.isclose(drawn, evidence.value, rtol=1e-6, atol=0).any():
        return ()
    return (Rule(float(evidence.limit), "limit"),)


def confusion_chart(
    counts: npt.NDArray[np.int64], class_names: tuple[str, ...], *, title: str = "Confusion", caption: str = ""
) -> Chart:
    """True against predicted class as a heatmap.

    ``counts`` [C, C]: samples by true class (rows) and predicted class (columns). Colour is the share of the true
    class, so that rare classes count like common ones; the cells show counts.
    """
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = counts / totals
    rows: tuple[dict[str, Scalar], ...] = tuple(
        {
            "predicted": class_names[j],
            "true": class_names[i],
            "share": round(float(shares[i, j]), 4),
            "count": int(counts[i, j]),
        }
        for i in range(len(class_names))
        for j in range(len(class_names))
    )
    return Chart(
        title=title,
        kind="heatmap",
        rows=rows,
        x="predicted",
        y="true",
        color="share",
        caption=caption,
        text="count" if len(class_names) <= TEXT_CELLS else None,
        x_title="Predicted class",
        y_title="True class",
    )
