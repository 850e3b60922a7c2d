"""Writes docs/checks/: a page for each built-in check, from the docstring of its class, and an index.

Also puts the file of the check that CONTRIBUTING.md names as its example in there as it is now, and makes
docs/matrix.md of docs/matrix.json, which `make matrix` measures.

Run:  make docs      or      python scripts/generate_docs.py [--check]

With --check nothing is written; pages that are missing, out of date or left over are named, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path

import trainwright.checks
from trainwright.cli.catalogue import FAMILIES, families, limits_of
from trainwright.core import Catalogue, Check, Maturity
from trainwright.core.catalogue import checks_in
from trainwright.testing import matrix_page
from trainwright.testing.matrix import Matrix

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "checks"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
MATRIX = ROOT / "docs" / "matrix.md"
NOTE = "<!-- Written by `make docs` from the docstring of the check. Change it there. -->"
NOTE_ON_MATRIX = "<!-- Written by `make docs` from matrix.json, which `make matrix` measures. -->"


def page(check: Check, catalogue: Catalogue) -> str:
    """The page of one check."""
    source = Path(inspect.getfile(type(check))).relative_to(ROOT).as_posix()
    lines = [
        NOTE,
        f"# {check.code} {check.name}",
        "",
        f"**{check.severity}** · {_maturity(check)} · [`{source}`](../../{source})",
        "",
        check.documentation.summary,
        "",
        f"Try it: `trainwright demo {check.code}` shows it on a small project, beside a healthy twin.",
        "",
    ]
    for title, text in check.documentation.sections.items():
        lines += [f"## {title}", "", text, ""]
    if limits := limits_of(check):
        lines += ["## Limits", ""]
        lines += [f"- **{each.name} {each.value:g}**: {' '.join(each.reason.split())}" for each in limits]
        lines.append("")
    lines += ["## Needs", ""]
    for need in check.needs:
        what = "all of them" if need.many else "if there is one" if need.optional else "required"
        lines.append(f"- `{need.kind.__name__}` ({what})")
    if check.after:
        causes = ", ".join(f"[{code} {catalogue[code].name}]({code}.md)" for code in check.after)
        lines += ["", f"When one of these fires, this one is listed as its consequence: {causes}."]
    return "\n".join(lines) + "\n"


def _maturity(check: Check) -> str:
    return "preview: still being calibrated, never shuts a gate" if check.maturity is Maturity.PREVIEW else "stable"


def index(catalogue: Catalogue) -> str:
    """The list of all checks by family."""
    lines = [
        NOTE,
        "# Checks",
        "",
        f"{len(catalogue)} checks. `trainwright explain CODE` shows the same in the terminal, "
        "`trainwright demo CODE` the illness at work.",
    ]
    for family, checks in families(catalogue):
        lines += [
            "",
            f"## {family}: {FAMILIES[family]}",
            "",
            "| code | name | severity | what it finds |",
            "|---|---|---|---|",
        ]
        for check in checks:
            summary = check.documentation.summary.replace("\n", " ").replace("|", "\\|")
            remark = " (preview)" if check.maturity is Maturity.PREVIEW else ""
            lines.append(f"| [{check.code}]({check.code}.md) | {check.name} | {check.severity}{remark} | {summary} |")
    return "\n".join(lines) + "\n"


def contributing() -> str:
    """CONTRIBUTING.md with the present text of the file it shows as the worked example."""
    text = CONTRIBUTING.read_text(encoding="utf-8")
    named = re.search(r"\[`(src/trainwright/checks/\S+?)`\]", text)
    if named is None:
        raise SystemExit(f"{CONTRIBUTING} names no check as its example, like [`src/trainwright/checks/...`](...)")
    code = (ROOT / named[1]).read_text(encoding="utf-8")
    shown = re.compile(r"(<!-- example:begin -->\n```python\n).*?(```\n<!-- example:end -->)", re.DOTALL)
    return shown.sub(lambda found: f"{found[1]}{code}{found[2]}", text)


def pages() -> dict[Path, str]:
    """Every page by its path. Checks of installed packages are left out: they document themselves."""
    catalogue = Catalogue(checks_in(trainwright.checks))
    names = {check.code: check.name for check in catalogue}
    matrix = f"{NOTE_ON_MATRIX}\n{matrix_page.page(Matrix.read(MATRIX.with_suffix('.json')), names, FAMILIES)}"
    return {CONTRIBUTING: contributing(), MATRIX: matrix, FOLDER / "index.md": index(catalogue)} | {
        FOLDER / f"{check.code}.md": page(check, catalogue) for check in catalogue
    }


def stale(wanted: dict[Path, str]) -> list[Path]:
    """Pages that differ from what they should be, or should not be there."""
    single = [path for path in (CONTRIBUTING, MATRIX) if path.exists()]
    present = {path: path.read_text(encoding="utf-8") for path in (*single, *FOLDER.glob("*.md"))}
    return sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only tell what is out of date")
    options = parser.parse_args()
    wanted = pages()
    changed = stale(wanted)
    for path in changed:
        sys.stdout.write(f"{'out of date: ' if options.check else 'wrote '}{path.relative_to(ROOT)}\n")
        if options.check:
            continue
        if path in wanted:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    if options.check and changed:
        sys.exit(1)


if __name__ == "__main__":
    main()
