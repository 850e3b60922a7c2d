"""Line charts in a terminal: whatever the rows, and what one can read off them."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from trainwright.measures.curves import Curve, LearningCurve
from trainwright.report.beside import charts_beside
from trainwright.report.charts import curves_chart
from trainwright.report.plot import draw_lines
from trainwright.report.view import Chart, Rule

NUMBERS = st.one_of(st.floats(), st.integers(-(10**9), 10**9), st.none(), st.booleans(), st.text(max_size=3))


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries({"x": NUMBERS, "y": NUMBERS, "part": st.sampled_from("ab")}), max_size=20),
    width=st.integers(1, 120),
    height=st.integers(1, 20),
    log=st.booleans(),
)
def test_any_rows_fit_the_frame(rows: list[dict[str, object]], width: int, height: int, log: bool) -> None:
    chart = Chart("t", "line", tuple(rows), "x", "y", "part", rules=(Rule(0.5, "half"),), log_y=log)
    drawn = draw_lines(chart, width=width, height=height)
    finite = [
        r
        for r in rows
        if all(isinstance(r[k], int | float) and not isinstance(r[k], bool) for k in "xy")
        and all(math.isfinite(r[k]) and abs(r[k]) < 1e100 for k in "xy")  # type: ignore[arg-type]
        and (not log or r["y"] > 1e-100)  # type: ignore[operator]
    ]
    assert (drawn is None) == (not finite)
    if drawn is not None:
        lines = drawn.plain.split("\n")
        assert len(lines) == height + 3
        margin = lines[1].index("│")
        assert all(len(line) <= max(width, margin + 11) for line in lines[1 : height + 1])


def test_a_falling_line_goes_from_the_top_left_to_the_bottom_right() -> None:
    chart = curves_chart("Loss", [("training", Curve.of(range(1, 6), [5.0, 4.0, 3.0, 2.0, 1.0]))])
    assert chart is not None
    drawn = draw_lines(chart, width=22, height=5)
    assert drawn is not None
    _, *rows, below, legend = drawn.plain.split("\n")
    starts = [len(row.split("│")[1]) - len(row.split("│")[1].lstrip()) for row in rows]
    assert starts == sorted(starts)
    assert (rows[0].split("│")[0].strip(), rows[-1].split("│")[0].strip()) == ("5", "1")
    assert below.split("└")[1].split() == ["1", "5", "step"]
    assert "training" in legend


def test_only_lines_are_drawn() -> None:
    assert draw_lines(Chart("t", "bar", ({"x": 1, "y": 2},), "x", "y")) is None


def test_wide_positive_values_get_a_logarithmic_axis() -> None:
    wide = curves_chart("Loss", [("a", Curve.of([1, 2], [1e3, 1.0]))])
    narrow = curves_chart("Loss", [("a", Curve.of([1, 2], [3.0, 1.0]))])
    negative = curves_chart("Loss", [("a", Curve.of([1, 2], [1e3, -1.0]))])
    assert [chart.log_y for chart in (wide, narrow, negative) if chart] == [True, False, False]
    assert curves_chart("Loss", [("a", Curve.of([1], [math.nan]))]) is None


def test_trainings_stand_beside_each_other_in_one_chart() -> None:
    curves = {
        name: LearningCurve(train_loss=Curve.of([1, 2], [2.0, last]), validation_loss=Curve())
        for name, last in (("healthy", 1.0), ("ill", 2.0))
    }
    (chart,) = charts_beside(curves)
    assert chart.title == "Training loss"
    assert {row["part"] for row in chart.rows} == {"healthy", "ill"}
    assert chart.x == "epoch"
