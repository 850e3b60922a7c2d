"""Healthy benches for checks that watch training: four kinds of data, one small network each, and tricky variants.

Each trains in a second on one core, is clearly learnable, and a network is clearly the right tool for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trainwright.clinic.bench import Bench, ModelSpec
from trainwright.clinic.tables import divide

BenchMaker = Callable[[int], Bench]


def digits_cnn(seed: int) -> Bench:
    """600 handwritten digits, 8×8 pixels from 0 to 16, and a small CNN."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(seed)
    digits = load_digits()
    rows = rng.permutation(len(digits.images))[:600]
    return _bench(
        "digits-cnn",
        seed,
        digits.images[rows][:, None],
        digits.target[rows].astype(np.int64),
        rng,
        model=ModelSpec("cnn", width=12, depth=2),
        settings={"training.epochs": 20, "optimizer.learning_rate": 5e-3},
        kind="image",
        class_names=tuple(str(d) for d in range(10)),
    )


def mirrored_scans(seed: int) -> Bench:
    """600 handwritten digits that a mirror changes, half of them scanned through the paper: which are they?"""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(seed)
    digits = load_digits()
    rows = rng.permutation(np.flatnonzero(np.isin(digits.target, (2, 3, 5, 6, 7, 9))))[:600]
    is_mirrored = rng.random(len(rows)) < 0.5
    images = digits.images[rows]
    return _bench(
        "mirrored-scans",
        seed,
        np.where(is_mirrored[:, None, None], images[:, :, ::-1], images)[:, None],
        is_mirrored.astype(np.int64),
        rng,
        model=ModelSpec("cnn", width=24, depth=2),
        settings={"training.epochs": 20, "optimizer.learning_rate": 5e-3},
        kind="image",
        class_names=("upright", "mirrored"),
    )


def alloys_mlp(seed: int) -> Bench:
    """900 alloys, five columns of which two count: the phase depends on how far they are from an optimum."""
    rng = np.random.default_rng(seed)
    state = rng.normal(size=(900, 5))
    distance = np.hypot(state[:, 0], state[:, 1]) + 0.05 * rng.normal(size=900)
    phase = np.digitize(distance, (0.85, 1.45)).astype(np.int64)
    inputs = state * (120.0, 4000.0, 0.3, 1.0, 15.0) + (800.0, 101_000.0, 2.0, 0.0, 60.0)
    return _bench(
        "alloys-mlp",
        seed,
        inputs,
        phase,
        rng,
        model=ModelSpec("mlp", width=32, depth=2),
        settings={"training.epochs": 40, "optimizer.learning_rate": 3e-3},
        class_names=("solid", "mixed", "liquid"),
        feature_names=("temperature", "pressure", "carbon", "batch", "humidity"),
    )


def yield_mlp(seed: int) -> Bench:
    """700 fields: Friedman's curved function of five columns among eight, a yield of about 14 ± 5 tonnes."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(700, 8))
    curved = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return _bench(
        "yield-mlp",
        seed,
        x * (30.0, 900.0, 7.0, 250.0, 60.0, 1.0, 12.0, 3.0),
        (curved + rng.normal(size=700)).astype(np.float32),
        rng,
        model=ModelSpec("mlp", width=32, depth=2),
        settings={"training.epochs": 25, "optimizer.learning_rate": 3e-3},
        task="regression",
        feature_names=("warmth", "rain", "acidity", "nitrogen", "potash", "shade", "month", "row"),
    )


def waves_gru(seed: int) -> Bench:
    """500 noisy waves of 16 steps and two channels; the class says which channel leads and whether the pitch rises."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, 16)
    classes = rng.integers(3, size=500).astype(np.int64)
    start = rng.uniform(0, 2 * np.pi, size=(500, 1))
    bend = np.where(classes == 2, 1.5, 0.0)[:, None]
    lead = np.where(classes == 0, 1.2, -1.2)[:, None]
    phase = 2 * np.pi * (1.5 * time + bend * time**2) + start
    waves = np.stack([np.sin(phase), np.sin(phase + lead)], axis=2) + 0.15 * rng.normal(size=(500, 16, 2))
    return _bench(
        "waves-gru",
        seed,
        waves,
        classes,
        rng,
        model=ModelSpec("gru", width=24, depth=1),
        settings={"training.epochs": 20, "optimizer.learning_rate": 1e-2},
        kind="sequence",
        class_names=("left", "right", "rising"),
    )


def letters_bag(seed: int) -> Bench:
    """500 texts of 24 tokens out of 60; each of three topics prefers ten of them."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(3, size=500).astype(np.int64)
    of_topic = rng.random((500, 24)) < 0.35
    favourites = 4 + 20 * topics[:, None] + rng.integers(10, size=(500, 24))
    tokens = np.where(of_topic, favourites, rng.integers(4, 64, size=(500, 24))).astype(np.int64)
    bench = _bench(
        "letters-bag",
        seed,
        tokens,
        topics,
        rng,
        model=ModelSpec("bag", width=16, depth=1),
        settings={"training.epochs": 20, "optimizer.learning_rate": 1e-2},
        kind="sequence",
        class_names=("sea", "wood", "town"),
    )
    return replace(bench, inputs=tokens)


def regularised(seed: int) -> Bench:
    """Healthy but tricky: half of the units dropped and labels smoothed, so that the loss never comes near zero."""
    return (
        alloys_mlp(seed)
        .with_quirk("dropout")
        .with_config(loss__label_smoothing=0.1, training__epochs=40, optimizer__learning_rate=5e-3)
    )


def normalised(seed: int) -> Bench:
    """Healthy but tricky: batch normalisation mixes the samples of a batch in train mode, by design."""
    return digits_cnn(seed).with_quirk("batch-norm").with_config(training__epochs=12)


def zero_head(seed: int) -> Bench:
    """Healthy but tricky: the last layer starts at zero, so that no gradient reaches the others at first."""
    return yield_mlp(seed).with_quirk("zero-head")


def plain_descent(seed: int) -> Bench:
    """Healthy but tricky: SGD with momentum at a rate that is large for Adam."""
    bench = waves_gru(seed).with_config(optimizer__name="sgd", optimizer__learning_rate=0.05, training__epochs=25)
    return replace(bench, name="waves-sgd")


def frozen_backbone(seed: int) -> Bench:
    """Healthy but tricky: the first layer is frozen on purpose and the rest learns on its random features."""
    return alloys_mlp(seed).with_quirk("frozen-first").with_config(training__epochs=60, model__width=64)


HEALTHY: tuple[BenchMaker, ...] = (digits_cnn, alloys_mlp, yield_mlp, waves_gru, letters_bag, mirrored_scans)
"""The plain healthy training benches."""

TRICKY: tuple[BenchMaker, ...] = (regularised, normalised, zero_head, plain_descent, frozen_backbone)
"""Healthy training benches that look ill to a hasty rule."""


def _bench(
    name: str,
    seed: int,
    inputs: npt.NDArray[Any],
    targets: npt.NDArray[Any],
    rng: np.random.Generator,
    *,
    model: ModelSpec,
    settings: dict[str, Any],
    kind: Literal["image", "table", "sequence"] = "table",
    task: Literal["classification", "regression"] = "classification",
    class_names: tuple[str, ...] = (),
    feature_names: tuple[str, ...] = (),
) -> Bench:
    return Bench(
        name=name,
        seed=seed,
        inputs=inputs.astype(np.float32),
        targets=targets,
        kind=kind,
        task=task,
        splits=divide(len(inputs), rng),
        class_names=class_names,
        feature_names=feature_names,
        model=model,
        config=MappingProxyType({"model.width": model.width, "model.depth": model.depth, **settings}),
        gains=MappingProxyType({"wider": (1.2, 1.5, 1.1)}),
    )
