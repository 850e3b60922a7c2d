"""A check from another package, installed as users install it, appears everywhere by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "thirdparty_pkg"
COMMAND = "from trainwright.cli.main import main; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed into a folder of its own: this environment stays as it is."""
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "acme")
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    offline = ["--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, *offline, "--target", target, source], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return target


def start(installed: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=cwd, timeout=200
    )


def test_it_is_listed_under_the_name_of_its_package(installed: Path) -> None:
    rules = json.loads(start(installed, "-c", COMMAND, "rules", "--family", "acme_checks", "--json").stdout)
    assert [(rule["code"], rule["name"]) for rule in rules] == [("ACME111", "rare-class")]
    assert rules[0]["limits"][0]["value"] == 8


def test_it_is_explained_by_its_docstring(installed: Path) -> None:
    shown = start(installed, "-c", COMMAND, "explain", "rare-class").stdout
    assert "ACME111 rare-class" in shown
    assert "Nobody learns a class from a handful of samples" in shown


def test_without_the_package_it_is_unknown() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "explain", "ACME111"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2


def test_it_stands_in_the_report_of_a_run(installed: Path, tmp_path: Path) -> None:
    rows = ["width,height,kind"]
    for number in range(120):
        kind = 2 if number % 30 == 0 else number % 2
        rows.append(f"{number % 17 + 10 * kind},{number % 13 - 10 * kind}.5,{('aster', 'rose', 'tulip')[kind]}")
    (tmp_path / "flowers.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = start(installed, "-c", COMMAND, "audit", "flowers.csv", "--json", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    findings = json.loads(done.stdout)["stages"][0]["verdict"]["findings"]
    assert [f["where"] for f in findings if f["code"] == "ACME111"] == ["tulip"]
    (report,) = tmp_path.glob("runs/flowers*/report.html")
    assert "ACME111" in report.read_text(encoding="utf-8")


def test_it_keeps_the_contract_that_its_package_inherits(installed: Path, tmp_path: Path) -> None:
    suite = shutil.copy(PACKAGE / "tests" / "test_contract.py", tmp_path)
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull]
    done = start(installed, "-m", "pytest", *options, str(suite), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
