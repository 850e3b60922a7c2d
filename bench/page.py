"""Writing results into docs/benchmarks.md, each between its own markers."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write_section(name: str, text: str) -> None:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``."""
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE} has no section '{name}' between <!-- {name}:begin --> and <!-- {name}:end -->")
    PAGE.write_text(pattern.sub(lambda found: f"{found[1]}{text.rstrip()}\n{found[2]}", page), encoding="utf-8")


def circumstances(*versions: str) -> str:
    """When and on what this was measured, for the top of a section."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"Measured {datetime.now(UTC):%Y-%m-%d} on {', '.join([machine, *versions])}."
