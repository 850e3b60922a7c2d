"""The base class of checks: declaration, needs and findings."""

from __future__ import annotations

import inspect
import re
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from trainwright.core.documentation import Documentation, read_documentation
from trainwright.core.errors import DeclarationError
from trainwright.core.evidence import Evidence
from trainwright.core.finding import Finding, Maturity, Severity
from trainwright.core.fix import Fix
from trainwright.core.measurement import Measurement, Measurements

CODE = re.compile(r"^[A-Z]{2,5}[0-9]{3}$")
NAME = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")


@dataclass(frozen=True)
class Case:
    """A healthy bench (made from a seed) and the fault that makes it ill."""

    healthy: Callable[[int], Any]
    fault: Callable[[Any], Any]


@dataclass(frozen=True)
class Need:
    """One parameter of a check's ``run``: which measurement it takes and how many."""

    parameter: str
    kind: type[Measurement]
    optional: bool = False
    many: bool = False


class Check(ABC):
    """A small pure function of measurements that yields findings.

    A subclass declares ``code``, ``name``, ``severity`` and ``cases``, documents itself in its docstring under the
    headings of :data:`trainwright.core.documentation.SECTIONS`, and annotates ``run`` with the measurements it needs:
    ``M`` (the first such parameter is the subject: ``run`` is called for each one measured), ``M | None`` (optional)
    or ``tuple[M, ...]`` (all of them). ``at_end``: it compares something with the length of the whole training, so that
    nothing is said before that is known.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    maturity: ClassVar[Maturity] = Maturity.STABLE
    after: ClassVar[tuple[str, ...]] = ()
    at_end: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]]

    documentation: ClassVar[Documentation]
    needs: ClassVar[tuple[Need, ...]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _validate_declaration(cls)
        try:
            cls.documentation = read_documentation(cls.__doc__)
        except ValueError as error:
            raise _wrong(cls, str(error)) from None
        cls.needs = _read_needs(cls)

    @abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Iterator[Finding]:
        """Judge the measurements; raise ``CannotEvaluate`` when they do not allow a judgement."""

    def finding(
        self,
        *,
        happened: str,
        expected: str,
        todo: str,
        evidence: tuple[Evidence, ...] = (),
        fixes: tuple[Fix, ...] = (),
        confidence: float = 1.0,
        why_confident: str = "",
        where: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this check; ``severity`` may only soften the declared one for a milder form."""
        return Finding(
            code=self.code,
            name=self.name,
            severity=severity or self.severity,
            maturity=self.maturity,
            happened=happened,
            expected=expected,
            todo=todo,
            evidence=evidence,
            fixes=fixes,
            confidence=confidence,
            why_confident=why_confident,
            where=where,
        )

    def arguments(self, measurements: Measurements) -> list[dict[str, Any]]:
        """The keyword arguments of each call of ``run``: one per measured subject."""
        shared: dict[str, Any] = {}
        for need in self.needs[1:]:
            found = measurements.of(need.kind)
            shared[need.parameter] = tuple(found) if need.many else (found[-1] if found else None)
        subject = self.needs[0]
        found = measurements.of(subject.kind)
        if subject.many:
            return [{subject.parameter: tuple(found), **shared}]
        return [{subject.parameter: each, **shared} for each in found]


def _wrong(cls: type[Check], problem: str) -> DeclarationError:
    try:
        place = inspect.getfile(cls)
    except (OSError, TypeError):
        place = "an interactive session"
    return DeclarationError(
        f"The check class {cls.__qualname__} in {place} is declared wrongly: {problem}.",
        todo="See 'Adding a check' in CONTRIBUTING.md for a worked example.",
    )


def _validate_declaration(cls: type[Check]) -> None:
    for attribute in ("code", "name", "severity", "cases"):
        if not hasattr(cls, attribute):
            raise _wrong(cls, f"'{attribute}' is missing")
    if not CODE.match(cls.code):
        raise _wrong(cls, f"code '{cls.code}' must be two to five capitals and three digits, like TW301")
    if not NAME.match(cls.name):
        raise _wrong(cls, f"name '{cls.name}' must be lower-case words joined by hyphens")
    if not isinstance(cls.severity, Severity):
        raise _wrong(cls, f"severity {cls.severity!r} must be a Severity")
    if not cls.cases or not all(isinstance(case, Case) for case in cls.cases):
        raise _wrong(cls, "'cases' must hold at least one Case(healthy=..., fault=...)")


def _read_needs(cls: type[Check]) -> tuple[Need, ...]:
    try:
        hints = typing.get_type_hints(cls.run)
    except NameError as error:
        raise _wrong(cls, f"an annotation of 'run' cannot be resolved ({error})") from None
    parameters = list(inspect.signature(cls.run).parameters)[1:]
    needs = tuple(_read_need(cls, name, hints.get(name)) for name in parameters)
    if not needs or needs[0].optional:
        raise _wrong(cls, "the first parameter of 'run' must be the measurement it judges, and not optional")
    return needs


def _read_need(cls: type[Check], parameter: str, hint: Any) -> Need:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union) and len(arguments) == 2 and type(None) in arguments:
        kind = next(a for a in arguments if a is not type(None))
        return _need(cls, parameter, kind, optional=True)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _need(cls, parameter, arguments[0], many=True)
    return _need(cls, parameter, hint)


def _need(cls: type[Check], parameter: str, kind: Any, *, optional: bool = False, many: bool = False) -> Need:
    if not (isinstance(kind, type) and issubclass(kind, Measurement)):
        raise _wrong(
            cls,
            f"parameter '{parameter}' of 'run' must be annotated M, M | None or tuple[M, ...] "
            f"with a Measurement M, not {kind!r}",
        )
    return Need(parameter, kind, optional=optional, many=many)
