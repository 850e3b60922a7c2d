"""Charts: valid specifications for whatever rows, rules that can be read, files without a browser."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trainwright.core import Evidence, Series
from trainwright.report.charts import confusion_chart, evidence_chart, to_altair, to_png, to_svg
from trainwright.report.theme import LIGHT, color_positions
from trainwright.report.vegalite import MAX_ROWS, series_names, specify, thin
from trainwright.report.view import Chart, Rule, RunView, Scalar

NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=True, allow_infinity=True), st.none())
VALUES = st.one_of(NUMBERS, st.booleans(), st.text(max_size=12))
KINDS: tuple[Literal["line", "bar", "interval", "scatter", "heatmap"], ...] = (
    "line",
    "bar",
    "interval",
    "scatter",
    "heatmap",
)


def texts_of(layers: list[dict[str, Any]]) -> list[str]:
    return [
        layer["data"]["values"][0]["label"]
        for layer in layers
        if layer.get("data") and layer["mark"].get("style") == "rule-label"
    ]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries({"x": VALUES, "y": NUMBERS, "c": VALUES, "low": NUMBERS, "high": NUMBERS, "n": VALUES}),
        max_size=12,
    ),
    rule=st.floats(allow_nan=True, allow_infinity=True),
    log=st.booleans(),
)
def test_any_rows_become_standard_json_or_nothing(
    kind: Literal["line", "bar", "interval", "scatter", "heatmap"],
    rows: list[dict[str, Scalar]],
    rule: float,
    log: bool,
) -> None:
    chart = Chart("t", kind, tuple(rows), "x", "y", "c", rules=(Rule(rule, "limit"),), log_y=log and kind != "bar")
    try:
        specification = specify(chart, legend=False)
    except ValueError:
        return
    json.dumps(specification, allow_nan=False)


def test_altair_accepts_every_kind_of_chart(view: RunView) -> None:
    one_of_each = {chart.kind: chart for stage in view.stages for chart in stage.charts}
    assert set(one_of_each) == set(KINDS)
    for chart in one_of_each.values():
        assert to_altair(replace(chart, rows=chart.rows[:20])).to_dict()["layer"], chart.title


@pytest.mark.parametrize("kind", KINDS)
def test_files_need_no_browser(kind: Literal["line", "bar", "interval", "scatter", "heatmap"], tmp_path: Path) -> None:
    rows = tuple(
        {
            "x": i if kind == "line" else f"class {i % 4}",
            "y": float(i),
            "c": ("kept", "within noise")[i % 2],  # colours with unused ones between them
            "low": i - 1.0,
            "high": i + 1.0,
        }
        for i in range(1, 9)
    )
    chart = Chart("A & <b>", kind, rows, "x", "y", None if kind == "heatmap" else "c", rules=(Rule(3.0, "limit"),))
    svg = to_svg(chart, tmp_path / "chart.svg").read_text()
    assert "A &amp; &lt;b&gt;" in svg
    with Image.open(to_png(chart, tmp_path / "chart.png")) as picture:
        assert picture.width > 600


def test_a_chart_without_finite_values_is_refused() -> None:
    chart = Chart("empty", "line", ({"x": 1, "y": math.nan}, {"x": 2, "y": None}), "x", "y")
    with pytest.raises(ValueError, match="no row"):
        specify(chart, legend=False)


def test_values_a_log_axis_cannot_show_are_left_out() -> None:
    rows = ({"x": 1, "y": 0.0}, {"x": 2, "y": -3.0}, {"x": 3, "y": 0.1}, {"x": 4, "y": 10.0})
    chart = Chart("loss", "line", rows, "x", "y", log_y=True, rules=(Rule(0.0, "zero"), Rule(1.0, "one")))
    specification = specify(chart, legend=False)
    assert [r["x"] for r in specification["data"]["values"]] == [3, 4]
    assert texts_of(specification["layer"]) == ["one"]


def test_a_baseline_outside_the_data_widens_the_axis() -> None:
    rows = tuple({"epoch": i, "accuracy": 90.0 + i} for i in range(5))
    chart = Chart("accuracy", "line", rows, "epoch", "accuracy", rules=(Rule(10.2, "majority"),))
    low, high = specify(chart, legend=False)["layer"][1]["encoding"]["y"]["scale"]["domain"]
    assert low < 10.2 < 94 < high


def test_labels_of_close_baselines_do_not_overlap() -> None:
    rows = tuple({"epoch": i, "accuracy": float(i)} for i in range(101))
    rules = tuple(Rule(v, f"rule {v}") for v in (96.9, 97.6, 98.4, 99.0))
    layers = specify(Chart("t", "line", rows, "epoch", "accuracy", rules=rules), legend=False)["layer"]
    labels = [layer for layer in layers if layer["mark"].get("style") == "rule-label"]
    inner = 218
    low, high = labels[0]["encoding"]["y"]["scale"]["domain"]
    heights = sorted(
        inner * (layer["data"]["values"][0]["value"] - low) / (high - low) - layer["mark"]["dy"] for layer in labels
    )
    assert min(b - a for a, b in pairwise(heights)) >= 13.9


def test_long_series_are_thinned_evenly_and_quickly() -> None:
    rows = tuple(
        {"step": i, "loss": 1 / (i + 1), "part": part} for part in ("train", "validation") for i in range(40_000)
    )
    chart = Chart("loss", "line", rows, "step", "loss", "part", rules=(Rule(0.5, "limit"),))
    begin = time.perf_counter()
    records = specify(chart, legend=False)["data"]["values"]
    assert time.perf_counter() - begin < 5
    assert len(records) <= MAX_ROWS
    for part in ("train", "validation"):
        steps = [r["x"] for r in records if r["color"] == part]
        assert (steps[0], steps[-1]) == (0, 39_999)


def test_thinning_keeps_short_series_whole() -> None:
    records = [{"x": i, "color": "long"} for i in range(1000)] + [{"x": i, "color": "short"} for i in range(2)]
    kept = thin(records, 100)
    assert [r["x"] for r in kept if r["color"] == "short"] == [0, 1]


def test_field_names_with_dots_and_brackets_are_harmless() -> None:
    rows = tuple({"a.b[0]": i, "c'd": i * 2.0, "e.f": "g"} for i in range(3))
    records = specify(Chart("t", "line", rows, "a.b[0]", "c'd", "e.f"), legend=False)["data"]["values"]
    assert records[1] == {"x": 1, "y": 2.0, "color": "g"}


def test_verdicts_have_colours_that_suit_them() -> None:
    names = ["within noise", "better", "worse", "something"]
    places = color_positions(names)
    assert len(set(places)) == len(names)
    assert LIGHT[places[1]] == "#12866e"
    chart = Chart("t", "bar", tuple({"x": n, "y": 1.0, "c": n} for n in names), "x", "y", "c")
    assert series_names(chart) == names


def test_evidence_shows_its_limit_only_on_its_own_axis() -> None:
    curve = Series("loss", (1.0, 2.0), (2.0, 1.0), "nats")
    same = evidence_chart(Evidence("loss", 1.0, 0.5, "nats", series=(curve,)))
    other = evidence_chart(Evidence("ratio", 3.0, 2.0, "", series=(curve,)))
    assert same is not None
    assert [r.value for r in same.rules] == [0.5]
    assert other is not None
    assert other.rules == ()
    bare = replace(curve, unit="")
    share = evidence_chart(Evidence("share of the loss learnt", 1.5, 1.2, series=(bare,)))
    assert share is not None
    assert share.rules == (), "a share among losses"
    last = evidence_chart(Evidence("final loss", 1.0, 1.2, series=(bare,)))
    assert last is not None
    assert [r.value for r in last.rules] == [1.2]
    assert evidence_chart(Evidence("loss", 1.0)) is None


def test_confusion_shares_count_each_true_class_alike() -> None:
    chart = confusion_chart(np.array([[8, 2], [0, 0]]), ("cat", "dog"))
    shares = {(r["true"], r["predicted"]): r["share"] for r in chart.rows}
    assert shares == {("cat", "cat"): 0.8, ("cat", "dog"): 0.2, ("dog", "cat"): 0.0, ("dog", "dog"): 0.0}
