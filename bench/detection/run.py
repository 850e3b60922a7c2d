"""Run the programs of the corpus under the contenders and score what they found.

Run:  make bench-detection      or
      python -m bench.detection.run --results runs/detection [--contenders bare,trainwright-watch]
          [--programs 'digits-*,*--as-written'] [--half evaluation] [--seeds 0,1,2] [--workers 2] [--write]

Every run is one line of RESULTS/<contender>.jsonl. What stands there for the same text of the program is not run again
(unless the tool failed), so a run that was cut off goes on. `--write` fills the section of docs/benchmarks.md from
everything in RESULTS.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock

from bench.detection import contenders
from bench.detection.contenders.base import Contender, run
from bench.detection.program import Program
from bench.detection.programs import PROGRAMS, write_all
from bench.detection.report import section
from bench.detection.score import read_runs
from bench.page import write_section


@dataclass(frozen=True)
class Job:
    contender: Contender
    program: Program
    seed: int


def digest(program: Program) -> str:
    return hashlib.sha256(program.source().encode()).hexdigest()[:16]


def done_before(results: Path) -> set[tuple[str, str, int, str]]:
    """What need not be run again; where the tool failed it is tried once more."""
    return {
        (one["contender"], one["program"], one["seed"], one["source"])
        for path in results.glob("*.jsonl")
        for one in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if not one["error"]
    }


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    """What is asked for and not there yet, program by program."""
    known = contenders.load()
    wanted = options.contenders.split(",") if options.contenders else list(known)
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise SystemExit(f"There is no contender {', '.join(unknown)}; there are {', '.join(known)}.")
    before = done_before(options.results)
    for program in PROGRAMS:
        if not any(fnmatch(program.name, pattern) for pattern in options.programs.split(",")):
            continue
        if options.half and program.half != options.half:
            continue
        for seed in map(int, options.seeds.split(",")):
            for name in wanted:
                if (name, program.name, seed, digest(program)) not in before:
                    yield Job(known[name], program, seed)


def run_all(todo: list[Job], results: Path, workers: int, timeout: float) -> None:
    scripts = write_all(results / "programs")
    lock, count = Lock(), 0

    def one(job: Job) -> None:
        nonlocal count
        outcome = run(job.contender, scripts[job.program.name].resolve(), job.seed, timeout)
        record = {"contender": job.contender.name, "program": job.program.name, "seed": job.seed}
        record |= {"source": digest(job.program), **outcome.to_dict()}
        with lock:
            count += 1
            with (results / f"{job.contender.name}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            said = ", ".join(f"{f.severity} {f.rule}" for f in outcome.findings) or outcome.error or outcome.unsupported
            print(
                f"{count}/{len(todo)} {job.contender.name} {job.program.name} seed {job.seed}: "
                f"{outcome.seconds:.1f} s {said}",
                flush=True,
            )

    with ThreadPoolExecutor(workers) as pool:
        for finished in [pool.submit(one, job) for job in todo]:
            finished.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("runs/detection"))
    parser.add_argument("--contenders", default="", help="names, separated by commas; all of them if left out")
    parser.add_argument("--programs", default="*", help="patterns of names, separated by commas")
    parser.add_argument("--half", choices=("calibration", "evaluation"))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one run")
    parser.add_argument("--write", action="store_true", help="fill docs/benchmarks.md")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    todo = list(jobs(options))
    run_all(todo, options.results, options.workers, options.timeout)
    text = section(read_runs(options.results, PROGRAMS), PROGRAMS)
    print(text)
    if options.write:
        write_section("detection", text)


if __name__ == "__main__":
    main()
