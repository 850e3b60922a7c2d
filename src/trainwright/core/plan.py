"""Plan: which checks can run on what was measured, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from trainwright.core.check import Check
from trainwright.core.errors import DeclarationError
from trainwright.core.measurement import Measurements


@dataclass(frozen=True)
class Plan:
    """Checks to run, causes before consequences, and those that cannot run with the reason."""

    runnable: tuple[Check, ...]
    unmet: tuple[tuple[str, str], ...]


def make_plan(checks: Iterable[Check], measurements: Measurements) -> Plan:
    """Order the checks by ``after`` and set aside those whose needs were not measured."""
    runnable, unmet = [], []
    for check in in_causal_order(checks):
        missing = [n.kind.__name__ for n in check.needs if not n.optional and not measurements.of(n.kind)]
        if missing:
            unmet.append((check.code, f"not measured: {', '.join(missing)}"))
        else:
            runnable.append(check)
    return Plan(tuple(runnable), tuple(unmet))


def in_causal_order(checks: Iterable[Check]) -> list[Check]:
    """Checks sorted so that every check follows those named in its ``after``; ties by code."""
    by_code = {check.code: check for check in sorted(checks, key=lambda c: c.code)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for code, check in by_code.items():
        sorter.add(code, *(cause for cause in check.after if cause in by_code))
    try:
        return [by_code[code] for code in sorter.static_order()]
    except CycleError as error:
        cycle = " → ".join(error.args[1])
        raise DeclarationError(
            f"The checks {cycle} each claim to come after the other.",
            expected="A cause masks its consequence, not the other way round.",
            todo="Remove one of the codes from 'after'.",
        ) from None
