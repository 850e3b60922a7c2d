"""Catalogue: every check there is, found by walking packages and entry points."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from trainwright.core.check import Check
from trainwright.core.errors import DeclarationError, UsageError, nearest

ENTRY_POINT_GROUP = "trainwright.checks"
"""A third-party package lists its module or package of checks under this entry-point group."""


class Catalogue:
    """Checks by code and by name, in the order of their codes."""

    def __init__(self, checks: Iterable[type[Check]]) -> None:
        self._by_code: dict[str, Check] = {}
        self._by_name: dict[str, Check] = {}
        for kind in sorted(checks, key=lambda c: c.code):
            self._admit(kind())

    def _admit(self, check: Check) -> None:
        for index, key in ((self._by_code, check.code), (self._by_name, check.name)):
            if key in index:
                files = " and ".join(inspect.getfile(type(c)) for c in (index[key], check))
                raise DeclarationError(
                    f"Two checks are called '{key}': {files}.",
                    expected="Codes and names are unique.",
                    todo="Rename one of them.",
                )
            index[key] = check

    def __iter__(self) -> Iterator[Check]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def __getitem__(self, code_or_name: str) -> Check:
        check = self._by_code.get(code_or_name.upper()) or self._by_name.get(code_or_name.lower())
        if check is None:
            raise UsageError(
                f"There is no check '{code_or_name}'.{nearest(code_or_name, [*self._by_code, *self._by_name])}",
                expected="A code like TW301 or a name like initial-loss.",
                todo="Run 'trainwright rules' for the list.",
            )
        return check

    def without(self, ignored: Iterable[str]) -> Catalogue:
        """A catalogue that lacks the checks named by code or name."""
        dropped = {self[key].code for key in ignored}
        return Catalogue(type(check) for check in self if check.code not in dropped)


def discover() -> Catalogue:
    """The built-in checks and those of installed packages that declare the entry point.

    A third-party package that cannot be imported raises ``DeclarationError`` naming it.
    """
    found = list(checks_in(importlib.import_module("trainwright.checks")))
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        found.extend(checks_in(_load(entry)))
    return Catalogue(found)


def _load(entry: EntryPoint) -> ModuleType:
    try:
        return importlib.import_module(entry.module)
    except Exception as error:
        raise DeclarationError(
            f"The checks of the installed package entry '{entry.name}' ({entry.module}) cannot be imported: {error}.",
            todo="Update or uninstall that package.",
        ) from error


def checks_in(module: ModuleType) -> Iterator[type[Check]]:
    """Check classes defined in a module, or in every module below a package."""
    modules = [module]
    for info in pkgutil.walk_packages(getattr(module, "__path__", []), module.__name__ + "."):
        modules.append(importlib.import_module(info.name))
    for each in modules:
        for value in vars(each).values():
            if isinstance(value, type) and issubclass(value, Check) and value.__module__ == each.__name__:
                yield value
