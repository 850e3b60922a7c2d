"""Judges every healthy bench of the clinic, and every fault on the benches it is proved on, with all checks together.
Writes docs/matrix.json, which the tests compare with what they measure, and docs/images/matrix.svg; `make docs` makes
docs/matrix.md of them.

Run:  make matrix      or      python -m bench.matrix [--fresh]

A run that was cut off goes on where it was, as long as no source file has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench.matrix_picture import write_picture
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import trainwright.checks
from trainwright.core import Catalogue
from trainwright.core.catalogue import checks_in
from trainwright.testing.matrix import Matrix, Row, judge_subject, subjects

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "matrix.json"
PICTURE = ROOT / "docs" / "images" / "matrix.svg"
SECONDS_PER_ROW = 1.1


def source_digest() -> str:
    """Changes with every change of the program."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def stored_lines(path: Path) -> list[dict[str, Any]]:
    """Lines of an earlier run, parsed; a last line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def read_rows(path: Path) -> dict[tuple[str, str, str], Row]:
    """Rows of an earlier run."""
    rows = map(Row.from_dict, stored_lines(path))
    return {row.key: row for row in rows}


def measure(catalogue: Catalogue, kept: Path, console: Console) -> list[Row]:
    """All rows, each written to ``kept`` as soon as it is there."""
    wanted, done = subjects(catalogue), read_rows(kept)
    open_rows = sum(subject.key not in done for subject in wanted)
    console.print(
        f"{len(wanted)} rows, {len(wanted) - open_rows} of them measured before; "
        f"about {open_rows * SECONDS_PER_ROW / 60:.0f} minutes on one core."
    )
    kept.parent.mkdir(parents=True, exist_ok=True)
    columns = (MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with kept.open("a", encoding="utf-8", buffering=1) as file, Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(wanted), completed=len(wanted) - open_rows)
        for subject in wanted:
            if subject.key in done:
                continue
            progress.update(task, description=" ".join(subject.key))
            done[subject.key] = judge_subject(subject, catalogue)
            file.write(done[subject.key].to_json() + "\n")
            progress.advance(task)
    return [done[subject.key] for subject in wanted]


def main() -> None:
    """Measure what is missing and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="measure every row again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console, start = Console(), time.perf_counter()
    catalogue = Catalogue(checks_in(trainwright.checks))
    kept = ROOT / "runs" / "matrix" / f"{source_digest()}.jsonl"
    if options.fresh:
        kept.unlink(missing_ok=True)
    rows = measure(catalogue, kept, console)
    codes = tuple(check.code for check in catalogue)
    matrix = Matrix(f"{datetime.now(UTC):%Y-%m-%d}", codes, tuple(rows))
    matrix.write(STORED)
    write_picture(matrix, PICTURE)
    console.print(f"Wrote {STORED} and {PICTURE} ({time.perf_counter() - start:.0f} s).")
    for row in rows:
        if not row.is_right:
            console.print(
                f"[red]wrong:[/red] {' '.join(row.key)}: {row.first} first, expected {row.expected or 'no alarm'}"
            )


if __name__ == "__main__":
    main()
