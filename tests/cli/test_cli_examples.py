"""Scripts as people write them: the sound ones run in silence, in each twin the planted bug is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def watch(script: str, folder: Path) -> dict[str, Any]:
    """What ``trainwright watch`` finds in a script that must end well."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("trainwright"),
        "watch",
        "--no-report",
        "--json",
        "found.json",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, EXAMPLES / script], capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    assert found["fault"] == ""
    return found


def alarms(found: dict[str, Any]) -> list[str]:
    return [each["code"] for each in found["findings"] if each["severity"] != "advice"]


@pytest.mark.parametrize(
    ("script", "steps"), [("cnn_digits.py", 345), ("char_transformer.py", 300), ("gan_ring.py", 3000)]
)
def test_a_sound_script_is_watched_in_silence(script: str, steps: int, tmp_path: Path) -> None:
    found = watch(script, tmp_path)
    assert found["steps"] == steps
    assert alarms(found) == []


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("cnn_digits_softmax.py", "TW315"),
        ("char_transformer_eval_mode.py", "TW517"),
        ("gan_ring_wrong_parameters.py", "TW308"),
    ],
)
def test_the_bug_of_a_twin_is_named_first(script: str, code: str, tmp_path: Path) -> None:
    assert alarms(watch(script, tmp_path))[:1] == [code]


@pytest.mark.parametrize(
    ("sound", "twin"),
    [
        ("cnn_digits.py", "cnn_digits_softmax.py"),
        ("char_transformer.py", "char_transformer_eval_mode.py"),
        ("gan_ring.py", "gan_ring_wrong_parameters.py"),
    ],
)
def test_twins_differ_in_one_line(sound: str, twin: str) -> None:
    ours, theirs = ((EXAMPLES / name).read_text().splitlines() for name in (sound, twin))
    assert 0 < len(set(ours) ^ set(theirs)) + abs(len(ours) - len(theirs)) <= 2
    for name in (sound, twin):
        assert "trainwright" not in (EXAMPLES / name).read_text()
