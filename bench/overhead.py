"""What watching costs per training step: trainwright beside other monitors, on five networks.

Every contender watches the same loop over the same batches. Contenders take turns, several rounds in a random order,
and each is compared with the unwatched loop of the same round. The clock runs over the steps behind the first
``WARM_UP``; what a monitor takes for those and at its end (analysis, files) stands in a column of its own. Peak memory
is that of a process of its own for each network and contender, above that of the unwatched loop. What writes
histograms of all parameters is timed over a fifth of the steps, since each costs the same.

Run:  make bench-overhead      or      python -m bench.overhead [--rounds 5] [--works MLP CNN] [--results FOLDER]

The table of each network is kept in FOLDER as soon as it is measured, and docs/benchmarks.md is filled from all that
are there, so that a bench that was cut off goes on with ``--works``.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import resource
import subprocess
import sys
import tempfile
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

import torch
from bench.loop import tick
from bench.monitors import CONTENDERS, Contender
from bench.networks import Work, works
from bench.page import circumstances, write_section
from torch import nn
from torch.optim import Adam

WARM_UP = 64
DEAR = {"TensorBoard histograms every 10 steps", "TensorBoard histograms every step"}
FEWER = 5


@dataclass(frozen=True)
class Cost:
    """Seconds, by wall clock and by processor time: of one timed step, and of the first steps and the end together."""

    step: tuple[float, float]
    ends: tuple[float, float]


def run(work: Work, contender: Contender, steps: int) -> Cost:
    """Train for ``WARM_UP`` + ``steps`` steps under a contender."""
    torch.manual_seed(0)
    model, loss_of = work.build(), nn.CrossEntropyLoss()
    optimizer = Adam(model.parameters(), lr=1e-3)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        marks = [tick()]
        with contender(model, optimizer, Path(folder)) as monitor:
            for step in range(WARM_UP + steps):
                if step == WARM_UP:
                    marks.append(tick())
                rows = torch.randint(len(work.inputs), (work.batch,))
                optimizer.zero_grad()
                loss = loss_of(model(work.inputs[rows]), work.targets[rows])
                loss.backward()
                monitor.before_step(step, loss)
                optimizer.step()
                monitor.after_step(step, loss)
            marks.append(tick())
        marks.append(tick())
    started, warm, done, ended = marks
    return Cost(
        step=(_between(warm, done, 0) / steps, _between(warm, done, 1) / steps),
        ends=(
            _between(started, warm, 0) + _between(done, ended, 0),
            _between(started, warm, 1) + _between(done, ended, 1),
        ),
    )


def _between(first: tuple[float, float], last: tuple[float, float], clock: int) -> float:
    return last[clock] - first[clock]


Costs = dict[str, list[Cost]]
"""Contender → one cost a round."""


def measure(work: Work, rounds: int) -> Costs:
    """All contenders in turn, in another order every round; a first run of each, not counted, loads its modules."""
    order, dice = list(CONTENDERS), random.Random(0)
    for name in order:
        run(work, CONTENDERS[name], 2)
    costs: Costs = {name: [] for name in CONTENDERS}
    for index in range(rounds):
        dice.shuffle(order)
        for name in order:
            costs[name].append(run(work, CONTENDERS[name], _steps(work, name)))
        print(f"{work.name}: round {index + 1} of {rounds}", flush=True)
    return costs


def _steps(work: Work, name: str) -> int:
    return work.steps // FEWER if name in DEAR else work.steps


def peak_memory(work: Work, name: str) -> float:
    """MiB that a process of its own held at most."""
    command = [sys.executable, "-m", "bench.overhead", "--peak", work.name, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    return float(done.stdout.split()[-1])


def table(work: Work, costs: Costs, peaks: dict[str, float]) -> str:
    bare = costs["no monitor"]
    lines = [
        f"**{work.name}**, {median(cost.step[0] for cost in bare) * 1e3:.2f} ms per step unwatched, batches of "
        f"{work.batch}, {work.steps} steps behind the first {WARM_UP}, {len(bare)} rounds",
        "",
        "| monitor | × processor time per step | quartiles | × wall time per step | quartiles "
        "| seconds at both ends | peak MiB more |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in costs.items():
        cells = [" | ".join(_ratio(found, bare, clock)) for clock in (1, 0)]
        ends = median(cost.ends[1] - other.ends[1] for cost, other in zip(found, bare, strict=True))
        more = peaks[name] - peaks["no monitor"]
        lines.append(f"| {name} | {' | '.join(cells)} | {ends:.2f} | {more:.0f} |")
    return "\n".join(lines)


def _ratio(found: list[Cost], bare: list[Cost], clock: int) -> tuple[str, str]:
    """Median ratio to the unwatched loop of the same round, and its quartiles."""
    ratios = [cost.step[clock] / other.step[clock] for cost, other in zip(found, bare, strict=True)]
    low, _, high = quantiles(ratios, n=4)
    return f"{median(ratios):.3f}", f"{low:.3f} – {high:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--works", nargs="+", choices=list(works()), default=list(works()))
    parser.add_argument("--results", type=Path, default=Path("runs/overhead"), help="folder of the tables")
    parser.add_argument("--peak", nargs=2, metavar=("WORK", "CONTENDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if options.peak:
        work = works()[options.peak[0]]
        run(work, CONTENDERS[options.peak[1]], _steps(work, options.peak[1]))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    options.results.mkdir(parents=True, exist_ok=True)
    for name in options.works:
        work = works()[name]
        peaks = {contender: peak_memory(work, contender) for contender in CONTENDERS}
        text = table(work, measure(work, options.rounds), peaks)
        (options.results / _file_name(name)).write_text(text, encoding="utf-8")
        print(text)
        write_section("overhead", _page(options.results))


def _file_name(work: str) -> str:
    return re.sub(r"\W+", "-", work.lower()) + ".md"


def _page(results: Path) -> str:
    """Every table that is there, in the order of the networks."""
    paths = [results / _file_name(name) for name in works()]
    tables = [path.read_text(encoding="utf-8") for path in paths if path.exists()]
    versions = [
        f"{name} {version(name)}" for name in ("torch", "torchmortem", "trainscope", "gradsnitch", "tensorboard")
    ]
    head = (
        f"{circumstances(*versions)} One thread; medians over the rounds, in which the monitors take "
        "turns; ratios to the unwatched loop are taken within a round. Every monitor runs with its defaults, as its "
        "own documentation shows it; ours with its budget of 1 %."
    )
    return "\n\n".join([head, *tables])


if __name__ == "__main__":
    main()
