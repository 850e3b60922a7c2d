"""Illnesses that show in learning curves, each one change to a healthy bench."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from trainwright.clinic.bench import Bench


def heavy_momentum(bench: Bench) -> Bench:
    """Momentum 0.99 at a rate of 0.1, which is for 0.9: a hundred steps of memory throw the weights about."""
    return bench.with_config(optimizer__name="sgd", optimizer__momentum=0.99, optimizer__learning_rate=0.1)


def high_rate(bench: Bench) -> Bench:
    """Adam at a rate fifty times the usual one; it still learns."""
    return bench.with_config(optimizer__learning_rate=0.05)


def low_rate(bench: Bench) -> Bench:
    """Adam at a rate thirty times too low; it still creeps forward."""
    return bench.with_config(optimizer__learning_rate=3e-5)


def strong_decay(bench: Bench) -> Bench:
    """Weight decay a thousand times too strong holds the weights near zero."""
    return bench.with_config(optimizer__weight_decay=0.3, training__epochs=50)


def disturbed(bench: Bench) -> Bench:
    """In the midst of training the last layer is overwritten with wrong weights: its sign is turned."""
    return bench.with_quirk("disturbed")


def hasty_norm(bench: Bench) -> Bench:
    """Batch normalisation was given the momentum 0.99 of another library, where the word means the opposite."""
    return bench.with_quirk("batch-norm").with_quirk("hasty-norm").with_config(training__batch_size=8)


def short_schedule(bench: Bench) -> Bench:
    """A cosine schedule that has reached zero after a fifth of the training, as when stepped per batch, not per
    epoch."""
    return bench.with_config(schedule__name="cosine", schedule__end=0.2)


def early_steps(bench: Bench) -> Bench:
    """The rate drops tenfold twice within the first tenth of the training, as with milestones meant as epochs."""
    return bench.with_config(schedule__name="step", schedule__end=0.1)


def cut_training(bench: Bench) -> Bench:
    """Training ends after six epochs, while everything still improves."""
    return bench.with_config(training__epochs=6)


def flipped_loss(bench: Bench) -> Bench:
    """The loss is given distances, of which it takes the smallest; accuracy takes the largest."""
    return replace(bench, loss="minus-outputs")


def stale_evaluation(bench: Bench) -> Bench:
    """What is evaluated is a copy of the model made before training."""
    return bench.with_quirk("stale-evaluation")


def noisy_training_labels(bench: Bench) -> Bench:
    """Half of the training labels were drawn anew; the validation labels were checked by hand."""
    rng = np.random.default_rng([13, bench.seed])
    targets, train = bench.targets.copy(), bench.splits["train"]
    wrong = train[rng.random(len(train)) < 1 / 2]
    targets[wrong] = rng.permutation(targets[wrong])
    return replace(bench, targets=targets)


def sixty_noisy_samples(bench: Bench) -> Bench:
    """Sixty samples, a quarter of them with a wrong label, for a wide network."""
    rng = np.random.default_rng([23, bench.seed])
    train = bench.splits["train"][:60]
    targets = bench.targets.copy()
    wrong = train[rng.random(len(train)) < 1 / 4]
    targets[wrong] = rng.permutation(targets[wrong])
    splits = MappingProxyType({**bench.splits, "train": train})
    return replace(bench, targets=targets, splits=splits).with_config(training__epochs=100, model__width=64)


def shuffled_labels(bench: Bench) -> Bench:
    """Labels and inputs of 110 training samples were shuffled apart; a wide network learns them by heart."""
    rng = np.random.default_rng([17, bench.seed])
    targets, train = bench.targets.copy(), bench.splits["train"][:110]
    targets[train] = rng.permutation(targets[train])
    splits = MappingProxyType({**bench.splits, "train": train})
    return replace(bench, targets=targets, splits=splits).with_config(training__epochs=100, model__width=64)
