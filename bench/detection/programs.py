"""The corpus: standalone training programs, faulty and healthy, each a base plus a few textual changes.

Run:  python -m bench.detection.programs --list                 a table of what there is
      python -m bench.detection.programs --write FOLDER         every program as a complete script
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.detection.corpus import (
    data,
    drawn,
    drills,
    eighth,
    eleventh,
    fifteenth,
    fifth,
    fourteenth,
    healthy,
    init_and_shape,
    loop,
    ninth,
    output_and_loss,
    rates,
    seventh,
    sixth,
    tenth,
    thirteenth,
    twelfth,
)
from bench.detection.corpus.strangers import (
    images,
    images_healthy,
    pictures_and_signals,
    pictures_and_signals_healthy,
    sequences,
    signals,
    tables,
    tables_healthy,
    text_and_tables,
    text_and_tables_healthy,
    vision_and_points,
    vision_and_points_healthy,
    words_and_tables,
    words_and_tables_healthy,
)
from bench.detection.program import Program

SEEN = output_and_loss, rates, loop, init_and_shape, data, healthy
STRANGERS = (
    *(images, signals, images_healthy, tables, sequences, tables_healthy),
    *(text_and_tables, text_and_tables_healthy, vision_and_points, vision_and_points_healthy),
    *(pictures_and_signals, pictures_and_signals_healthy, words_and_tables, words_and_tables_healthy),
)
HALVES = drawn, fifth, sixth, seventh, eighth, ninth, tenth, eleventh, twelfth, thirteenth, fourteenth, fifteenth
LOTS = tuple(module for half in (*HALVES, drills) for module in half.LOTS)
PROGRAMS: tuple[Program, ...] = tuple(program for module in (*SEEN, *STRANGERS, *LOTS) for program in module.PROGRAMS)


def write_all(folder: Path, programs: tuple[Program, ...] = PROGRAMS) -> dict[str, Path]:
    """Every program as a script of its own in `folder`; returns the paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {program.name: folder / f"{program.name}.py" for program in programs}
    for program in programs:
        paths[program.name].write_text(program.source(), encoding="utf-8")
    return paths


def table() -> str:
    rows = ["| program | group | half | right diagnoses |", "|---|---|---|---|"]
    for program in PROGRAMS:
        accepted = ", ".join(sorted(program.accepted)) or "none: it is healthy"
        rows.append(f"| {program.name} | {program.group} | {program.half} | {accepted} |")
    n_healthy = sum(program.healthy for program in PROGRAMS)
    return "\n".join([*rows, "", f"{len(PROGRAMS) - n_healthy} faulty and {n_healthy} healthy programs."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print a table of all programs")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write every program as a script")
    options = parser.parse_args()
    if options.write:
        print(f"{len(write_all(options.write))} scripts in {options.write}")
    if options.list or not options.write:
        print(table())


if __name__ == "__main__":
    main()
