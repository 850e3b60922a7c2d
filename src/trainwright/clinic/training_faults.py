"""Illnesses of models, training and studies, each one change to a healthy bench."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from trainwright.clinic.bench import Bench


def large_head(bench: Bench) -> Bench:
    """The last layer starts with weights thirty times too large."""
    return bench.with_quirk("large-head")


def raw_inputs(bench: Bench) -> Bench:
    """Inputs enter the network in their raw units."""
    return bench.with_config(data__scaling="none")


def raw_targets(bench: Bench) -> Bench:
    """Targets of a regression keep their mean and unit."""
    return bench.with_config(data__scale_target=False)


def tiny_rate(bench: Bench) -> Bench:
    """A learning rate a thousand times too small."""
    return bench.with_config(optimizer__learning_rate=1e-6)


def huge_rate(bench: Bench) -> Bench:
    """A learning rate a thousand times too large, under plain gradient descent."""
    return bench.with_config(optimizer__name="sgd", optimizer__momentum=0.9, optimizer__learning_rate=1e4)


def frozen(bench: Bench) -> Bench:
    """All parameters but the last bias were frozen and never released."""
    return bench.with_quirk("frozen")


def conflicting_labels(bench: Bench) -> Bench:
    """A broken join gave all samples the inputs of four of them, labels as they were."""
    inputs = bench.inputs[bench.splits["train"][:4]]
    return replace(bench, inputs=inputs[np.arange(len(bench.inputs)) % 4].copy())


def squashed_output(bench: Bench) -> Bench:
    """A sigmoid ends a regression whose targets lie far outside 0 … 1."""
    return bench.with_quirk("sigmoid-output")


def ignored_input(bench: Bench) -> Bench:
    """A mistaken multiplication by zero leaves only the biases to speak."""
    return bench.with_quirk("ignore-input")


def mixed_batch(bench: Bench) -> Bench:
    """The mean over the batch, not over the sample, is subtracted."""
    return bench.with_quirk("batch-leak")


def softmax_output(bench: Bench) -> Bench:
    """A softmax in front of cross entropy, which has one already."""
    return bench.with_quirk("softmax")


def missing_values(bench: Bench) -> Bench:
    """One cell in twenty is missing and is fed to the network as NaN."""
    inputs = bench.inputs.copy()
    inputs[np.random.default_rng([7, bench.seed]).random(inputs.shape) < 0.05] = np.nan
    return replace(bench, inputs=inputs).with_config(data__missing="keep")


def log_of_negative(bench: Bench) -> Bench:
    """A log of a value that may be negative stands inside the network."""
    return bench.with_quirk("log-of-negative")


def heavy_dropout(bench: Bench) -> Bench:
    """Dropout keeps one unit in a hundred: what one meant was to drop one in a hundred."""
    return bench.with_quirk("heavy-dropout")


def short_training(bench: Bench) -> Bench:
    """Training ends after two epochs, while everything still improves."""
    return bench.with_config(training__epochs=2)


def memorised(bench: Bench) -> Bench:
    """150 samples, a third of them with a wrong label, trained ten times as long as needed by a wide network."""
    rng = np.random.default_rng([11, bench.seed])
    train = bench.splits["train"][:150]
    targets = bench.targets.copy()
    wrong = train[rng.random(len(train)) < 1 / 3]
    targets[wrong] = rng.permutation(targets[wrong])
    splits = MappingProxyType({**bench.splits, "train": train})
    return replace(bench, targets=targets, splits=splits).with_config(training__epochs=100, model__width=64)


def noisy_gain(bench: Bench) -> Bench:
    """A change was adopted whose gain has both signs over the seeds."""
    return replace(bench, gains=MappingProxyType({"wider": (0.9, -0.6, 0.3)}))


def worn_test_set(bench: Bench) -> Bench:
    """Three runs looked at the same test set."""
    return replace(bench, test_openings=3)
