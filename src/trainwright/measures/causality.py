"""Whether outputs of a sequence depend on what comes later."""

from __future__ import annotations

from dataclasses import dataclass

from trainwright.core import Measurement


@dataclass(frozen=True, kw_only=True)
class FutureDependence(Measurement):
    """The effect of exchanging the later part of sequences on the outputs before, in eval mode.

    ``task``: ``next`` where the targets are an input one step later, ``same`` where one of several inputs is the
    targets as they are, ``declared`` where the user says that the model may not look ahead, else the reason why it
    is not known. ``leak``: largest change of an output before the exchanged part (for ``same`` also at its first
    place), divided by the largest change after it. ``position``: the last output that must not change where it
    leaked most. ``precision``: spacing of numbers near 1 in the outputs' dtype. ``n_steps``: length of the
    sequences.
    """

    task: str
    n_samples: int
    n_steps: int
    leak: float
    position: int
    precision: float
