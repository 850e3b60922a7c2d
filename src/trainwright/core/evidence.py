"""Evidence: the numbers a finding rests on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """A small line to draw: ``x`` and ``y`` of equal length, ``unit`` of ``y``."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"series '{self.name}' has {len(self.x)} x values and {len(self.y)} y values")


@dataclass(frozen=True)
class Evidence:
    """One measured quantity beside its limit.

    ``value`` and ``limit`` are in ``unit``; ``where`` names a layer, column or split, ``when`` a step or epoch;
    ``samples`` are row numbers of the data set that show the trouble; ``series`` are curves to draw.
    """

    quantity: str
    value: float
    limit: float | None = None
    unit: str = ""
    where: str = ""
    when: str = ""
    series: tuple[Series, ...] = ()
    samples: tuple[int, ...] = ()
