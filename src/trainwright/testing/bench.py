"""From a bench to an experiment and its measurements, taken by the very probes that users get."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from torch import nn

from trainwright.clinic.bench import Bench, ModelSpec
from trainwright.core import Measurement, Measurements
from trainwright.data.dataset import Dataset, Kind, Task, UnreadableFile
from trainwright.data.scans import scan
from trainwright.doctor.session import MEASURED, Session
from trainwright.doctor.taps import Taps
from trainwright.doctor.trials import TRIALS, run_trials
from trainwright.logbook.openings import record_opening
from trainwright.measures.curves import BaselineComparison, LearningCurve
from trainwright.measures.study import PairedGains, TestOpenings
from trainwright.recipe.baselines import compare, fit_baselines
from trainwright.recipe.curves import learning_curve
from trainwright.testing.bench_loops import run_loop
from trainwright.testing.bench_models import BenchNet
from trainwright.testing.bench_parts import LOSSES, OPTIMIZERS
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult, train

TRAINED: frozenset[type[Measurement]] = frozenset({LearningCurve, BaselineComparison})
"""Measurements that need a whole training."""
WATCHED: frozenset[type[Measurement]] = MEASURED - {LearningCurve} - set(TRIALS)
"""Measurements that need a loop to be watched; its learning curve then is the one that was watched, too."""
WATCHED_STEPS = 200
WATCHED_EVERY = 5
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
        capacity="width",
        name=bench.name,
        seed=bench.seed,
        config={"model.width": bench.model.width, **bench.config},
    )
    return experiment.with_changes(changes) if changes else experiment


def _factory(spec: ModelSpec) -> Callable[..., nn.Module]:
    def make(sample_shape: tuple[int, ...], n_outputs: int, width: int = spec.width) -> nn.Module:
        sized = ModelSpec(spec.kind, width=width, depth=spec.depth, quirks=spec.quirks)
        return BenchNet(sized, sample_shape, n_outputs)

    return make


def measure(
    bench: Bench, kinds: Iterable[type[Measurement]], changes: Mapping[str, Any] = MappingProxyType({})
) -> Measurements:
    """Take the measurements of these kinds, and no probe beyond those that produce them.

    ``changes`` are applied to the experiment first, so that a fix can be judged by the same call.
    """
    wanted = set(kinds)
    experiment = to_experiment(bench, changes)
    found: list[Measurement] = []
    if wanted & set(TRIALS):
        found.extend(run_trials(experiment.setup(bench.seed), wanted))
    if wanted & WATCHED:
        found.extend(m for m in watched(experiment, bench) if type(m) in wanted)
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


def watched(experiment: Experiment, bench: Bench, steps: int = WATCHED_STEPS) -> Measurements:
    """What the live monitor sees of the bench's hand-written loop; a fault of the monitor's own is raised here."""
    session, faults = Session(every=WATCHED_EVERY), list[Exception]()
    with Taps(session, faults.append, session.governor.spend), np.errstate(invalid="ignore", over="ignore"):
        run_loop(experiment, bench, steps=steps)
    if faults:
        raise faults[0]
    session.ended()
    return session.measurements()


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
    with np.errstate(invalid="ignore", over="ignore"):  # a faulty training may well end in NaN
        result = train(experiment, seed=bench.seed)
    found: list[Measurement] = []
    if LearningCurve in wanted:
        found.append(learning_curve(experiment, result))
    if BaselineComparison in wanted:
        found.append(_compare(experiment, result))
    return found


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
