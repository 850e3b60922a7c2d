"""How long the light commands take from the shell, and what the import of each takes.

Run:  make bench      or      python -m bench.startup [--repeats 9] [--no-write]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles

from bench.page import circumstances, write_section

COMMANDS = ("--version", "--help", "rules", "explain initial-loss", "runs")
LIMIT = 0.5
"""Seconds of processor time that each of them may take."""


def seconds(command: str) -> tuple[float, float]:
    """Wall clock and processor time of one start; the latter leaves out moments in which other programs ran."""
    program = Path(sys.executable).with_name("trainwright")
    before, start = os.times(), time.perf_counter()
    subprocess.run([program, *command.split()], check=True, capture_output=True)
    wall, after = time.perf_counter() - start, os.times()
    own = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, own


def slowest_imports(command: str, count: int = 5) -> list[tuple[str, float]]:
    """Modules whose import takes longest, what they import themselves not counted, in milliseconds."""
    code = (
        f"import sys; sys.argv = {['trainwright', *command.split()]!r}; from trainwright.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], check=True, capture_output=True, text=True)
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines() if "|" in line][1:]
    own = [(row[2].strip(), int(row[0]) / 1000) for row in rows]
    return sorted(own, key=lambda pair: -pair[1])[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--no-write", action="store_true", help="print only; leave docs/benchmarks.md alone")
    options = parser.parse_args()

    lines = ["| command | wall seconds | quartiles | processor seconds |", "|---|---:|---:|---:|"]
    slow = []
    for command in COMMANDS:
        seconds(command)  # once for the file cache and the byte code
        wall, own = zip(*(seconds(command) for _ in range(options.repeats)), strict=True)
        low, _, high = quantiles(wall, n=4)
        lines.append(f"| `trainwright {command}` | {median(wall):.2f} | {low:.2f} – {high:.2f} | {median(own):.2f} |")
        if median(own) > LIMIT:
            slow.append(command)
    imports = ", ".join(f"{name} {ms:.0f} ms" for name, ms in slowest_imports("rules"))
    verdict = f"Above the limit of {LIMIT} s: {', '.join(slow)}." if slow else f"All below the limit of {LIMIT} s."
    text = "\n".join([circumstances(), "", *lines, "", f"{verdict} The slowest imports of `rules`: {imports}."])
    print(text)
    if not options.no_write:
        write_section("startup", text)


if __name__ == "__main__":
    main()
