"""From a bench to an experiment and its measurements, taken by the very probes that users get."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from torch import nn

from trainwright.clinic.bench import Bench, ModelSpec
from trainwright.core import Measurement, Measurements
from trainwright.data.dataset import Dataset, Kind, Task, UnreadableFile
from trainwright.data.scans import scan
from trainwright.doctor.loads import record_loads
from trainwright.doctor.session import MEASURED, Session
from trainwright.doctor.taps import Taps
from trainwright.doctor.trials import TRIALS, run_trials
from trainwright.logbook.openings import record_opening
from trainwright.measures.curves import BaselineComparison, LearningCurve
from trainwright.measures.reproducibility import CapacityEffect
from trainwright.measures.splits import TargetShift
from trainwright.measures.study import PairedGains, TestOpenings
from trainwright.recipe.baselines import compare, fit_baselines
from trainwright.recipe.curves import learning_curve
from trainwright.recipe.pairs import capacity_effect
from trainwright.testing.bench_loops import run_loop
from trainwright.testing.bench_models import BenchNet
from trainwright.testing.bench_parts import LOSSES, OPTIMIZERS
from trainwright.testing.own_loops import run_own_loop, setup_of
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult, train

TRAINED: frozenset[type[Measurement]] = frozenset({LearningCurve, BaselineComparison, CapacityEffect})
"""Measurements that need a training."""
WATCHED: frozenset[type[Measurement]] = MEASURED - {LearningCurve, TargetShift} - set(TRIALS)
"""Measurements that need a loop to be watched; its learning curve then is the one that was watched, too. Classes are
counted in the data."""
WATCHED_STEPS = 200
WATCHED_EVERY = 5
CAPACITY_EPOCHS = 4
"""Epochs of each of two trainings at different capacities."""
STUDIED: frozenset[type[Measurement]] = frozenset({PairedGains, TestOpenings})
"""Measurements of a series of experiments."""


def to_experiment(bench: Bench, changes: Mapping[str, Any] = MappingProxyType({})) -> Experiment:
    """The bench as a real experiment, with dotted settings changed (an executable fix, say)."""
    dataset = Dataset(
        name=bench.name,
        inputs=bench.inputs,
        targets=bench.targets,
        kind=Kind(bench.kind),
        task=Task(bench.task),
        class_names=bench.class_names,
        feature_names=bench.feature_names,
        given_splits=bench.splits,
        unreadable=tuple(UnreadableFile(path, reason) for path, reason in bench.unreadable),
    )
    experiment = Experiment(
        data=dataset,
        model=_factory(bench.model),
        loss=LOSSES[bench.loss] if bench.loss else None,
        optimizer=OPTIMIZERS[bench.optimizer] if bench.optimizer else None,
        capacity=None if bench.model.kind == "linear" else "width",
        name=bench.name,
        seed=bench.seed,
        config={"model.width": bench.model.width, **bench.config},
    )
    return experiment.with_changes(changes) if changes else experiment


def _factory(spec: ModelSpec) -> Callable[..., nn.Module]:
    def make(sample_shape: tuple[int, ...], n_outputs: int, width: int = spec.width) -> nn.Module:
        built = spec if spec.quirks & {"fixed-width", "spare-width"} else replace(spec, width=width)
        model = BenchNet(built, sample_shape, n_outputs)
        if "spare-width" in spec.quirks:
            model.spare = nn.Linear(width, width)
        return model

    return make


def measure(
    bench: Bench, kinds: Iterable[type[Measurement]], changes: Mapping[str, Any] = MappingProxyType({})
) -> Measurements:
    """Take the measurements of these kinds, and no probe beyond those that produce them.

    ``changes`` are applied to the experiment first, so that a fix can be judged by the same call.
    """
    wanted = set(kinds)
    if not bench.is_of_the_recipe:
        return _measure_by_itself(bench, wanted)
    experiment = to_experiment(bench, changes)
    found: list[Measurement] = []
    if wanted & set(TRIALS):
        with record_loads():
            setup = experiment.setup(bench.seed)
        found.extend(run_trials(setup, wanted))
    if wanted & WATCHED:
        seen = watched(lambda: run_loop(experiment, bench, steps=WATCHED_STEPS))
        found.extend(m for m in seen if type(m) in wanted)
        wanted -= {LearningCurve}
    if wanted & TRAINED:
        found.extend(_measure_training(experiment, bench, wanted))
    if PairedGains in wanted:
        found.extend(PairedGains(name=name, gains=gains, unit="%") for name, gains in bench.gains.items())
    if TestOpenings in wanted:
        found.append(_open_test(experiment, bench.test_openings))
    if wanted - set(TRIALS) - TRAINED - STUDIED - WATCHED:
        found.extend(m for m in _scan(experiment) if type(m) in wanted)
    return Measurements(found)


def watched(run: Callable[[], object]) -> Measurements:
    """What the live monitor sees of a hand-written loop; a fault of the monitor's own is raised here."""
    session, faults = Session(every=WATCHED_EVERY), list[Exception]()
    with Taps(session, faults.append, session.governor.spend), np.errstate(invalid="ignore", over="ignore"):
        run()
    if faults:
        raise faults[0]
    session.ended()
    return session.measurements()


def _measure_by_itself(bench: Bench, wanted: set[type[Measurement]]) -> Measurements:
    """Of a bench that no experiment knows: its trials, and its own loop, whose curve is the only one there is."""
    found: list[Measurement] = []
    setup = setup_of(bench) if wanted & set(TRIALS) else None
    if setup is not None:
        found.extend(run_trials(setup, wanted & set(TRIALS)))
    if wanted & (WATCHED | {LearningCurve}):
        seen = watched(lambda: run_own_loop(bench, steps=WATCHED_STEPS))
        found.extend(m for m in seen if type(m) in wanted)
    return Measurements(found)


def _scan(experiment: Experiment) -> Measurements:
    config = experiment.config
    return scan(
        experiment.dataset,
        experiment.splits,
        scaling=config.data.scaling,
        missing=config.data.missing,
        shuffle=config.training.shuffle,
    )


def _measure_training(experiment: Experiment, bench: Bench, wanted: set[type[Measurement]]) -> list[Measurement]:
    found: list[Measurement] = []
    if CapacityEffect in wanted:
        short = experiment.with_changes({"training.epochs": min(CAPACITY_EPOCHS, experiment.epochs)})
        effect = capacity_effect(short, lambda variant: _train(variant, bench))
        found += [effect] if effect else []
    if not wanted & {LearningCurve, BaselineComparison}:
        return found
    result = _train(experiment, bench)
    if LearningCurve in wanted:
        found.append(learning_curve(experiment, result))
    if BaselineComparison in wanted:
        found.append(_compare(experiment, result))
    return found


def _train(experiment: Experiment, bench: Bench) -> TrainingResult:
    with np.errstate(invalid="ignore", over="ignore"):  # a faulty training may well end in NaN
        return train(experiment, seed=bench.seed)


def _compare(experiment: Experiment, result: TrainingResult) -> BaselineComparison:
    rows = experiment.splits.validation
    inputs, targets = experiment.dataset.inputs[rows], experiment.dataset.targets[rows]
    answers = {baseline.name: baseline.predict(inputs) for baseline in fit_baselines(experiment)}
    outputs = np.asarray(result.validation_outputs)
    own = outputs.argmax(1) if experiment.dataset.task is Task.CLASSIFICATION else outputs.reshape(len(rows))
    return compare(experiment, own, targets, answers)


def _open_test(experiment: Experiment, times: int) -> TestOpenings:
    fingerprint = experiment.dataset.fingerprint()
    with tempfile.TemporaryDirectory() as root:
        counts = [record_opening(Path(root), fingerprint, f"run-{number}") for number in range(times)]
    return TestOpenings(count=max(counts, default=0), fingerprint=fingerprint)
