"""How well the whole recipe does on the bundled images, on several splits, beside the simple predictors it fits.

Every split is a run of its own from raw data to the test set, with its own seed, exactly as a user would start it.

Run:  make bench-accuracy      or      python -m bench.accuracy [--sources digits digits-200] [--no-write]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import torch
from bench.page import circumstances, write_section

from trainwright.recipe.settings import short

SPLITS = {"digits": 3, "digits-200": 5}
"""How many splits of each source are run."""
PEER = "SVC (γ = 0.001)"
"""The simple predictor that is hardest to beat on these images."""


@dataclass(frozen=True)
class Outcome:
    """One run: test accuracies in % of what was chosen and of the peer, and validation ones of what was compared."""

    test: float
    peer: float
    chosen: str
    validation: float
    best_member: float
    kept: str
    seconds: float


def run(source: str, split: int, folder: Path) -> Outcome:
    """The recipe on one split."""
    program = Path(sys.executable).with_name("trainwright")
    settings = ["--seed", str(split), "--set", f"data.split_seed={split}"]
    command = [str(program), "run", source, *settings, "--runs", str(folder), "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    facts = {stage["stage"]: stage["facts"] for stage in json.loads(done.stdout)["stages"]}
    return _outcome(facts, seconds)


def _outcome(facts: dict[str, dict[str, Any]], seconds: float) -> Outcome:
    squeeze, report = facts["squeeze"], facts["report"]
    changes = {k: v for stage in ("overfit", "regularize", "tune") for k, v in facts[stage]["changes"].items()}
    return Outcome(
        test=report["test_metric"],
        peer=report["baselines_test"][PEER],
        chosen=squeeze["chosen"],
        validation=squeeze["validation_metric"],
        best_member=squeeze["best_member_metric"],
        kept=", ".join(f"{key.partition('.')[2]} {short(value)}" for key, value in changes.items()) or "nothing",
        seconds=seconds,
    )


def table(outcomes: list[Outcome]) -> list[str]:
    """Markdown rows: every split, then the mean and its spread."""
    lines = [
        f"| split | test | {PEER} | chosen | its validation | best member's | changes kept | minutes |",
        "|---|---:|---:|---|---:|---:|---|---:|",
    ]
    for split, each in enumerate(outcomes):
        lines.append(
            f"| {split} | {each.test:.2f} % | {each.peer:.2f} % | {each.chosen} | {each.validation:.2f} % | "
            f"{each.best_member:.2f} % | {each.kept} | {each.seconds / 60:.1f} |"
        )
    gains = [each.test - each.peer for each in outcomes]
    return [
        *lines,
        "",
        f"Test accuracy {_spread([o.test for o in outcomes])}, {PEER} {_spread([o.peer for o in outcomes])}; "
        f"paired difference {fmean(gains):+.2f} ± {stdev(gains):.2f} points (mean ± standard deviation over "
        f"{len(outcomes)} splits).",
    ]


def _spread(values: list[float]) -> str:
    return f"{fmean(values):.2f} ± {stdev(values):.2f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", nargs="+", choices=SPLITS, default=list(SPLITS))
    parser.add_argument("--no-write", action="store_true", help="print only; leave docs/benchmarks.md alone")
    options = parser.parse_args()

    for source in options.sources:
        outcomes = []
        with TemporaryDirectory() as folder:
            for split in range(SPLITS[source]):
                outcomes.append(run(source, split, Path(folder)))
                print(f"{source}, split {split}: {outcomes[-1]}", flush=True)
        lines = [circumstances(f"torch {torch.__version__}"), "", *table(outcomes)]
        print("\n".join(lines), flush=True)
        if not options.no_write:
            write_section(f"accuracy-{source}", "\n".join(lines))


if __name__ == "__main__":
    main()
