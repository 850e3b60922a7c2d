"""Colours and type of the charts, light and dark, as Vega-Lite configuration."""

from __future__ import annotations

from typing import Any

FONT = "'Inter', 'Segoe UI', 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

LIGHT = ("#2563c9", "#d9622b", "#12866e", "#8a4fc2", "#b98900", "#c2366b", "#3b8fb5", "#6b7d2a", "#7a5a44", "#64707d")
"""Series colours on white; neighbours differ in lightness too, for readers who see fewer hues."""

DARK = ("#7fb0ff", "#ff9d66", "#4fd1ae", "#c79bf5", "#f0c548", "#ff86ae", "#79cbea", "#b6c765", "#caa58c", "#a7b3c0")


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
            "rule-line": {"stroke": soft, "strokeDash": [4, 3], "strokeWidth": 1.2},
            "rule-label": {"fill": ink, "fontSize": 11},
            "halo": {"fill": ground, "stroke": ground, "strokeWidth": 4, "fontSize": 11, "strokeJoin": "round"},
            "value-label": {"fill": ink, "fontSize": 11},
            "cell-low": {"fill": ink, "fontSize": 11},
            "cell-high": {"fill": "#10151b" if dark else "#ffffff", "fontSize": 11},
            "spot": {"stroke": ground, "strokeWidth": 1.5},
        },
    }


_HEAT_LIGHT = ["#f1f5fb", "#c9dbf5", "#8fb4ea", "#4a83d4", "#1f55a8", "#12376f"]
_HEAT_DARK = ["#1d242d", "#1f3a5f", "#2a5c9a", "#4a86d6", "#86b4f5", "#cfe2ff"]
