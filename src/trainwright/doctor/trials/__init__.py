"""Trials: deliberate small experiments on a model, everything put back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from trainwright.core import CannotEvaluate, Measurement, Measurements
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.activations import watch_activations
from trainwright.doctor.trials.axes import inspect_axes
from trainwright.doctor.trials.causality import future_dependence
from trainwright.doctor.trials.class_numbers import count_class_numbers
from trainwright.doctor.trials.dependence import batch_dependence, input_dependence
from trainwright.doctor.trials.door import observe_door, observe_graph
from trainwright.doctor.trials.finite import find_non_finite
from trainwright.doctor.trials.functions import check_functions
from trainwright.doctor.trials.initial import measure_initial_loss, output_at_init, output_range
from trainwright.doctor.trials.inputs import measure_input_layout, measure_input_scale
from trainwright.doctor.trials.modes import compare_modes, compare_sample_by_sample
from trainwright.doctor.trials.origin import compare_running_statistics, read_loads
from trainwright.doctor.trials.overfit import overfit_batch
from trainwright.doctor.trials.repetition import repeat_steps
from trainwright.doctor.trials.responding import loss_response
from trainwright.doctor.trials.returning import output_gradient
from trainwright.doctor.trials.structure import describe_structure, read_dropouts
from trainwright.doctor.trials.weights import watch_weights
from trainwright.measures.batches import InputLayout, InputScale
from trainwright.measures.causality import FutureDependence
from trainwright.measures.door import LossDoor
from trainwright.measures.gradients import CustomGradients, LossResponse, OutputGradient
from trainwright.measures.graph import LossGraph
from trainwright.measures.initial import InitialLoss, OutputAtInit, OutputRange
from trainwright.measures.labels import ClassNumbers
from trainwright.measures.loads import RunningStatistics, WeightLoads
from trainwright.measures.modes import ModeAgreement, SampleBySample
from trainwright.measures.reproducibility import Repetition
from trainwright.measures.signal import NonFinite
from trainwright.measures.start import ActivationsAtStart, WeightsAtStart
from trainwright.measures.structure import AxisRoles, Dropouts, ModelStructure
from trainwright.measures.trials import BatchDependence, InputDependence, OverfitTrial

TRIALS: dict[type[Measurement], Callable[[Setup], Measurement]] = {
    InputScale: measure_input_scale,
    InputLayout: measure_input_layout,
    LossDoor: observe_door,
    LossGraph: observe_graph,
    ClassNumbers: count_class_numbers,
    NonFinite: find_non_finite,
    InitialLoss: measure_initial_loss,
    OutputAtInit: output_at_init,
    OutputRange: output_range,
    InputDependence: input_dependence,
    BatchDependence: batch_dependence,
    WeightLoads: read_loads,
    RunningStatistics: compare_running_statistics,
    ModelStructure: describe_structure,
    Dropouts: read_dropouts,
    AxisRoles: inspect_axes,
    WeightsAtStart: watch_weights,
    ActivationsAtStart: watch_activations,
    CustomGradients: check_functions,
    OutputGradient: output_gradient,
    LossResponse: loss_response,
    SampleBySample: compare_sample_by_sample,
    FutureDependence: future_dependence,
    ModeAgreement: compare_modes,
    Repetition: repeat_steps,
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
    "check_functions",
    "compare_modes",
    "compare_running_statistics",
    "compare_sample_by_sample",
    "describe_structure",
    "find_non_finite",
    "future_dependence",
    "input_dependence",
    "inspect_axes",
    "loss_response",
    "measure_initial_loss",
    "measure_input_layout",
    "measure_input_scale",
    "observe_door",
    "observe_graph",
    "output_at_init",
    "output_gradient",
    "output_range",
    "overfit_batch",
    "read_dropouts",
    "read_loads",
    "repeat_steps",
    "run_trials",
    "watch_activations",
    "watch_weights",
]
