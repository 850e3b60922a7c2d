"""The report as JSON, for other programs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from trainwright.report.view import RunView

FORMAT = 1
"""Raised whenever a field changes its meaning or goes away; new fields do not raise it."""


def to_json(view: RunView) -> str:
    """The whole view as standard JSON (UTF-8, indented).

    JSON has no NaN and no infinity; they are written as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
    """
    body = {
        "format": FORMAT,
        **{key: value for key, value in asdict(view).items() if key != "stages"},
        "forced": list(view.forced),
        "stages": [stage.to_dict() for stage in view.stages],
    }
    return standard_json(body)


def standard_json(data: Any) -> str:
    """Plain data as standard JSON; numbers that JSON has not as in :func:`to_json`."""
    return json.dumps(standard(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def standard(value: Any) -> Any:
    """The same as plain data that standard JSON can hold, see :func:`to_json`."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): standard(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [standard(item) for item in value]
    return value
