"""Printing: JSON for programs, rich text for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def print_json(data: Any) -> None:
    """Write one JSON document to stdout. NaN and infinities become null: JSON has no word for them."""
    sys.stdout.write(json.dumps(_finite(data), indent=2, ensure_ascii=False, default=str) + "\n")


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def make_console(*, as_json: bool) -> Console:
    """Where progress and results for people go: stderr while stdout belongs to JSON."""
    from rich.console import Console

    return Console(stderr=as_json, highlight=False)
