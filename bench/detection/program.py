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
    "lightning_wine": frozenset({"lightning"}),
    "lightning_gauge": frozenset({"lightning"}),
    "lightning_clips": frozenset({"lightning"}),
    "hf_questions": frozenset({"transformers", "accelerate"}),
    "hf_reports": frozenset({"transformers", "accelerate"}),
    "hf_spectra": frozenset({"transformers", "accelerate"}),
    "keras_digits": frozenset({"keras"}),
    "keras_motion": frozenset({"keras"}),
    "keras_trips": frozenset({"keras"}),
    "keras_echoes": frozenset({"keras"}),
    "skorch_crops": frozenset({"skorch"}),
    "lightning_newsletter": frozenset({"lightning"}),
    "hf_visitors": frozenset({"transformers", "accelerate"}),
    "keras_robot_arm": frozenset({"keras"}),
    "lightning_melody": frozenset({"lightning"}),
    "hf_protein_homes": frozenset({"transformers", "accelerate"}),
    "keras_solar_cells": frozenset({"keras"}),
    "lightning_taxi_gaps": frozenset({"lightning"}),
    "hf_typists": frozenset({"transformers", "accelerate"}),
    "keras_slope_slides": frozenset({"keras"}),
    "lightning_buoys": frozenset({"lightning"}),
    "hf_log_causes": frozenset({"transformers", "accelerate"}),
    "keras_star_temps": frozenset({"keras"}),
    "lightning_used_cars": frozenset({"lightning"}),
    "hf_leaf_spots": frozenset({"transformers", "accelerate"}),
    "keras_kiln_tiles": frozenset({"keras"}),
    "lightning_ward_stay": frozenset({"lightning"}),
    "hf_ship_tracks": frozenset({"transformers", "accelerate"}),
    "keras_hut_hikes": frozenset({"keras"}),
    "lightning_cold_rooms": frozenset({"lightning"}),
    "hf_drug_effects": frozenset({"transformers", "accelerate"}),
    "keras_cask_auction": frozenset({"keras"}),
    "hf_chord_charts": frozenset({"transformers", "accelerate"}),
    "keras_beach_flags": frozenset({"keras"}),
    "lightning_cyclones": frozenset({"lightning"}),
    "hf_bell_peals": frozenset({"transformers", "accelerate"}),
    "keras_dive_air": frozenset({"keras"}),
    "lightning_fencing_touches": frozenset({"lightning"}),
}


def _program(base: str, what: str, group: str, half: str, accepted: Iterable[str]) -> Program:
    name = f"{base}--{what}".replace("_", "-")
    names = frozenset(accepted)
    return Program(name, base, (), not names, names, group, half, MODULES.get(base, frozenset()))


def ill(base: str, fault: str, group: str, half: str, accepted: str) -> Program:
    """A faulty program; ``accepted`` are the names of the right diagnoses, separated by spaces."""
    return _program(base, fault, group, half, accepted.split())


def well(base: str, twist: str, half: str) -> Program:
    """A healthy program, however odd it looks."""
    return _program(base, twist, "healthy", half, ())
