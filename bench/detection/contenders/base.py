"""What a contender is, and one run of it: a script, a seed, a subprocess; out come findings, seconds and errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TRAINWRIGHT = ("{python}", "-c", "from trainwright.cli.main import main; main()")
USAGE = 2
"""Exit code of a command line that says that it does not apply to this program."""
SEVERITIES = ("error", "warning", "advice")
TAIL = 600
"""Characters of the program's output that are kept."""


@dataclass(frozen=True)
class Contender:
    """One tool at its defaults.

    ``command`` is what is run; ``{python}``, ``{script}`` and ``{findings}`` are filled in. ``names`` translates the
    tool's rules into names of our checks, generously: a rule may stand for several. None means it speaks our names.
    ``trains`` says whether the program is trained to its end (a pre-flight tool stops after its checks).
    """

    name: str
    command: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]] | None = None
    trains: bool = True
    prints_findings: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """One finding: the tool's own rule, the checks it stands for, and how bad it is said to be."""

    rule: str
    names: tuple[str, ...]
    severity: str


@dataclass(frozen=True)
class Outcome:
    """One run. ``unsupported`` is why the tool could not be attached, ``error`` what went wrong with the tool."""

    findings: tuple[Diagnosis, ...]
    seconds: float
    returncode: int
    error: str = ""
    unsupported: str = ""
    output: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


TRIED = {
    "optimizer.momentum": ("rate-too-high",),
    "optimizer.weight_decay": ("regularisation-dominates",),
    "data.scaling": ("unscaled-feature",),
    "training.clip_norm": ("always-clipped",),
    "model.output_transform": ("softmax-before-cross-entropy",),
}
"""What it means when one of our trials was cured by changing one setting; a rate is read off the advice."""


def causes_tried(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The cause that a finding names, having tried it: its words and its fix say which."""
    changes: Mapping[str, Any] = next((fix["changes"] for fix in item.get("fixes", ()) if fix.get("changes")), {})
    if item["name"] not in ("cannot-overfit-batch", "non-finite") or not changes:
        return ()
    if "optimizer.learning_rate" in changes and "optimizer.name" not in changes:
        return ("rate-too-low",) if str(item["todo"]).startswith("Raise") else ("rate-too-high",)
    return tuple(name for setting in changes for name in TRIED.get(setting, ()))


def read_findings(text: str, names: Mapping[str, tuple[str, ...]] | None) -> tuple[tuple[Diagnosis, ...], str]:
    """Findings (in the order given) and the reason where the tool could not be attached."""
    body = json.loads(text)
    if body.get("fault"):
        raise ValueError(f"the tool stopped: {body['fault']}")
    found = []
    for item in body["findings"]:
        rule = str(item.get("rule") or item["name"])
        meant = (rule, *causes_tried(item)) if names is None else names.get(rule, ())
        found.append(Diagnosis(rule, meant, str(item["severity"])))
    return tuple(found), str(body.get("unsupported", ""))


def filled(part: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        part = part.replace("{" + name + "}", value)
    return part


def run(contender: Contender, script: Path, seed: int, timeout: float) -> Outcome:
    """Run it in a folder of its own, on one thread, and read what it found."""
    with tempfile.TemporaryDirectory() as folder:
        findings = Path(folder) / "findings.json"
        values = {"python": sys.executable, "script": str(script), "findings": str(findings)}
        command = [filled(part, values) for part in contender.command]
        paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "SEED": str(seed),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": folder,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        start = time.perf_counter()
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return Outcome((), time.perf_counter() - start, -1, error=f"timed out after {timeout:.0f} s")
        seconds = time.perf_counter() - start
        output = (done.stdout + done.stderr)[-TAIL:]
        if contender.silent:
            return Outcome((), seconds, done.returncode, output=output)
        if contender.prints_findings and done.returncode == USAGE and not done.stdout.strip():
            reason = next(iter(done.stderr.strip().splitlines()), "")
            return Outcome((), seconds, done.returncode, unsupported=reason[:TAIL], output=output)
        try:
            text = done.stdout if contender.prints_findings else findings.read_text(encoding="utf-8")
            found, unsupported = read_findings(text, contender.names)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            return Outcome((), seconds, done.returncode, error=f"no findings: {problem!r}", output=output)
        return Outcome(found, seconds, done.returncode, unsupported=unsupported, output=output)
