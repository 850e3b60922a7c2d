"""Illnesses of what surrounds a training: randomness without a seed, each one change to a healthy bench."""

from __future__ import annotations

from dataclasses import replace

from trainwright.clinic.bench import Bench


def unseeded_noise(bench: Bench) -> Bench:
    """Each training pass adds noise to the features from a generator made anew without a seed."""
    return bench.with_quirk("unseeded-noise")


def unseeded_targets(bench: Bench) -> Bench:
    """The loss jitters the targets by numbers that the system gives."""
    return replace(bench, loss="jittered-values")
