"""The checks as the command line and the documentation show them."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
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


@dataclass(frozen=True)
class Limit:
    """A threshold of a check: the constant in its module, and the docstring that says where it comes from."""

    name: str
    value: float
    reason: str


def limits_of(check: Check) -> list[Limit]:
    """The documented numbers at the top of the module in which the check is defined."""
    module = sys.modules[type(check).__module__]
    try:
        tree = ast.parse(inspect.getsource(module))
    except OSError:  # a package that was installed without its sources
        return []
    return [
        Limit(target.id.lower().replace("_", " "), float(getattr(module, target.id)), inspect.cleandoc(reason))
        for assignment, comment in pairwise(tree.body)
        for target in getattr(assignment, "targets", ())
        if isinstance(target, ast.Name) and target.id.isupper()
        if (reason := _docstring(comment)) and isinstance(getattr(module, target.id), int | float)
    ]


def _docstring(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return ""


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
        "limits": [asdict(limit) for limit in limits_of(check)],
        "needs": [
            {"measurement": need.kind.__name__, "optional": need.optional, "many": need.many} for need in check.needs
        ],
        "documentation": dict(check.documentation.sections),
    }
