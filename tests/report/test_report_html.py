"""The page: everything in one file, all text escaped, whatever happened in the run."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from trainwright.core import Finding, RunFolderError, Severity, Verdict
from trainwright.report.html import render_html, write_html
from trainwright.report.page import anchors, script_json
from trainwright.report.view import Chart, Gate, Picture, RunView, StageResult


def scripts_of(page: str) -> list[str]:
    return re.findall(r"<script[^>]*>", page)


def test_no_text_of_the_run_becomes_markup(hostile: RunView, tmp_path: Path) -> None:
    page = render_html(hostile, tmp_path)
    assert scripts_of(page) == ['<script type="application/json" id="charts">', "<script>", "<script>"]
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_chart_data_survive_their_escaping(hostile: RunView, tmp_path: Path) -> None:
    page = render_html(hostile, tmp_path)
    found = re.search(r'id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found.group(1))
    assert any(
        hostile.name in json.dumps(record.get("color"))
        for c in data["charts"]
        for record in c["spec"]["data"]["values"]
    )


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "]]>", "\u2028\u2029", "a & b", "ü→日本"])
def test_script_json_holds_any_text(text: str) -> None:
    written = script_json({"text": text})
    assert json.loads(written) == {"text": text}
    assert not set("<>&\u2028\u2029") & set(written)


def test_the_page_names_nothing_outside_of_itself(view: RunView, run_folder: Path) -> None:
    page = render_html(view, run_folder)
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!data:|#)', body)
    assert "url(" not in body
    assert "default-src 'none'" in html.unescape(page)
    assert len(page.encode()) < 4_000_000


def test_the_vega_scripts_are_there_once(view: RunView, run_folder: Path) -> None:
    page = render_html(view, run_folder)
    assert page.count("window.vegaEmbed") == 1
    assert page.count('class="plot"') == page.count('"$schema":"https://vega.github.io/schema/vega-lite')


def test_everything_of_the_view_is_on_the_page(view: RunView, run_folder: Path) -> None:
    page = render_html(view, run_folder)
    for stage in view.stages:
        assert f'id="{stage.stage}"' in page
        for finding in stage.verdict.findings:
            assert finding.code in page
        for chart in stage.charts:
            assert f">{chart.title}<" in page
    assert page.count("data:image/png;base64,") == sum(len(stage.pictures) for stage in view.stages)
    assert '<span class="old"><i>-</i>   learning_rate: 0.03</span>' in page
    assert '<span class="new"><i>+</i>   learning_rate: 0.003</span>' in page


def test_forced_gates_and_stops_stand_in_a_banner(view: RunView, run_folder: Path) -> None:
    page = render_html(replace(view, status="stopped", stopped_because="Gate 'check' is shut."), run_folder)
    banner = page[page.index('role="alert"') : page.index("<h1>")]
    assert "1 gate forced: check." in banner
    assert "Gate &#39;check&#39; is shut." in banner


def test_a_clean_run_has_no_banner(view: RunView, run_folder: Path) -> None:
    clean = replace(view, stages=(replace(view.stages[0], gate=Gate(True, "fine")),))
    assert 'role="alert"' not in render_html(clean, run_folder)


def test_a_run_that_has_only_begun_can_be_shown(tmp_path: Path) -> None:
    empty = RunView("new", "running", "2026-11-20 14:03", "wine", (), (), "", {})
    assert "<h1>new</h1>" in render_html(empty, tmp_path)


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("pictures/none.png", None, "No such file"),
        ("../secret.png", b"\x89PNG\r\n\x1a\n" + b"0" * 40, "outside the run folder"),
        ("pictures/text.png", b"not a picture", "not a PNG file"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_named(path: str, content: bytes | None, reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "pictures").mkdir(parents=True)
    if content is not None:
        (folder / path).write_bytes(content)
    stage = StageResult("audit", "p", (), Gate(True, "r"), pictures=(Picture("P", path),))
    page = render_html(RunView("n", "running", "", "d", (), (stage,), "", {}), folder)
    assert reason in page
    assert "data:image/png" not in page


def test_a_chart_with_nothing_to_draw_says_so(tmp_path: Path) -> None:
    chart = Chart("Loss", "line", ({"x": 1, "y": float("nan")},), "x", "y")
    stage = StageResult("audit", "p", (), Gate(True, "r"), charts=(chart,))
    assert "Nothing to draw" in render_html(RunView("n", "running", "", "d", (), (stage,), "", {}), tmp_path)


def test_many_findings_are_folded_but_never_errors(tmp_path: Path) -> None:
    def finding(i: int, severity: Severity) -> Finding:
        return Finding(f"TW{100 + i}", "name", severity, "h", "e", "t")

    errors = tuple(finding(i, Severity.ERROR) for i in range(11))
    advice = tuple(finding(50 + i, Severity.ADVICE) for i in range(5))
    stage = StageResult("audit", "p", (), Gate(False, "r"), verdict=Verdict(errors + advice))
    page = render_html(RunView("n", "running", "", "d", (), (stage,), "", {}), tmp_path)
    assert page.index("TW110") < page.index("5 more findings") < page.index("TW150")


def test_anchors_are_unique_and_plain() -> None:
    def stage(name: str) -> StageResult:
        return StageResult(name, "", (), Gate(True, ""))

    assert anchors([stage("Audit"), stage("audit"), stage("日本"), stage("reproduce")]) == [
        "audit",
        "audit-2",
        "stage-3",
        "reproduce-4",
    ]


def test_writing_is_atomic_and_errors_name_the_folder(view: RunView, run_folder: Path, tmp_path: Path) -> None:
    path = write_html(view, run_folder)
    assert path == run_folder / "report.html"
    assert [p.name for p in run_folder.iterdir() if p.is_file()] == ["report.html"]
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(RunFolderError, match="taken"):
        write_html(RunView("n", "running", "", "d", (), (), "", {}), tmp_path / "taken")


def test_templates_are_package_data() -> None:
    names = {entry.name for entry in (files("trainwright.report") / "templates").iterdir()}
    assert {"page.html.j2", "body.html.j2", "stage.html.j2", "macros.html.j2", "report.css", "report.js"} <= names
