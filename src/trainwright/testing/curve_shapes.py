"""Learning curves made of formulas: healthy ones that look ill to a hasty rule, with noise from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from trainwright.measures.curves import Curve, LearningCurve

Array = npt.NDArray[np.float64]
Shape = Callable[[np.random.Generator], LearningCurve]


def _steps(values: Array, **others: Any) -> LearningCurve:
    x = np.arange(1.0, len(values) + 1)
    return LearningCurve(x_unit="step", train_loss=Curve(x, values), **others)


def _epochs(train: Array, validation: Array, **others: Any) -> LearningCurve:
    x = np.arange(1.0, len(train) + 1)
    return LearningCurve(train_loss=Curve(x, train), validation_loss=Curve(x, validation), **others)


def _rates(values: Array) -> Curve:
    return Curve(np.arange(1.0, len(values) + 1), values)


def warm_up_and_cosine(rng: np.random.Generator) -> LearningCurve:
    """A language model's 3,000 steps: little progress while the rate is low, and a rate that ends at zero."""
    t = np.arange(3000)
    rate = 3e-4 * np.minimum(1, (t + 1) / 300) * 0.5 * (1 + np.cos(np.pi * t / 3000))
    done = np.cumsum(rate) / rate.sum()
    loss = 6.9 * np.exp(-3 * done) + 2.5 * (1 - np.exp(-3 * done)) + 0.15 * rng.normal(size=3000)
    return _steps(loss, learning_rate=_rates(rate), optimizer="adamw", baseline_train_loss=8.0, has_schedule=True)


def one_cycle(rng: np.random.Generator) -> LearningCurve:
    """A rate that climbs for a third of the way; the loss wavers while it is high."""
    t = np.linspace(0, 1, 40)
    rate = 0.01 * np.where(t < 0.3, 0.04 + 0.96 * t / 0.3, 0.5 * (1 + np.cos(np.pi * (t - 0.3) / 0.7)) + 1e-4)
    train = 2.3 * np.exp(-4 * t) * (1 + 3 * rate * rng.normal(size=40)) + 0.01
    return _epochs(train, train + 0.1 * t, learning_rate=_rates(rate), optimizer="adam", baseline_train_loss=2.3)


def high_then_annealed(rng: np.random.Generator) -> LearningCurve:
    """Plain descent from rate 1 down to nothing: the loss jumps as long as the rate is high, and settles."""
    t = np.arange(40)
    rate = 0.5 * (1 + np.cos(np.pi * t / 40))
    train = 0.2 + 0.9 * np.exp(-t / 6) + 0.1 * rate * rng.normal(size=40)
    validation = 0.25 + 0.9 * np.exp(-t / 6) + 0.03 * rate * rng.normal(size=40)
    known: dict[str, Any] = {"optimizer": "sgd", "baseline_train_loss": 1.1, "train_only": ()}
    return _epochs(train, validation, learning_rate=_rates(rate), **known)


def warm_restarts(rng: np.random.Generator) -> LearningCurve:
    """A rate that starts again five times, and a loss that jumps up with it."""
    t = np.arange(100)
    rate = 0.05 * (0.5 * (1 + np.cos(np.pi * (t % 20) / 20)))
    train = 0.3 + 1.7 * np.exp(-t / 15) + 14 * rate * 0.5 + 0.01 * rng.normal(size=100)
    return _epochs(train, train + 0.1, learning_rate=_rates(rate), optimizer="sgd", baseline_train_loss=2.3)


def label_noise(rng: np.random.Generator) -> LearningCurve:
    """A third of the labels is noise: the loss stays far above zero and validation is as good as training."""
    t = np.arange(30)
    train = 1.35 + 0.95 * np.exp(-t / 4) - 0.003 * t + 0.01 * rng.normal(size=30)
    return _epochs(train, 1.4 + 0.9 * np.exp(-t / 3) + 0.02 * rng.normal(size=30), baseline_train_loss=2.3)


def interpolation(rng: np.random.Generator) -> LearningCurve:
    """The training loss goes to zero and jumps about there by factors of ten; validation stays."""
    t = np.arange(80)
    train = 2.3 * np.exp(-t / 5) + 1e-4 * np.exp(2 * rng.normal(size=80))
    return _epochs(train, 0.35 + 1.9 * np.exp(-t / 5) + 0.01 * rng.normal(size=80), baseline_train_loss=2.3)


def dropout(rng: np.random.Generator) -> LearningCurve:
    """Dropout and label smoothing make the training loss the worse one."""
    t = np.arange(40)
    train = 1.1 + 1.2 * np.exp(-t / 8) + 0.02 * rng.normal(size=40)
    validation = 0.5 + 1.8 * np.exp(-t / 8) + 0.02 * rng.normal(size=40)
    return _epochs(train, validation, baseline_train_loss=2.3, train_only=("dropout",))


def adversarial(rng: np.random.Generator) -> LearningCurve:
    """A discriminator that learns, loses it again, and swings about its equilibrium."""
    t = np.arange(2000)
    loss = 0.69 - 0.35 * np.exp(-(((t - 300) / 200) ** 2)) + 0.1 * np.sin(t / 60) + 0.1 * rng.normal(size=2000)
    return _steps(
        loss, baseline_train_loss=0.693, optimizer="adam", learning_rate=_rates(np.full(2000, 2e-4)), is_game=True
    )


def negative_log_density(rng: np.random.Generator) -> LearningCurve:
    """A flow's loss begins above zero and goes on falling below it."""
    t = np.arange(60)
    train = 5.0 - 12 * (1 - np.exp(-t / 8)) + 0.15 * rng.normal(size=60)
    return _epochs(train, train + 0.4 + 0.05 * rng.normal(size=60))


def parity(rng: np.random.Generator) -> LearningCurve:
    """Nothing for the longest time, and then everything at once."""
    t = np.arange(100)
    train = 0.69 / (1 + np.exp((t - 70) / 3)) + 0.003 * rng.normal(size=100) + 0.01
    return _epochs(train, train + 0.01, baseline_train_loss=0.693)


def small_batches(rng: np.random.Generator) -> LearningCurve:
    """Batches of four: every step's loss is mostly chance, with a long tail."""
    t = np.arange(4000)
    loss = (0.4 + 1.9 * np.exp(-t / 600)) * np.exp(0.7 * rng.normal(size=4000))
    return _steps(loss, baseline_train_loss=2.3, optimizer="sgd", learning_rate=_rates(np.full(4000, 0.1)))


def few_noisy_steps(rng: np.random.Generator) -> LearningCurve:
    """200 steps of a watched loop."""
    loss = 2.3 * np.exp(-np.arange(200) / 80) * np.exp(0.3 * rng.normal(size=200))
    return _steps(loss, baseline_train_loss=2.3, optimizer="adam", learning_rate=_rates(np.full(200, 1e-3)))


def floor(rng: np.random.Generator) -> LearningCurve:
    """An auto-encoder whose bottleneck leaves a floor; the rate is lowered, and the loss falls with it a little."""
    t = np.arange(60)
    rate: Array = 1e-3 * 0.5 * (1 + np.cos(np.pi * t / 60))
    train = 0.22 + 0.78 * np.exp(-t / 3) + 20 * rate * np.abs(rng.normal(size=60)) * 0.2
    return _epochs(train, train + 0.01, learning_rate=_rates(rate), baseline_train_loss=1.0)


def large_but_stable(rng: np.random.Generator) -> LearningCurve:
    """A regression in thousands: the loss is in millions."""
    t = np.arange(50)
    train = 4e6 * np.exp(-t / 10) + 5e5 + 2e4 * rng.normal(size=50)
    return _epochs(train, 1.1 * train)


def step_decay(rng: np.random.Generator) -> LearningCurve:
    """Three tenfold drops of the rate, the loss falling at each."""
    t = np.arange(90)
    rate = np.array([0.1, 0.01, 1e-3, 1e-4])[np.searchsorted([30, 60, 80], t, side="right")]
    level = np.array([1.2, 0.5, 0.4, 0.39])[np.searchsorted([30, 60, 80], t, side="right")]
    train = level + 1.1 * np.exp(-t / 5) + 0.5 * rate * rng.normal(size=90)
    return _epochs(train, train + 0.2, learning_rate=_rates(rate), optimizer="sgd", baseline_train_loss=4.6)


def fine_tuning(rng: np.random.Generator) -> LearningCurve:
    """A model trained before goes on at a rate that is low, as it should be; most is learnt in the first epoch."""
    t = np.arange(900)
    rate = 2e-5 * (1 - t / 900)
    loss = 0.25 + 0.45 * np.exp(-t / 80) + 0.08 * rng.normal(size=900)
    return _steps(loss, learning_rate=_rates(rate), optimizer="adamw", baseline_train_loss=0.69, steps_per_epoch=300)


def reinforcement(rng: np.random.Generator) -> LearningCurve:
    """A value loss without any trend, of which nothing is known."""
    return _steps(np.exp(0.5 * rng.normal(size=1500)))


HEALTHY: tuple[Shape, ...] = (
    warm_up_and_cosine,
    one_cycle,
    high_then_annealed,
    warm_restarts,
    label_noise,
    interpolation,
    dropout,
    adversarial,
    negative_log_density,
    parity,
    small_batches,
    few_noisy_steps,
    floor,
    large_but_stable,
    step_decay,
    fine_tuning,
    reinforcement,
)
