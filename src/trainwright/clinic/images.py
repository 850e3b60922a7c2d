"""Healthy benches of images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from trainwright.clinic.bench import Bench
from trainwright.clinic.tables import divide


def digits(seed: int) -> Bench:
    """600 of the handwritten digits of scikit-learn, grey, 8×8, pixels 0 to 16, corners always 0."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(bunch.target))[:600]
    return Bench(
        name="digits",
        seed=seed,
        inputs=bunch.images[chosen][:, None].astype(np.float32),
        targets=bunch.target[chosen].astype(np.int64),
        kind="image",
        task="classification",
        splits=divide(600, rng),
        class_names=tuple("0123456789"),
        feature_names=("grey",),
    )


def digit_pixels(seed: int) -> Bench:
    """The digits as a table of 64 pixels: constant corners and narrow rims are healthy there."""
    images = digits(seed)
    return Bench(
        name="digit-pixels",
        seed=seed,
        inputs=images.inputs.reshape(len(images.inputs), -1),
        targets=images.targets,
        kind="table",
        task="classification",
        splits=images.splits,
        class_names=images.class_names,
        feature_names=tuple(f"pixel {i}" for i in range(64)),
    )


def shapes(seed: int) -> Bench:
    """300 colour pictures, 3×16×16, values 0 to 255: a disc, a square or a cross of random colour and place."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(3, size=300)
    return Bench(
        name="shapes",
        seed=seed,
        inputs=np.stack([_shape(int(which), rng) for which in targets]).astype(np.float32),
        targets=targets.astype(np.int64),
        kind="image",
        task="classification",
        splits=divide(300, rng),
        class_names=("disc", "square", "cross"),
        feature_names=("red", "green", "blue"),
    )


def _shape(which: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    rows, columns = np.mgrid[:16, :16]
    middle, radius = rng.uniform(5, 10, size=2), rng.uniform(2.5, 4.5)
    down, across = np.abs(rows - middle[0]), np.abs(columns - middle[1])
    inside = (
        down**2 + across**2 <= radius**2,
        np.maximum(down, across) <= radius,
        (np.minimum(down, across) <= 1) & (np.maximum(down, across) <= radius),
    )[which]
    background, colour = rng.uniform(0, 100, size=(3, 1, 1)), rng.uniform(130, 240, size=(3, 1, 1))
    picture = np.where(inside, colour, background) + rng.normal(0, 8, size=(3, 16, 16))
    return picture.clip(0, 255).round()


HEALTHY: tuple[Callable[[int], Bench], ...] = (digits, digit_pixels, shapes)
"""Every healthy bench of images."""
