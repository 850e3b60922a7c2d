"""What the runner says and keeps around the stages."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from trainwright.recipe.runner import run_recipe


def test_a_configuration_that_was_run_before_is_recognised(tmp_path: Path) -> None:
    said = []
    for seed in (0, 0, 1):
        console = Console(file=StringIO(), width=400)
        view = run_recipe("wine", root=tmp_path, changes={"seed": seed}, until="audit", console=console)
        said.append((view.name, console.file.getvalue()))  # type: ignore[attr-defined]
    (first, before), (_, again), (_, other) = said
    assert f"were run before: {first}. Its report is in {tmp_path / first}." in again
    assert "run before" not in before
    assert "run before" not in other
