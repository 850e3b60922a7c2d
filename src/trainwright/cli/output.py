"""Printing: JSON for programs, rich text for people."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def print_json(data: Any) -> None:
    """Write one JSON document to stdout; paths as text."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def make_console(*, as_json: bool) -> Console:
    """Where progress and results for people go: stderr while stdout belongs to JSON."""
    from rich.console import Console

    return Console(stderr=as_json, highlight=False)
