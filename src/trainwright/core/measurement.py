"""Measurements: typed data that probes produce and checks judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

M = TypeVar("M", bound="Measurement")


class Measurement:
    """Base of everything that can be known.

    Subclasses live in ``trainwright.measures`` (or in a third-party package), are ``@dataclass(frozen=True,
    kw_only=True)``, and state units and shapes in their docstrings.
    """


class Measurements(Iterable[Measurement]):
    """The measurements taken of one subject, looked up by type."""

    def __init__(self, measurements: Iterable[Measurement] = ()) -> None:
        self._by_type: dict[type[Measurement], list[Measurement]] = {}
        for measurement in measurements:
            self.add(measurement)

    def add(self, measurement: Measurement) -> None:
        """Keep one more measurement; several of one type are kept in the order they came."""
        self._by_type.setdefault(type(measurement), []).append(measurement)

    def of(self, kind: type[M]) -> list[M]:
        """All measurements of exactly this type, oldest first."""
        return [m for m in self._by_type.get(kind, ()) if isinstance(m, kind)]

    def __iter__(self) -> Iterator[Measurement]:
        for group in self._by_type.values():
            yield from group

    def __len__(self) -> int:
        return sum(len(group) for group in self._by_type.values())
