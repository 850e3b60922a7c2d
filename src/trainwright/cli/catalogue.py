"""The checks as the command line and the documentation show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainwright.core import Catalogue, Check

FAMILIES = {
    "data": "the data themselves",
    "split": "train, validation and test",
    "model": "model, loss and optimizer before training",
    "signal": "gradients, activations and updates",
    "fit": "loss curves, rates and batches",
    "generalise": "how well it holds on data not seen",
    "tune": "studies of hyper-parameters",
    "system": "loading, memory and reproducibility",
}
"""Family of checks (a folder below ``trainwright/checks``) → what it looks at."""

COLOURS = {"error": "red", "warning": "yellow", "advice": "cyan"}
"""Severity → colour on the terminal."""


def family_of(check: Check) -> str:
    """The folder of a built-in check, the package of a third-party one."""
    parts = type(check).__module__.split(".")
    return parts[2] if parts[:2] == ["trainwright", "checks"] else parts[0]


def families(catalogue: Catalogue) -> Iterator[tuple[str, list[Check]]]:
    """Families that have checks: the built-in ones in their order, then those of other packages by name."""
    groups: dict[str, list[Check]] = {}
    for check in catalogue:
        groups.setdefault(family_of(check), []).append(check)
    order = list(FAMILIES)
    for name in sorted(groups, key=lambda n: (order.index(n) if n in order else len(order), n)):
        yield name, groups[name]


def describe(check: Check) -> dict[str, Any]:
    """Everything a check declares, ready for JSON."""
    return {
        "code": check.code,
        "name": check.name,
        "family": family_of(check),
        "severity": check.severity.value,
        "maturity": check.maturity.value,
        "summary": check.documentation.summary,
        "after": list(check.after),
        "needs": [
            {"measurement": need.kind.__name__, "optional": need.optional, "many": need.many} for need in check.needs
        ],
        "documentation": dict(check.documentation.sections),
    }
