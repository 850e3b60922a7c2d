"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainwright.core import Severity, Verdict
from trainwright.report.view import Scalar

ABSENT = "–"
_MINUS = "−"


def number(value: float, unit: str = "", digits: int = 4) -> str:
    """``digits`` significant digits, thousands separated, ``1.2e-5`` for very small and very large values."""
    text = _plain(value, digits).replace("-", _MINUS, 1) if value < 0 else _plain(value, digits)
    if not unit:
        return text
    return f"{text} {unit}"


def _plain(value: float, significant: int) -> str:
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "-∞"
    size = abs(value)
    if float(value).is_integer() and size < 1e12:
        return f"{int(value):,}"
    if size < 1e-3 or size >= 1e9:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    if size >= 1000:
        return f"{value:,.0f}"
    digits = max(0, significant - 1 - math.floor(math.log10(size)))
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def cell(value: Scalar) -> str:
    """The text of one table cell."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    return value


def is_number(value: Scalar) -> bool:
    """Whether a table cell is set flush right."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s`` or ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def rows(samples: Sequence[int], limit: int = 12) -> str:
    """Row numbers, the first few of many: ``3, 14, 15 and 92 more``."""
    shown = ", ".join(str(s) for s in samples[:limit])
    return shown if len(samples) <= limit else f"{shown} and {len(samples) - limit:,} more"


def count(n: int, noun: str) -> str:
    """``1 error``, ``3 errors``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def tally(verdict: Verdict) -> str:
    """``1 error, 2 warnings, 40 checks passed``; advice has no plural."""
    of = {severity: sum(f.severity is severity for f in verdict.findings) for severity in Severity}
    parts = [
        count(of[Severity.ERROR], "error") if of[Severity.ERROR] else "",
        count(of[Severity.WARNING], "warning") if of[Severity.WARNING] else "",
        f"{of[Severity.ADVICE]} advice" if of[Severity.ADVICE] else "",
        f"{count(len(verdict.passed), 'check')} passed" if verdict.passed else "",
    ]
    return ", ".join(part for part in parts if part) or "no checks run"


def sentence_case(name: str) -> str:
    """A field name as a title: underscores to spaces, first letter capital."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
