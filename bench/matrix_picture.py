"""The matrix as a picture: a row for each fault, a column for each check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainwright.cli.catalogue import FAMILIES
from trainwright.report.theme import LIGHT, chart_config
from trainwright.testing.matrix import Matrix, Row

CELL = 7
"""Pixels of a cell's side."""
KINDS = {
    "comes first": LIGHT[0],
    "also found": LIGHT[4],
    "explained by another": "#b9c3cf",
    "advice": LIGHT[2],
}
GROUPS = (*FAMILIES, "healthy")
"""Rows from top to bottom, by the family of the check that should find the fault."""


def write_picture(matrix: Matrix, path: Path) -> None:
    """Write an SVG: the faults in the order of the checks that should find them, below them the healthy benches."""
    import vl_convert

    path.write_text(vl_convert.vegalite_to_svg(specification(matrix)), encoding="utf-8")


def specification(matrix: Matrix) -> dict[str, Any]:
    """As Vega-Lite."""
    header = {"labelAngle": 0, "labelAlign": "left"}
    return {
        "data": {"values": list(cells(matrix))},
        "facet": {"row": {"field": "group", "sort": list(GROUPS), "title": None, "header": header}},
        "resolve": {"scale": {"y": "independent"}},
        "spacing": 4,
        "spec": {
            "width": CELL * len(matrix.checks),
            "height": {"step": CELL / 2},
            "mark": {"type": "rect"},
            "encoding": {
                "x": {
                    "field": "check",
                    "type": "nominal",
                    "sort": None,
                    "scale": {"domain": list(matrix.checks)},
                    "axis": {
                        "labelFontSize": 6,
                        "labelOverlap": False,
                        "labelAngle": -90,
                        "title": None,
                        "tickSize": 0,
                    },
                },
                "y": {"field": "row", "type": "ordinal", "axis": None},
                "color": {
                    "field": "said",
                    "type": "nominal",
                    "title": None,
                    "scale": {"domain": list(KINDS), "range": list(KINDS.values())},
                },
            },
        },
        "config": {**chart_config(dark=False), "background": "#ffffff"},
    }


def cells(matrix: Matrix) -> Iterator[dict[str, Any]]:
    """What is not empty, with a blank cell in each row so that healthy rows are seen as well."""
    ordered = sorted(matrix.rows, key=lambda row: (not row.fault, row.expected, row.key))
    for number, row in enumerate(ordered):
        place = {"row": number, "group": GROUPS[int(row.expected[0][2]) - 1] if row.fault else GROUPS[-1]}
        yield {**place, "check": matrix.checks[0], "said": None}
        for code, said in spoken(row).items():
            yield {**place, "check": code, "said": said}


def spoken(row: Row) -> dict[str, str]:
    """What each check said, by code."""
    said = dict.fromkeys(row.masked, "explained by another")
    said |= {code: "advice" if severity == "advice" else "also found" for code, severity in row.found.items()}
    if row.fault:
        said[row.first] = "comes first"
    return said
