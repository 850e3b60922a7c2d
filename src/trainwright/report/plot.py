"""Line charts in a terminal, drawn with the dots of Braille signs: two by four of them in each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.text import Text

from trainwright.report.format import cell, number
from trainwright.report.view import Chart

STYLES = ("blue", "red", "green", "magenta", "yellow", "cyan")
"""Colours of the series, in turn."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot of a cell, by row and column."""
_EMPTY = 0x2800
_RULE = "·"

Point = tuple[float, float]


@dataclass(frozen=True)
class _Axis:
    """Numbers on a line of ``length`` dots."""

    low: float
    high: float
    length: int
    log: bool

    @classmethod
    def over(cls, values: Sequence[float], length: int, *, log: bool) -> _Axis:
        return cls(min(values), max(values), length, log)

    def place(self, value: float) -> int:
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return round(share * (self.length - 1))


def draw_lines(chart: Chart, *, width: int = 72, height: int = 10) -> Text | None:
    """A line chart with numbers at the ends of its axes and a legend, ``width`` columns by ``height`` + 3 rows.

    None for other kinds of charts, and where no row has two finite numbers. Reference lines are drawn where they lie
    among the values.
    """
    lines = _lines_of(chart)
    if chart.kind != "line" or not lines:
        return None
    xs, ys = ([point[k] for points in lines.values() for point in points] for k in (0, 1))
    labels = [number(max(ys)), number(min(ys))]
    margin = max(map(len, labels)) + 1
    columns = max(10, width - margin)
    x_axis = _Axis.over(xs, 2 * columns, log=chart.log_x)
    y_axis = _Axis.over(ys, 4 * height, log=chart.log_y)
    dots = [[_EMPTY] * columns for _ in range(height)]
    owners = [[-1] * columns for _ in range(height)]
    for position, points in enumerate(lines.values()):
        placed = [(x_axis.place(x), y_axis.place(y)) for x, y in points]
        for x, y in _connected(placed):
            row, column = height - 1 - y // 4, x // 2
            dots[row][column] |= _DOTS[3 - y % 4][x % 2]
            owners[row][column] = position
    marked = {height - 1 - y_axis.place(r.value) // 4 for r in chart.rules if y_axis.low <= r.value <= y_axis.high}
    text = Text(f"{chart.title}\n", no_wrap=True)
    for row in range(height):
        label = labels[0] if row == 0 else labels[1] if row == height - 1 else ""
        text.append(f"{label:>{margin - 1}}│", "dim")
        _append_row(text, dots[row], owners[row], marked=row in marked)
    first, last = number(x_axis.low), f"{number(x_axis.high)} {chart.x if chart.x_title is None else chart.x_title}"
    text.append(f"{'':>{margin - 1}}└{first}  {last.rstrip().rjust(columns - len(first) - 2)}\n", "dim")
    text.append_text(_legend(chart, list(lines), margin))
    return text


def _lines_of(chart: Chart) -> dict[str, list[Point]]:
    """Finite points of each series, ascending in x; on a logarithmic axis the positive ones."""
    lines: dict[str, list[Point]] = {}
    for row in chart.rows:
        x, y = row.get(chart.x), row.get(chart.y)
        if _drawable(x, log=chart.log_x) and _drawable(y, log=chart.log_y):
            name = cell(row.get(chart.color)) if chart.color is not None else ""
            lines.setdefault(name, []).append((float(x), float(y)))  # type: ignore[arg-type]  # numbers, see _drawable
    return {name: sorted(points) for name, points in lines.items()}


def _drawable(value: object, *, log: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) < 1e100 and (value > 1e-100 or not log)


def _connected(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The dots of the points and of the straight lines between neighbours."""
    found = points[:1]
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        found += [(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps)) for i in range(1, steps + 1)]
    return found


def _append_row(text: Text, dots: list[int], owners: list[int], *, marked: bool) -> None:
    for sign, owner in zip(dots, owners, strict=True):
        if owner >= 0:
            text.append(chr(sign), STYLES[owner % len(STYLES)])
        else:
            text.append(_RULE if marked else " ", "dim")
    text.append("\n")


def _legend(chart: Chart, names: list[str], margin: int) -> Text:
    text = Text(" " * margin)
    for position, name in enumerate(names):
        text.append(f"━ {name}  ", STYLES[position % len(STYLES)])
    for rule in chart.rules:
        text.append(f"{_RULE * 2} {rule.label} {number(rule.value)}  ", "dim")
    return text
