"""Trials: deliberate small experiments on a model, everything put back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from trainwright.core import CannotEvaluate, Measurement, Measurements
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.dependence import batch_dependence, input_dependence
from trainwright.doctor.trials.door import observe_door, observe_graph
from trainwright.doctor.trials.finite import find_non_finite
from trainwright.doctor.trials.initial import measure_initial_loss, output_at_init, output_range
from trainwright.doctor.trials.overfit import overfit_batch
from trainwright.measures.door import LossDoor
from trainwright.measures.graph import LossGraph
from trainwright.measures.initial import InitialLoss, OutputAtInit, OutputRange
from trainwright.measures.signal import NonFinite
from trainwright.measures.trials import BatchDependence, InputDependence, OverfitTrial

TRIALS: dict[type[Measurement], Callable[[Setup], Measurement]] = {
    LossDoor: observe_door,
    LossGraph: observe_graph,
    NonFinite: find_non_finite,
    InitialLoss: measure_initial_loss,
    OutputAtInit: output_at_init,
    OutputRange: output_range,
    InputDependence: input_dependence,
    BatchDependence: batch_dependence,
    OverfitTrial: overfit_batch,
}
"""The trial that produces each kind of measurement."""


def run_trials(setup: Setup, kinds: Iterable[type[Measurement]] | None = None) -> Measurements:
    """Run the trials that produce ``kinds`` (all where None is given); kinds that no trial produces are passed over.

    Each trial starts from the state the setup came with, and leaves it so. Trials that cannot judge this set-up are
    left out; :func:`trainwright.doctor.preflight.examine` says why.
    """
    wanted = set(TRIALS) if kinds is None else set(kinds)
    found = Measurements()
    for kind, trial in TRIALS.items():
        if kind in wanted:
            with suppress(CannotEvaluate):
                found.add(trial(setup))
    return found


__all__ = [
    "TRIALS",
    "batch_dependence",
    "find_non_finite",
    "input_dependence",
    "measure_initial_loss",
    "observe_door",
    "observe_graph",
    "output_at_init",
    "output_range",
    "overfit_batch",
    "run_trials",
]
