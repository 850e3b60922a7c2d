"""The page about a check at work."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from trainwright.logbook.files import make_folder, write_bytes
from trainwright.report.beside import charts_beside, charts_of_evidence
from trainwright.report.format import number
from trainwright.report.html import render_html
from trainwright.report.view import Chart, Gate, Outcome, RunView, StageResult, Step
from trainwright.testing.demonstration import Demonstration, Twin

TITLES = {"ill": "ill twin", "healthy": "healthy twin", "cured": "after the fix"}


def charts_of(shown: Demonstration) -> list[Chart]:
    """The curves of all twins together; where nothing was trained, the series behind the findings."""
    curves = {twin.title: twin.curve for twin in (shown.healthy, shown.ill, shown.cured) if twin is not None}
    return list(charts_beside({name: curve for name, curve in curves.items() if curve is not None})) or list(
        charts_of_evidence(shown.found)
    )


def write_demo_page(shown: Demonstration, path: Path) -> Path:
    """Write the page atomically; ``RunFolderError`` where that fails. Returns ``path``."""
    make_folder(path.parent)
    write_bytes(path, render_html(view_of(shown), path.parent).encode("utf-8"))
    return path


def view_of(shown: Demonstration) -> RunView:
    """The demonstration as a run with a stage for each twin."""
    check = shown.check
    return RunView(
        name=f"{check.code} {check.name}",
        status="finished",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        data_name=check.documentation.summary,
        headline=tuple(_headline(twin) for twin in shown.twins),
        stages=tuple(_stage(shown, twin) for twin in shown.twins),
        config_yaml=shown.config_yaml,
        reproduce={
            "command": f"trainwright demo {check.code}",
            **{name: version(name) for name in ("trainwright", "torch")},
            "python": platform.python_version(),
        },
    )


def _headline(twin: Twin) -> tuple[str, str, str]:
    losses = list(twin.curve.train_loss.finite.y) if twin.curve is not None else []
    remark = f"training loss {number(float(losses[-1]))}" if losses else ""
    return TITLES[twin.title], f"{len(twin.verdict.findings)} found", remark


def _stage(shown: Demonstration, twin: Twin) -> StageResult:
    ill = twin is shown.ill
    right = {"ill": bool(shown.found), "healthy": shown.silent, "cured": shown.gone}[twin.title]
    findings = len(twin.verdict.findings)
    return StageResult(
        stage=TITLES[twin.title],
        purpose=twin.story,
        steps=(
            Step(
                shown.check.name,
                f"{shown.check.code} {'names the illness' if ill else 'has nothing to say'}.",
                f"{findings} finding{'' if findings == 1 else 's'}.",
                Outcome.AS_EXPECTED if right else Outcome.SURPRISE,
            ),
        ),
        gate=Gate(not ill, twin.verdict.findings[0].happened if ill and findings else twin.story),
        verdict=twin.verdict,
        charts=tuple(charts_of(shown)) if ill and shown.ill.curve is not None else (),
        seconds=twin.seconds,
    )
