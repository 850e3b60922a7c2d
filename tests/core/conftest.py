"""Checks made to order, for the tests of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from trainwright.core import Case, Check, Finding, Measurement, Severity

DOCUMENTATION = """A check for tests.

What it finds:
    A number above its limit.

Why it hurts:
    It does not.

How it is measured:
    By looking.

How to fix:
    Lower the number.

References:
    None.
"""


@dataclass(frozen=True, kw_only=True)
class Reading(Measurement):
    """One number."""

    value: float
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Remark(Measurement):
    """Something else that may be known."""

    text: str


def _too_high(self: Check, reading: Reading) -> Iterator[Finding]:
    if reading.value > 1:
        yield self.finding(
            happened=f"{reading.value} is above 1.", expected="At most 1.", todo="Lower it.", where=reading.where
        )


CheckFactory = Callable[..., type[Check]]


@pytest.fixture
def make_check() -> CheckFactory:
    """A factory of check classes; without arguments a valid one that fires on a ``Reading`` above 1."""

    def make(code: str = "TW901", name: str = "too-high", documentation: str = DOCUMENTATION, **body: object) -> type:
        declared: dict[str, object] = {
            "code": code,
            "name": name,
            "severity": Severity.WARNING,
            "cases": (Case(healthy=lambda seed: seed, fault=lambda bench: bench),),
            "run": _too_high,
            "__doc__": documentation,
            "__module__": __name__,
        }
        kept = {key: value for key, value in {**declared, **body}.items() if value is not ...}
        return type("MadeToOrder", (Check,), kept)

    return make


@pytest.fixture
def reading() -> type[Reading]:
    """The measurement the made-to-order checks judge."""
    return Reading


@pytest.fixture
def remark() -> type[Remark]:
    """Another measurement."""
    return Remark
