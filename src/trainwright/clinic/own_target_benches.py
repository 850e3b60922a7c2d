"""Healthy benches that learn from more than one target for each sample, or from the samples themselves. Experiments do
not know such targets: these benches are put to the trials and watched in a loop of their own.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from trainwright.clinic.bench import Bench, ModelSpec
from trainwright.clinic.images import digit_pixels
from trainwright.clinic.tables import divide
from trainwright.clinic.training_benches import BenchMaker, waves_gru


def next_token(seed: int) -> Bench:
    """300 melodies of 12 tokens, each the last plus one of two intervals; the targets are the tokens one step later."""
    rng = np.random.default_rng(seed)
    steps = rng.choice((1, 3), size=(300, 13))
    melodies = (rng.integers(12, size=(300, 1)) + steps.cumsum(1)) % 12
    return replace(
        waves_gru(seed),
        name="next-token",
        inputs=melodies[:, :-1].astype(np.int64),
        targets=melodies[:, 1:].astype(np.int64),
        model=ModelSpec("tokens", width=24, depth=1),
        splits=divide(300, rng),
        class_names=tuple(str(n) for n in range(12)),
        loss="next-token",
    ).with_config(optimizer__learning_rate=4e-3)


def autoencoder(seed: int) -> Bench:
    """The digits from the digits, through eight linear units in the middle: the error has a floor far above zero."""
    bench = digit_pixels(seed)
    pictures = (bench.inputs / 16).astype(np.float32)
    return replace(
        bench,
        name="autoencoder",
        inputs=pictures,
        targets=pictures,
        task="regression",
        class_names=(),
        model=ModelSpec("autoencoder", width=48),
        config=MappingProxyType({"model.width": 48, "training.epochs": 20, "optimizer.learning_rate": 3e-3}),
        loss="squared-error",
    )


def contrast(seed: int) -> Bench:
    """Two recordings of each of 600 events: from the first, the second is to be told from those of the other events in
    the batch, so that the loss of a sample depends on its batch by design.
    """
    rng = np.random.default_rng(seed)
    events = rng.normal(size=(600, 6))
    first, second = rng.normal(size=(6, 12)) / 2, rng.normal(size=(6, 16)) / 2
    recordings = np.tanh(events @ first), np.tanh(events @ second)
    heard, answer = (each + 0.1 * rng.normal(size=each.shape) for each in recordings)
    return Bench(
        name="contrast",
        seed=seed,
        inputs=heard.astype(np.float32),
        targets=answer.astype(np.float32),
        kind="table",
        task="regression",
        splits=divide(600, rng),
        model=ModelSpec("mlp", width=48, depth=2),
        config=MappingProxyType({"model.width": 48, "training.epochs": 20, "optimizer.learning_rate": 1.5e-3}),
        loss="contrast",
    )


def adversaries(seed: int) -> Bench:
    """Points on a ring, and two networks that learn against each other: one makes points, the other judges them, so
    that neither loss falls for long.
    """
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, size=600)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.05 * rng.normal(size=(600, 2))
    return Bench(
        name="adversaries",
        seed=seed,
        inputs=points.astype(np.float32),
        targets=points.astype(np.float32),
        kind="table",
        task="regression",
        splits=divide(600, rng),
        model=ModelSpec("mlp", width=48, depth=2),
        config=MappingProxyType({"model.width": 48, "training.epochs": 20, "optimizer.learning_rate": 1e-3}),
        loop="adversarial",
    )


TRICKY: tuple[BenchMaker, ...] = (autoencoder, contrast, adversaries)
"""Those that a hasty rule takes for ill."""
