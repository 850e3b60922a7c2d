"""A standalone training program: a complete base script and a few textual changes to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

BASES = Path(__file__).parent / "bases"
CALIBRATION, EVALUATION = "calibration", "evaluation"

Edit = tuple[str, str]
"""What stands in the base exactly once, and what stands there instead."""


@dataclass(frozen=True)
class Program:
    """One program of the corpus.

    ``accepted`` holds the names of the checks that are right diagnoses (empty where the program is healthy);
    ``half`` says whether limits may be chosen by looking at it.
    """

    name: str
    base: str
    edits: tuple[Edit, ...]
    healthy: bool
    accepted: frozenset[str]
    group: str
    half: str
    modules: frozenset[str] = field(default=frozenset())
    """Packages beyond torch and scikit-learn that it needs."""

    def edit(self, *edits: Edit) -> Program:
        """The same program with these changes to its base."""
        return replace(self, edits=edits)

    def source(self) -> str:
        """The whole script. Raises ValueError where an edit does not match exactly once."""
        text = (BASES / f"{self.base}.py").read_text(encoding="utf-8")
        for old, new in self.edits:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {text.count(old)} times in {self.base}.py, not once.")
            text = text.replace(old, new)
        return text


MODULES = {
    "lightning": frozenset({"lightning"}),
    "hf": frozenset({"transformers", "accelerate"}),
    "keras": frozenset({"keras"}),
    "skorch": frozenset({"skorch"}),
}
"""By the first word of a base's name."""


def _program(base: str, what: str, group: str, half: str, accepted: Iterable[str]) -> Program:
    name = f"{base}--{what}".replace("_", "-")
    names = frozenset(accepted)
    return Program(
        name, base, (), not names, names, group, half, MODULES.get(base.split("_", maxsplit=1)[0], frozenset())
    )


def ill(base: str, fault: str, group: str, half: str, accepted: str) -> Program:
    """A faulty program; ``accepted`` are the names of the right diagnoses, separated by spaces."""
    return _program(base, fault, group, half, accepted.split())


def well(base: str, twist: str, half: str) -> Program:
    """A healthy program, however odd it looks."""
    return _program(base, twist, "healthy", half, ())
