"""Search spaces over dotted settings, and quasi-random points in them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

Side = Literal["low", "high"]

EDGE = 0.2
"""Share of a range at either end that counts as its edge: about three of 16 trials fall there, and the best of them
need not be the outermost when other settings vary too."""


@dataclass(frozen=True)
class Dimension(ABC):
    """One setting to search; ``setting`` is its dotted name."""

    setting: str

    @abstractmethod
    def value(self, unit: float) -> Any:
        """The setting at ``unit`` in [0, 1]."""

    @abstractmethod
    def unit(self, value: Any) -> float:
        """Where ``value`` lies in [0, 1]; values outside the range are put at its end."""

    @abstractmethod
    def edge(self, value: Any) -> Side | None:
        """The end of the range that ``value`` lies at, if any."""

    @abstractmethod
    def beyond(self, side: Side) -> Dimension | None:
        """The adjoining range past that end; None where the setting cannot go further."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The range in words."""

    @property
    def logarithmic(self) -> bool:
        """Whether charts should show this setting on a logarithmic axis."""
        return False


@dataclass(frozen=True)
class _Range(Dimension):
    low: float
    high: float
    least: float = -math.inf
    """The setting makes no sense below this."""
    most: float = math.inf

    def __post_init__(self) -> None:
        if not self.least <= self.low < self.high <= self.most:
            raise ValueError(f"{self.setting}: the range {self.low} to {self.high} is empty or leaves its limits")

    def unit(self, value: Any) -> float:
        low, high, at = (self._scale(number) for number in (self.low, self.high, max(self.low, float(value))))
        return min(1.0, (at - low) / (high - low))

    def value(self, unit: float) -> float:
        low, high = self._scale(self.low), self._scale(self.high)
        exact = self._unscale(low + unit * (high - low))
        # Four digits are more than matters and keep configuration files readable.
        return min(self.high, max(self.low, float(f"{exact:.4g}")))

    def edge(self, value: Any) -> Side | None:
        at = self.unit(value)
        if at <= EDGE and self.low > self.least:
            return "low"
        return "high" if at >= 1 - EDGE and self.high < self.most else None

    def beyond(self, side: Side) -> Dimension | None:
        low, high = self._scale(self.low), self._scale(self.high)
        reach = (high - low) / 2
        if side == "high":
            new = self.high, min(self.most, self._unscale(high + reach))
        else:
            new = max(self.least, self._unscale(low - reach)), self.low
        return replace(self, low=new[0], high=new[1]) if new[0] < new[1] else None

    @property
    def text(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}"

    def _scale(self, value: float) -> float:
        return value

    def _unscale(self, value: float) -> float:
        return value


@dataclass(frozen=True)
class Linear(_Range):
    """An evenly searched range, for shares such as dropout."""


@dataclass(frozen=True)
class Logarithmic(_Range):
    """A range searched evenly in orders of magnitude, for rates and strengths."""

    least: float = 1e-12

    @property
    def logarithmic(self) -> bool:
        return True

    def _scale(self, value: float) -> float:
        return math.log(value)

    def _unscale(self, value: float) -> float:
        return math.exp(value)


@dataclass(frozen=True)
class Choice(Dimension):
    """Ordered values such as batch sizes; ``least``/``most`` limit what may be tried beyond the ends by doubling."""

    values: tuple[int, ...]
    least: int
    most: int

    def __post_init__(self) -> None:
        if not self.values or list(self.values) != sorted(set(self.values)):
            raise ValueError(f"{self.setting}: {self.values} must be rising values")

    def value(self, unit: float) -> int:
        return self.values[min(len(self.values) - 1, int(unit * len(self.values)))]

    def unit(self, value: Any) -> float:
        logs = np.log(self.values)
        nearest = int(np.abs(logs - math.log(max(1, int(value)))).argmin())
        return (nearest + 0.5) / len(self.values)

    def edge(self, value: Any) -> Side | None:
        if value <= self.values[0] and self.values[0] // 2 >= self.least:
            return "low"
        return "high" if value >= self.values[-1] and self.values[-1] * 2 <= self.most else None

    def beyond(self, side: Side) -> Dimension | None:
        value = self.values[-1] * 2 if side == "high" else self.values[0] // 2
        return replace(self, values=(value,)) if self.least <= value <= self.most else None

    @property
    def text(self) -> str:
        return ", ".join(str(value) for value in self.values)

    @property
    def logarithmic(self) -> bool:
        return True


@dataclass(frozen=True)
class Space:
    """Several settings searched together."""

    dimensions: tuple[Dimension, ...]

    def changes(self, point: Sequence[float] | npt.NDArray[np.float64]) -> dict[str, Any]:
        """Dotted settings at a point of the unit cube, [dimensions]."""
        return {d.setting: d.value(float(u)) for d, u in zip(self.dimensions, point, strict=True)}

    def units(self, changes: Mapping[str, Any]) -> list[float]:
        """Where settings lie in the unit cube."""
        return [d.unit(changes[d.setting]) for d in self.dimensions]

    def edges(self, changes: Mapping[str, Any]) -> list[tuple[int, Side]]:
        """(position of the dimension, side) of every setting at an end of a range that can be extended."""
        found = ((i, d.edge(changes[d.setting])) for i, d in enumerate(self.dimensions))
        return [(i, side) for i, side in found if side is not None]

    def extended(self, position: int, side: Side) -> Space | None:
        """This space with one range replaced by the adjoining one; None where it cannot go further."""
        further = self.dimensions[position].beyond(side)
        if further is None:
            return None
        return Space((*self.dimensions[:position], further, *self.dimensions[position + 1 :]))


def sobol_points(n: int, dimensions: int, seed: int) -> npt.NDArray[np.float64]:
    """``n`` scrambled Sobol points, [n, dimensions] in [0, 1): evener than random, and no grid repeats a value."""
    if n == 0 or dimensions == 0:
        return np.zeros((n, dimensions))
    engine = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    points: npt.NDArray[np.float64] = engine.draw(n, dtype=torch.float64).numpy()
    return points
