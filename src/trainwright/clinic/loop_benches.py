"""Healthy benches whose training loop looks ill to a hasty rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trainwright.clinic.bench import Bench, ModelSpec
from trainwright.clinic.training_benches import alloys_mlp, digits_cnn, normalised, waves_gru, yield_mlp


def digits_linear(seed: int) -> Bench:
    """Digits and a single linear layer; a set-up only, as a linear model is no match for the other baselines."""
    bench = digits_cnn(seed).with_config(optimizer__learning_rate=1e-2)
    settings = {key: value for key, value in bench.config.items() if key != "training.epochs"}
    return replace(bench, name="digits-linear", model=ModelSpec("linear"), config=settings)


def yield_linear(seed: int) -> Bench:
    """Yields that are a weighted sum of the columns, and a single linear layer under plain descent."""
    bench = yield_mlp(seed).with_config(
        optimizer__name="sgd", optimizer__momentum=0.0, optimizer__learning_rate=0.05, training__epochs=15
    )
    scaled = (bench.inputs - bench.inputs.mean(0)) / bench.inputs.std(0)
    noise = np.random.default_rng([29, seed]).normal(size=len(scaled))
    targets = 14 + scaled @ np.array((3, 2, 1, 0.5, -2, 0, 0, 0)) + 0.5 * noise
    return replace(bench, name="yield-linear", targets=targets.astype(np.float32), model=ModelSpec("linear"))


def accumulating(seed: int) -> Bench:
    """Four batches for each step, their losses divided by four."""
    return alloys_mlp(seed).with_config(training__accumulate=4, training__batch_size=8)


def cleared_by_model(seed: int) -> Bench:
    """Gradients are cleared behind the step, by the model."""
    return replace(alloys_mlp(seed), loop="model-zero-grad")


def closure(seed: int) -> Bench:
    """LBFGS on all data at once, which calls the loss itself."""
    return replace(yield_mlp(seed), loop="closure")


def cyclic(seed: int) -> Bench:
    """A learning rate that goes up and down."""
    return replace(digits_cnn(seed), loop="cyclic")


def annealed(seed: int) -> Bench:
    """Warm-up, then a cosine that ends at zero."""
    return waves_gru(seed).with_config(schedule__name="cosine", schedule__warmup=0.1)


def frozen_norm(seed: int) -> Bench:
    """Normalisation statistics are held on purpose, in eval mode from the first step on."""
    return replace(normalised(seed), loop="frozen-norm")


def averaged(seed: int) -> Bench:
    """A moving average of the weights is evaluated."""
    return normalised(seed).with_config(training__average=0.95)


def rate_one(seed: int) -> Bench:
    """Plain descent from rate 1 down to nothing, which batch normalisation permits."""
    bench = alloys_mlp(seed).with_quirk("batch-norm")
    return bench.with_config(
        optimizer__name="sgd",
        optimizer__momentum=0.0,
        optimizer__learning_rate=1.0,
        schedule__name="cosine",
        training__batch_size=128,
    )


def clipped(seed: int) -> Bench:
    """The gradient is clipped at every step, and the rate is chosen for that."""
    return waves_gru(seed).with_config(training__clip_norm=0.1, training__epochs=10)


def small_batches(seed: int) -> Bench:
    """Four samples in a batch."""
    return yield_mlp(seed).with_config(training__batch_size=4, optimizer__learning_rate=1e-3, training__epochs=20)


def memorising(seed: int) -> Bench:
    """A wide network fits its samples exactly, so that loss and gradients vanish."""
    bench = digits_cnn(seed).with_config(training__epochs=30, model__width=32)
    return replace(bench, name="digits-wide")


def low_precision(seed: int) -> Bench:
    """The forward pass runs in bfloat16."""
    return digits_cnn(seed).with_config(training__amp=True)


TRICKY: tuple[Callable[[int], Bench], ...] = (
    accumulating,
    annealed,
    averaged,
    cleared_by_model,
    clipped,
    closure,
    cyclic,
    digits_linear,
    frozen_norm,
    low_precision,
    memorising,
    rate_one,
    small_batches,
    yield_linear,
)
"""All of them."""
