"""Colours and type of the charts, light and dark, as Vega-Lite configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FONT = "'Inter', 'Segoe UI', 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

LIGHT = ("#2563c9", "#d9622b", "#12866e", "#8a4fc2", "#b98900", "#c2366b", "#3b8fb5", "#6b7d2a", "#7a5a44", "#64707d")
"""Series colours on white; neighbours differ in lightness too, for readers who see fewer hues."""

DARK = ("#7fb0ff", "#ff9d66", "#4fd1ae", "#c79bf5", "#f0c548", "#ff86ae", "#79cbea", "#b6c765", "#caa58c", "#a7b3c0")


_MEANING = {"kept": 2, "better": 2, "worse": 1, "within noise": 9}
"""Palette places of verdicts: green, orange and grey."""


def color_positions(names: Sequence[str]) -> list[int]:
    """Which palette colour each series gets: the next free one, or the one that suits what its name says."""
    taken = {_MEANING[n] for n in names if n in _MEANING}
    free = iter([i for i in range(len(LIGHT)) if i not in taken] + list(range(len(LIGHT), len(LIGHT) + len(names))))
    return [_MEANING[n] if n in _MEANING else next(free) for n in names]


def chart_config(*, dark: bool) -> dict[str, Any]:
    """Vega-Lite ``config`` of one colour scheme. The background is clear so that the page shows through."""
    ink, soft, grid, ground = (
        ("#e6eaf0", "#a3aebb", "#2b333d", "#171c22") if dark else ("#1c2530", "#5a6776", "#e4e8ed", "#ffffff")
    )
    axis = {"labelColor": soft, "titleColor": soft, "gridColor": grid, "domainColor": grid, "tickColor": grid}
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "mark": {"color": (DARK if dark else LIGHT)[0]},
        "text": {"color": ink},
        "rule": {"color": (DARK if dark else LIGHT)[0]},
        "axis": {
            **axis,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "labelPadding": 5,
            "labelLimit": 150,
            "tickSize": 0,
            "domain": False,
            "labelOverlap": True,
        },
        "axisX": {"grid": False, "domain": True},
        "legend": {
            "labelColor": soft,
            "titleColor": soft,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "orient": "top",
            "gradientThickness": 8,
            "gradientLength": 140,
            "labelLimit": 220,
        },
        "title": {"color": ink, "fontSize": 14, "anchor": "start", "offset": 12},
        "range": {
            "category": list(DARK if dark else LIGHT),
            "heatmap": _HEAT_DARK if dark else _HEAT_LIGHT,
            "ramp": _HEAT_DARK if dark else _HEAT_LIGHT,
        },
        "style": {
            "rule-line": {"color": soft, "strokeDash": [4, 3], "strokeWidth": 1.2},
            "rule-label": {"color": ink, "fontSize": 11},
            "halo": {"color": ground, "stroke": ground, "strokeWidth": 4, "fontSize": 11, "strokeJoin": "round"},
            "value-label": {"color": soft, "fontSize": 11},
            "cell-low": {"color": ink, "fontSize": 11},
            "cell-high": {"color": "#10151b" if dark else "#ffffff", "fontSize": 11},
            "spot": {"stroke": ground, "strokeWidth": 1.5},
        },
    }


_HEAT_LIGHT = ["#f1f5fb", "#c9dbf5", "#8fb4ea", "#4a83d4", "#1f55a8", "#12376f"]
_HEAT_DARK = ["#1d242d", "#1f3a5f", "#2a5c9a", "#4a86d6", "#86b4f5", "#cfe2ff"]
