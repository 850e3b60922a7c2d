"""What the page templates are given: the view, charts as specifications, pictures as data URIs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

import trainwright
from trainwright.core import Evidence, Finding, Fix, Severity, Verdict
from trainwright.report import format as fmt
from trainwright.report.charts import evidence_chart
from trainwright.report.theme import DARK, LIGHT, chart_config, color_positions
from trainwright.report.vegalite import series_names, specify, tooltip_fields
from trainwright.report.view import Chart, Gate, Outcome, Picture, RunView, StageResult, Table
from trainwright.report.yaml_diff import Line, yaml_diff

SHOWN_FINDINGS = 8
"""Findings of one stage that are shown at once; errors always are, the rest unfolds."""

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class EmbeddedChart:
    """A chart's place on the page: its number among the specifications and its final height in pixels.

    ``series`` are the legend's entries, each with its number in the palette.
    """

    chart: Chart
    index: int
    height: int
    series: tuple[tuple[str, int], ...]

    @property
    def legend_title(self) -> str:
        """What the entries are, where they are bare numbers such as seeds or widths."""
        bare = all(name.replace(",", "").replace(".", "").isdigit() for name, _ in self.series)
        return fmt.sentence_case(self.chart.color or "") if bare else ""

    @property
    def description(self) -> str:
        """What a screen reader says."""
        return f"{self.chart.kind.capitalize()} chart. {self.chart.title}. {self.chart.caption}".strip()


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture's bytes and size in pixels, or the reason why it is not shown."""

    picture: Picture
    uri: str = ""
    width: int = 0
    height: int = 0
    missing: str = ""


class Page:
    """Renders one :class:`RunView`; collects the charts it meets on the way."""

    def __init__(self, view: RunView, folder: Path) -> None:
        self.view = view
        self.folder = folder
        self._charts: list[dict[str, Any]] = []

    def render(self) -> str:
        """The whole page as HTML."""
        environment = _environment()
        environment.globals.update(
            embed_chart=self.embed_chart,
            embed_picture=self.embed_picture,
            evidence_charts=self.evidence_charts,
            fix_lines=self.fix_lines,
        )
        # The body is rendered first: only then are all charts known.
        body = environment.get_template("body.html.j2").render(view=self.view, anchors=anchors(self.view.stages))
        scripts = [_vega_bundle(), _resource("report.js")]
        return environment.get_template("page.html.j2").render(
            view=self.view,
            version=trainwright.__version__ if hasattr(trainwright, "__version__") else "",
            body=Markup(body),  # noqa: S704 - rendered by the escaping template just above
            style=Markup(_resource("report.css")),  # noqa: S704 - our own file
            palette=Markup(_palette()),  # noqa: S704 - our own colours
            policy=_policy(scripts),
            data=Markup(script_json({"charts": self._charts, "themes": _themes()})),  # noqa: S704 - escaped
            scripts=[Markup(s) for s in scripts],  # noqa: S704 - our own file and the pinned bundle
        )

    def embed_chart(self, chart: Chart) -> EmbeddedChart | None:
        """Keep the chart's specification for the page; None where it has nothing to draw."""
        try:
            specification = specify(chart, legend=False)
        except ValueError:
            return None
        names = series_names(chart)
        self._charts.append({"spec": specification, "fields": tooltip_fields(chart)})
        return EmbeddedChart(
            chart=chart,
            index=len(self._charts) - 1,
            height=specification["height"],
            series=tuple(zip(names, color_positions(names), strict=True)),
        )

    def evidence_charts(self, finding: Finding) -> list[EmbeddedChart]:
        """One chart for each piece of evidence that has a series."""
        charts = (evidence_chart(e) for e in finding.evidence)
        embedded = (self.embed_chart(c) for c in charts if c is not None)
        return [e for e in embedded if e is not None]

    def embed_picture(self, picture: Picture) -> EmbeddedPicture:
        """The picture as a data URI; only PNG files below the run folder are read."""
        path = (self.folder / picture.path).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            return EmbeddedPicture(picture, missing=f"{picture.path} lies outside the run folder")
        try:
            content = path.read_bytes()
        except OSError as error:
            return EmbeddedPicture(picture, missing=f"{picture.path}: {error.strerror or error}")
        if not content.startswith(_PNG) or len(content) < 24:
            return EmbeddedPicture(picture, missing=f"{picture.path} is not a PNG file")
        width, height = struct.unpack(">II", content[16:24])
        uri = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
        return EmbeddedPicture(picture, uri, width, height)

    def fix_lines(self, fix: Fix) -> list[Line]:
        """The fix as a diff of this run's configuration."""
        return yaml_diff(fix.changes, self.view.config_yaml)


def anchors(stages: Iterable[StageResult]) -> list[str]:
    """One readable and unique HTML id for each stage."""
    taken: list[str] = []
    for position, stage in enumerate(stages, start=1):
        slug = re.sub(r"[^a-z0-9]+", "-", stage.stage.lower()).strip("-") or f"stage-{position}"
        taken.append(slug if slug not in taken and slug != "reproduce" else f"{slug}-{position}")
    return taken


def script_json(value: Any) -> str:
    """JSON that can stand inside a ``<script>`` element whatever text it holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _policy(scripts: Iterable[str]) -> str:
    """Content security policy: nothing is fetched, and only these very scripts run."""
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return (files("trainwright.report") / "templates" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; takes about two seconds to put together."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("\r\n", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _themes() -> dict[str, Any]:
    return {"light": chart_config(dark=False), "dark": chart_config(dark=True)}


def _palette() -> str:
    """The charts' series colours as CSS variables, for the legends."""
    light, dark = (";".join(f"--series-{i}:{c}" for i, c in enumerate(colors)) for colors in (LIGHT, DARK))
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=fmt.number,
        cell=fmt.cell,
        duration=fmt.duration,
        row_numbers=fmt.rows,
        sentence_case=fmt.sentence_case,
        tally=fmt.tally,
        count_of=fmt.count,
    )
    environment.globals.update(
        gate_state=gate_state,
        outcome_class=outcome_class,
        by_reason=by_reason,
        shown_and_folded=shown_and_folded,
        numeric_columns=numeric_columns,
        severity_counts=severity_counts,
        evidence_text=evidence_text,
        series_colors=len(LIGHT),
    )
    return environment


def gate_state(gate: Gate) -> str:
    """``open``, ``shut`` or ``forced``."""
    if gate.forced:
        return "forced"
    return "open" if gate.is_open else "shut"


def outcome_class(outcome: Outcome) -> str:
    """CSS class of a step's verdict."""
    return {Outcome.AS_EXPECTED: "good", Outcome.SURPRISE: "surprise", Outcome.INFORMATION: "plain"}[outcome]


def by_reason(verdict: Verdict) -> list[tuple[str, list[str]]]:
    """Checks that were not evaluated, gathered by their common reason."""
    gathered: dict[str, list[str]] = {}
    for code, reason in verdict.not_evaluated:
        codes = gathered.setdefault(reason, [])
        if code not in codes:
            codes.append(code)
    return list(gathered.items())


def shown_and_folded(findings: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings to show at once and those to fold away; errors are never folded."""
    errors = sum(f.severity is Severity.ERROR for f in findings)
    cut = max(errors, SHOWN_FINDINGS)
    return findings[:cut], findings[cut:]


def numeric_columns(table: Table) -> list[bool]:
    """For each column whether it holds numbers and is set flush right; absent cells do not count."""
    return [
        any(fmt.is_number(row[i]) for row in table.rows)
        and all(row[i] is None or fmt.is_number(row[i]) for row in table.rows)
        for i in range(len(table.columns))
    ]


def severity_counts(verdict: Verdict) -> list[tuple[str, int]]:
    """Severities that occur, worst first, with their counts."""
    counts = ((s.value, sum(f.severity is s for f in verdict.findings)) for s in Severity)
    return [(name, n) for name, n in counts if n]


def evidence_text(evidence: Evidence) -> str:
    """Where and when a quantity was measured."""
    return ", ".join(part for part in (evidence.where, evidence.when) if part)
