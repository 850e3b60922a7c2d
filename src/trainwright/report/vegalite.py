"""Vega-Lite specifications, without colours: the page and the files bring their own ``config``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from trainwright.report.format import cell, number, sentence_case
from trainwright.report.theme import color_positions
from trainwright.report.view import Chart, Rule, Scalar

MAX_ROWS = 5000
"""More points than a chart of this size can show; longer data are thinned evenly within each series."""

HEIGHT = 264
"""Pixels, axes included, so that the page can reserve the place before the chart is drawn."""

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_BAND = 30
_AXIS = 46
_LEGEND = 30
_LABEL_LINE = 14
_MANY_SERIES = 10
_LABEL_ROOM = 0.45
_LABEL_WIDTH = 0.3
_LARGEST = 1e100
_SHOWN = "!length(shown) || indexof(shown, datum.color) >= 0"

Record = dict[str, Any]
Spec = dict[str, Any]
Direction = Literal["x", "y"]
_DIRECTIONS: tuple[Direction, ...] = ("x", "y")


@dataclass(frozen=True)
class _Plot:
    """A chart ready to be written down: records with the fixed fields x, y, color, low, high, text and label.

    ``flipped``: categories run down the y axis and values along x, which leaves room for long names.
    """

    chart: Chart
    records: list[Record]
    extras: tuple[str, ...]
    x_numeric: bool
    y_numeric: bool
    color_numeric: bool
    flipped: bool
    legend: bool

    @cached_property
    def domains(self) -> dict[Direction, tuple[float, float]]:
        """Ends of each numeric axis."""
        numeric = {"x": self.x_numeric, "y": self.y_numeric}
        return {field: _domain(self, field) for field in _DIRECTIONS if numeric[field]}

    @property
    def series(self) -> list[str]:
        """Names of the coloured series in order of appearance; none where colour is a number or absent."""
        if self.chart.color is None or self.color_numeric:
            return []
        return list(dict.fromkeys(r["color"] for r in self.records))

    def axis_of(self, rule: Rule) -> Direction:
        """The screen axis a rule stands on."""
        if self.flipped:
            return "x" if rule.axis == "y" else "y"
        return rule.axis


def specify(chart: Chart, *, legend: bool) -> Spec:
    """The Vega-Lite specification of a chart: its width follows the container, its height is final.

    ``legend=False`` leaves the legend of named series to the page (see :func:`series_names`), which dims series
    through the signal ``shown``. Raises ``ValueError`` when no row can be drawn.
    """
    plot = _prepare(chart, legend)
    if not plot.records:
        raise ValueError(f"chart '{chart.title}' has no row that can be drawn")
    layers, height = _LAYERS[chart.kind](plot)
    top = _LABEL_LINE * max(_label_rows(plot), default=-1) + _LABEL_LINE
    if plot.series and legend:
        height += _LEGEND
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": height + top,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": {"left": 2, "right": 6, "top": 8 + top, "bottom": 2},
        "params": [{"name": "shown", "value": []}],
        "data": {"values": plot.records},
        "layer": layers,
    }


def series_names(chart: Chart) -> list[str]:
    """The named series of a chart, in the order of their colours."""
    return _prepare(chart, legend=False).series


def is_drawable(chart: Chart) -> bool:
    """Whether at least one row can be drawn."""
    return bool(_prepare(chart, legend=False).records)


def tooltip_fields(chart: Chart) -> list[tuple[str, str]]:
    """Record fields and their titles, for a table of the chart's numbers."""
    return [(entry["field"], entry["title"]) for entry in _tooltip(_prepare(chart, legend=False))]


# --- from rows to records -------------------------------------------------------------------------------------------


def _prepare(chart: Chart, legend: bool) -> _Plot:
    used = {chart.x, chart.y, chart.color, chart.text}
    names = dict.fromkeys(name for row in chart.rows for name in row)
    extras = tuple(name for name in names if name not in used | {"low", "high"})
    x_numeric, y_numeric = _all_numbers(chart, chart.x), _all_numbers(chart, chart.y)
    scale = chart.color is not None and _all_numbers(chart, chart.color) and _is_scale(chart)
    records = [r for row in chart.rows if (r := _record(chart, row, extras, scale=scale)) is not None]
    if chart.kind in ("line", "scatter"):
        records = thin(records, MAX_ROWS)
    return _Plot(
        chart=chart,
        records=records,
        extras=extras,
        x_numeric=x_numeric,
        y_numeric=y_numeric,
        color_numeric=scale,
        flipped=_flipped(chart, records, x_numeric),
        legend=legend,
    )


def _all_numbers(chart: Chart, field: str) -> bool:
    values = [row.get(field) for row in chart.rows]
    return any(v is not None for v in values) and all(
        v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values
    )


def _is_scale(chart: Chart) -> bool:
    """Numbers that colour a few lines are names (seeds, widths); otherwise they are a continuous scale."""
    return chart.kind == "heatmap" or len({row.get(chart.color or "") for row in chart.rows}) > _MANY_SERIES


def _record(chart: Chart, row: Mapping[str, Scalar], extras: tuple[str, ...], *, scale: bool) -> Record | None:
    x, y = _finite(row.get(chart.x)), _finite(row.get(chart.y))
    if x is None or y is None or _below_log(x, chart.log_x) or _below_log(y, chart.log_y):
        return None
    record: Record = {"x": x, "y": y}
    if chart.color is not None:
        value = _finite(row.get(chart.color))
        record["color"] = value if scale else cell(value)
    if chart.kind == "interval":
        record["low"], record["high"] = _ends(chart, row, y)
    if chart.kind == "heatmap" and chart.text is not None:
        record["text"] = cell(row.get(chart.text)) if row.get(chart.text) else ""
    for position, name in enumerate(extras):
        record[f"extra{position}"] = cell(row.get(name))
    return record


def _ends(chart: Chart, row: Mapping[str, Scalar], y: Any) -> tuple[Any, Any]:
    """Both ends of an interval; an end that is missing or cannot be drawn falls on the value itself."""
    ends = (_finite(row.get(name)) for name in ("low", "high"))
    low, high = (y if not isinstance(e, int | float) or _below_log(e, chart.log_y) else e for e in ends)
    return low, high


def _finite(value: Scalar) -> Any:
    if isinstance(value, bool):
        return cell(value)
    if isinstance(value, float):
        return float(value) if _can_stand(value) else None
    if isinstance(value, int):
        return int(value) if _can_stand(value) else None
    return value


def _can_stand(value: float) -> bool:
    """Whether an axis can hold the number: finite, and its differences and ratios too."""
    return math.isfinite(value) and abs(value) < _LARGEST


def _below_log(value: Any, log: bool) -> bool:
    return log and (not isinstance(value, int | float) or value < 1 / _LARGEST)


def _flipped(chart: Chart, records: Sequence[Record], x_numeric: bool) -> bool:
    if chart.kind not in ("bar", "interval") or x_numeric:
        return False
    names = {str(r["x"]) for r in records}
    return len(names) > 10 or any(len(name) > 6 for name in names)


def thin(records: list[Record], limit: int) -> list[Record]:
    """At most about ``limit`` records, taken evenly and with both ends from each series."""
    if len(records) <= limit:
        return records
    groups: dict[Any, list[Record]] = {}
    for record in records:
        groups.setdefault(record.get("color"), []).append(record)
    share = limit / len(records)
    kept: list[Record] = []
    for group in groups.values():
        n = max(2, math.floor(len(group) * share))
        positions = dict.fromkeys(round(i * (len(group) - 1) / (n - 1)) for i in range(n))
        kept.extend(group[p] for p in positions)
    return kept


# --- scales and axes ------------------------------------------------------------------------------------------------


def _domain(plot: _Plot, field: Direction) -> tuple[float, float]:
    """Ends of a numeric axis: all data, all rules, and a little air."""
    chart = plot.chart
    log = chart.log_x if field == "x" else chart.log_y
    values = [float(r[k]) for r in plot.records for k in ((field,) if field == "x" else ("y", "low", "high")) if k in r]
    values += [r.value for r in chart.rules if r.axis == field and _can_stand(r.value) and not _below_log(r.value, log)]
    low, high = min(values), max(values)
    if log:
        return _log_domain(low, high)
    zero_based = chart.kind == "bar" and field == "y"
    if zero_based:
        low, high = min(low, 0.0), max(high, 0.0) if low or high else 1.0
    if field == "x" and chart.kind == "line" and low < high:
        return low, high
    span = (high - low) or abs(high) or 1.0
    air = span * 0.06
    # Room for the number that stands behind the longest bar or interval, also on a telephone.
    above = span * 0.2 if plot.flipped and field == "y" else air
    return (low if zero_based and low == 0 else low - air), (high if zero_based and high == 0 else high + above)


def _log_domain(low: float, high: float) -> tuple[float, float]:
    air = (high / low) ** 0.05 if high > low else 2.0
    return low / air, high * air


def _position(plot: _Plot, field: Direction) -> Spec:
    """Encoding of one field: quantitative with a fixed domain, or categories in the order they came."""
    chart = plot.chart
    numeric = plot.x_numeric if field == "x" else plot.y_numeric
    named = chart.x_title if field == "x" else chart.y_title
    title = sentence_case((chart.x if field == "x" else chart.y) if named is None else named)
    discrete = chart.kind == "heatmap" or (chart.kind == "bar" and field == "x") or not numeric
    if discrete:
        axis: Spec = {"title": title or None, "format": ".4~g"} if numeric else {"title": title or None}
        if field == "x" and not plot.flipped:
            axis |= {"labelAngle": 0} if _short_labels(plot) else {"labelAngle": -40, "labelLimit": 90}
        return {"field": field, "type": "ordinal", "sort": None, "axis": axis}
    low, high = plot.domains[field]
    log = chart.log_x if field == "x" else chart.log_y
    scale: Spec = {"domain": [low, high], "nice": False}
    axis = {"title": title or None, "tickCount": 5}
    if log:
        scale["type"] = "log"
        axis |= {"values": _log_ticks(low, high), "format": ",.6~r" if low >= 1 else "~g"}
    else:
        scale["zero"] = False
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def _short_labels(plot: _Plot) -> bool:
    names = {str(r["x"]) for r in plot.records}
    return plot.x_numeric or sum(len(n) + 2 for n in names) <= 48


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, not more than seven; 1, 2 and 5 times them where the axis spans less than two."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if high / low < 100:
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
        return [t for t in ticks if low <= t <= high]
    powers = [e for e in range(first, last + 1) if low <= 10.0**e <= high]
    stride = max(1, math.ceil(len(powers) / 7))
    return [10.0**e for e in powers[::stride]]


def _color(plot: _Plot) -> Spec:
    """Encoding of the series colour; empty where all is one colour."""
    chart = plot.chart
    if chart.color is None:
        return {}
    title = sentence_case(chart.color)
    if plot.color_numeric:
        gradient = None if chart.text else {"title": title, "tickCount": 4}
        return {"color": {"field": "color", "type": "quantitative", "legend": gradient, "scale": _ramp(plot)}}
    legend = {"title": None, "columns": 4, "symbolType": "circle", "values": plot.series} if plot.legend else None
    return {"color": {"field": "color", "type": "nominal", "scale": {"domain": _domain_of(plot)}, "legend": legend}}


def _domain_of(plot: _Plot) -> list[str]:
    """Series names, each at the place of its colour in the palette; unused places hold names nobody has."""
    places = color_positions(plot.series)
    domain = [f"\ue000{i}" for i in range(max(places) + 1)]  # private use: no text file holds them
    for place, name in zip(places, plot.series, strict=True):
        domain[place] = name
    return domain


def _ramp(plot: _Plot) -> Spec:
    """Colour scale of numbers; shares always run from 0 to 1 so that two charts can be compared."""
    values = [float(r["color"]) for r in plot.records if r["color"] is not None]
    if not values:
        return {}
    share = min(values) >= 0 and max(values) <= 1
    return {"domain": [0, 1] if share else [min(values), max(values)], "range": "heatmap"}


def _tooltip(plot: _Plot) -> list[Spec]:
    """What a hovered mark says: its axes, series, interval and every field that is not drawn."""
    chart = plot.chart
    entries: list[Spec] = []
    if chart.color is not None:
        entries.append(_said("color", chart.color, numeric=plot.color_numeric))
    entries.append(_said("x", chart.x_title or chart.x, numeric=plot.x_numeric))
    entries.append(_said("y", chart.y_title or chart.y, numeric=plot.y_numeric))
    if chart.kind == "interval":
        entries += [_said("low", "low", numeric=True), _said("high", "high", numeric=True)]
    if chart.kind == "heatmap" and chart.text is not None:
        entries.append(_said("text", chart.text, numeric=False))
    entries += [_said(f"extra{i}", name, numeric=False) for i, name in enumerate(plot.extras)]
    return entries


def _said(field: str, name: str, *, numeric: bool) -> Spec:
    kind = {"type": "quantitative", "format": ".4~g"} if numeric else {"type": "nominal"}
    return {"field": field, "title": sentence_case(name), **kind}


# --- layers ---------------------------------------------------------------------------------------------------------


def _dimmed(strong: float, weak: float = 0.08) -> Spec:
    return {"condition": {"test": _SHOWN, "value": strong}, "value": weak}


def _line(plot: _Plot) -> tuple[list[Spec], int]:
    place = {"x": _position(plot, "x"), "y": _position(plot, "y"), **_color(plot)}
    longest = max(_lengths(plot.records))
    mark: Spec = {"type": "line", "strokeWidth": 2, "strokeJoin": "round", "strokeCap": "round"}
    if longest == 1:
        mark = {"type": "point", "filled": True, "size": 50, "opacity": 1}
    elif longest <= 30:
        mark["point"] = {"filled": True, "size": 22}
    line = {"mark": mark, "encoding": {**place, "opacity": _dimmed(1.0)}}
    return [*_rule_lines(plot), line, _hover(plot, place), *_rule_labels(plot)], HEIGHT


def _lengths(records: Iterable[Record]) -> list[int]:
    counts: dict[Any, int] = {}
    for record in records:
        counts[record.get("color")] = counts.get(record.get("color"), 0) + 1
    return list(counts.values())


def _hover(plot: _Plot, place: Spec) -> Spec:
    """Invisible points that show themselves, and their numbers, when the pointer is nearest to them."""
    nearest = {"type": "point", "nearest": True, "on": "pointermove", "clear": "pointerout"}
    return {
        "params": [{"name": "hover", "select": nearest}],
        "mark": {"type": "point", "filled": True, "size": 70, "style": "spot"},
        "encoding": {
            **place,
            "opacity": {"condition": {"param": "hover", "empty": False, "value": 1}, "value": 0},
            "tooltip": _tooltip(plot),
        },
    }


def _scatter(plot: _Plot) -> tuple[list[Spec], int]:
    place = {"x": _position(plot, "x"), "y": _position(plot, "y"), **_color(plot)}
    size = 46 if len(plot.records) <= 300 else 18
    encoding = {**place, "tooltip": _tooltip(plot), "opacity": _dimmed(0.75)}
    dots = {"mark": {"type": "point", "filled": True, "size": size}, "encoding": encoding}
    gradient = _LEGEND if plot.color_numeric else 0
    return [*_rule_lines(plot), dots, *_rule_labels(plot)], HEIGHT + gradient


def _bar(plot: _Plot) -> tuple[list[Spec], int]:
    place, values, height = _categories(plot)
    bar = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {**place, "tooltip": _tooltip(plot), "opacity": _dimmed(0.92)},
    }
    return [bar, *_rule_lines(plot), *_value_labels(plot, place, values), *_rule_labels(plot)], height


def _interval(plot: _Plot) -> tuple[list[Spec], int]:
    place, values, height = _categories(plot)
    ends = {values: {**place[values], "field": "low"}, f"{values}2": {"field": "high"}}
    seen = {"tooltip": _tooltip(plot), "opacity": _dimmed(1.0)}
    span = {"mark": {"type": "rule", "strokeWidth": 2.5, "strokeCap": "round"}, "encoding": {**place, **ends, **seen}}
    dot = {"mark": {"type": "point", "filled": True, "size": 80, "style": "spot"}, "encoding": {**place, **seen}}
    return [*_rule_lines(plot), span, dot, *_value_labels(plot, place, values), *_rule_labels(plot)], height


def _categories(plot: _Plot) -> tuple[Spec, Direction, int]:
    """Encoding of categories against values, which axis the values are on, and the height."""
    across, value = _position(plot, "x"), _position(plot, "y")
    groups = len(plot.series)
    together = groups > 1 and len(plot.records) > len({r["x"] for r in plot.records})
    if not plot.flipped:
        beside = {"xOffset": {"field": "color", "sort": None}} if together and across["type"] == "ordinal" else {}
        return {"x": across, "y": value, **beside, **_color(plot)}, "y", HEIGHT
    beside = {"yOffset": {"field": "color", "sort": None}} if together else {}
    across["axis"] |= {"labelLimit": 170, "grid": False, "domain": False, "title": None}
    value["axis"] |= {"grid": True, "domain": False}
    band = max(_BAND, 18 * groups + 8) if together else _BAND
    height = max(200, band * len({r["x"] for r in plot.records}) + _AXIS)
    return {"y": across, "x": value, **beside, **_color(plot)}, "x", height


def _value_labels(plot: _Plot, place: Spec, values: Direction) -> list[Spec]:
    """Each number beside its mark, where there are few enough to read."""
    if len(plot.records) > 24 or place[values]["type"] != "quantitative":
        return []
    for record in plot.records:
        record["label"] = number(float(record["y"]), digits=3)
    end = {**place[values], "field": "high" if plot.chart.kind == "interval" else "y"}
    beyond = {"align": "left", "baseline": "middle", "dx": 7} if plot.flipped else {"baseline": "bottom", "dy": -6}
    encoding = {k: v for k, v in place.items() if k != "color"} | {values: end, "text": {"field": "label"}}
    return [{"mark": {"type": "text", "style": "value-label", **beyond}, "encoding": encoding}]


def _heatmap(plot: _Plot) -> tuple[list[Spec], int]:
    place = {"x": _position(plot, "x"), "y": _position(plot, "y")}
    cells = {
        "mark": {"type": "rect", "cornerRadius": 2, "strokeWidth": 1, "style": "cell"},
        "encoding": {**place, **_color(plot), "tooltip": _tooltip(plot)},
    }
    n = len({r["y"] for r in plot.records})
    height = min(640, max(6, 30 if n <= 15 else 14) * n) + _AXIS
    if plot.chart.text is None:
        return [cells], height + _LEGEND
    ends = _ramp(plot).get("domain", [0, 1])
    middle = (ends[0] + ends[1]) / 2
    text = {"mark": {"type": "text", "baseline": "middle"}, "encoding": {**place, "text": {"field": "text"}}}
    return [
        cells,
        _cell_text(text, f"datum.color < {middle}", "cell-low"),
        _cell_text(text, f"datum.color >= {middle}", "cell-high"),
    ], height


def _cell_text(text: Spec, test: str, style: str) -> Spec:
    return {**text, "mark": {**text["mark"], "style": style}, "transform": [{"filter": test}]}


_LAYERS = {"line": _line, "bar": _bar, "interval": _interval, "scatter": _scatter, "heatmap": _heatmap}


# --- reference lines ------------------------------------------------------------------------------------------------


def _rules(plot: _Plot, axis: Direction) -> list[Rule]:
    """Rules that stand on one screen axis and can be drawn there."""
    chart = plot.chart
    if chart.kind == "heatmap":
        return []
    numeric = {"x": plot.x_numeric and chart.kind != "bar", "y": plot.y_numeric}
    log = {"x": chart.log_x, "y": chart.log_y}
    return [
        rule
        for rule in chart.rules
        if plot.axis_of(rule) == axis
        and numeric[rule.axis]
        and _can_stand(rule.value)
        and not _below_log(rule.value, log[rule.axis])
    ]


def _scaled(plot: _Plot, rule: Rule) -> Spec:
    encoding = _position(plot, rule.axis)
    return {"type": "quantitative", "scale": encoding["scale"], "axis": encoding["axis"]}


def _rule_lines(plot: _Plot) -> list[Spec]:
    lines: list[Spec] = []
    for axis in _DIRECTIONS:
        for rule in _rules(plot, axis):
            lines.append(
                {
                    "data": {"values": [{"value": rule.value, "label": rule.label}]},
                    "mark": {"type": "rule", "style": "rule-line"},
                    "encoding": {axis: {"field": "value", **_scaled(plot, rule)}},
                }
            )
    return lines


def _rule_labels(plot: _Plot) -> list[Spec]:
    """The names of the rules: beside horizontal ones inside the plot, above vertical ones outside of it."""
    layers: list[Spec] = []
    for side, rules in _by_side(plot).items():
        lifts = _apart([_share(plot, rule) for rule in rules])
        end = {"value": 0 if side == "left" else "width"}
        for rule, lift in zip(rules, lifts, strict=True):
            place = {"y": {"field": "value", **_scaled(plot, rule)}, "x": end}
            shift = {"dx": 4 if side == "left" else -4, "dy": -3 - lift}
            layers += _label(rule, place, {"align": side, "baseline": "bottom", **shift})
    for row, rule in zip(_label_rows(plot), _rules(plot, "x"), strict=True):
        share = _share(plot, rule)
        align = "left" if share < 0.2 else "right" if share > 0.8 else "center"
        layers += _label(rule, {"x": {"field": "value", **_scaled(plot, rule)}, "y": {"value": 0}}, {
            "align": align, "baseline": "bottom", "dy": -3 - _LABEL_LINE * row,
        })  # fmt: skip
    return layers


def _label_rows(plot: _Plot) -> list[int]:
    """Row above the plot for the label of each upright rule: the lowest where it has room on a narrow screen."""
    rows: list[int] = []
    rules = _rules(plot, "x")
    for i, rule in enumerate(rules):
        near = {rows[j] for j in range(i) if abs(_share(plot, rules[j]) - _share(plot, rule)) < _LABEL_ROOM}
        rows.append(next(row for row in range(len(rules)) if row not in near))
    return rows


def _label(rule: Rule, place: Spec, mark: Spec) -> list[Spec]:
    text = {"text": {"field": "label"}}
    data = {"values": [{"value": rule.value, "label": rule.label}]}
    return [
        {"data": data, "mark": {"type": "text", "style": style, **mark}, "encoding": {**place, **text}}
        for style in ("halo", "rule-label")
    ]


def _share(plot: _Plot, rule: Rule) -> float:
    """Where a rule stands between the ends of its axis, 0 to 1."""
    low, high = plot.domains[rule.axis]
    log = plot.chart.log_x if rule.axis == "x" else plot.chart.log_y
    if log:
        return math.log(rule.value / low) / math.log(high / low)
    return (rule.value - low) / (high - low)


def _by_side(plot: _Plot) -> dict[str, list[Rule]]:
    """Level rules by the end of the plot at which their label covers no data; the right end where both are free."""
    line = _LABEL_LINE / (HEIGHT - _AXIS)
    sides: dict[str, list[Rule]] = {"left": [], "right": []}
    lowest_free = -math.inf
    for rule in sorted(_rules(plot, "y"), key=lambda r: r.value):
        height = max(_share(plot, rule), lowest_free)
        if _emptier_left(plot, height + line / 2):
            sides["left"].append(rule)
        else:
            sides["right"].append(rule)
            lowest_free = height + line
    return sides


def _emptier_left(plot: _Plot, height: float) -> bool:
    """Whether a label at this height (0 to 1) would cover data at the right end of the plot but not at the left."""
    if not (plot.x_numeric and plot.y_numeric) or plot.chart.kind not in ("line", "scatter"):
        return False
    nearest = {"left": 1.0, "right": 1.0}
    for record in plot.records:
        x, y = (_share(plot, Rule(record[field], "", field)) for field in _DIRECTIONS)
        side = "left" if x < _LABEL_WIDTH else "right" if x > 1 - _LABEL_WIDTH else None
        if side is not None:
            nearest[side] = min(nearest[side], abs(y - height))
    return nearest["right"] < 1.2 * _LABEL_LINE / HEIGHT < nearest["left"]


def _apart(shares: Sequence[float]) -> list[float]:
    """By how many pixels to lift each label so that none overlaps another; negative lowers it.

    From the lowest up every label goes at least one line above the one before; then, from the top down, whatever
    left the plot is pushed back.
    """
    inner = HEIGHT - _AXIS
    order = sorted(range(len(shares)), key=lambda i: shares[i])
    wanted = [shares[i] * inner for i in order]
    placed: list[float] = []
    for height in wanted:
        placed.append(max(height, placed[-1] + _LABEL_LINE) if placed else height)
    ceiling = inner - _LABEL_LINE + 2.0
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - _LABEL_LINE
    lifts = [0.0] * len(shares)
    for i, position in enumerate(order):
        lifts[position] = round(placed[i] - wanted[i], 1)
    return lifts
