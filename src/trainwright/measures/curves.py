"""How a whole training went, and how its result compares with simple predictors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainwright.core import CannotEvaluate, Measurement, Series
from trainwright.measures.trends import lowest_level, noise, spread

Array = npt.NDArray[np.float64]

MOST_DRAWN = 200
"""Points of a curve that are kept as evidence: more than a chart shows, few enough for a report of many findings."""

BLOCKS = 40
"""Means that a log of many steps is reduced to, so that trends are judged and not single batches."""

FEWEST_EPOCHS = 3
FEWEST_STEPS = 300
"""Steps that are a fair chance to learn where nobody knows how many make an epoch; a warm-up is mostly over by then."""


TYPICAL_RATE = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "sgd": 0.05}
"""Where each optimizer usually works for standardised data."""
TYPICAL_MOMENTUM = 0.9


@dataclass(frozen=True)
class Curve:
    """A quantity during a training: values ``y`` [n] at places ``x`` [n], ascending; empty where it was not recorded.

    ``x`` counts what the :class:`LearningCurve` says, ``y`` may hold NaN and infinities.
    """

    x: Array = field(default_factory=lambda: np.empty(0))
    y: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"a curve has {len(self.x)} places and {len(self.y)} values")

    @classmethod
    def of(cls, x: Iterable[float], y: Iterable[float]) -> Curve:
        """A curve of any numbers, sorted by place; where a place occurs twice the later value counts."""
        places, values = np.asarray(list(x), dtype=np.float64), np.asarray(list(y), dtype=np.float64)
        order = np.argsort(places, kind="stable")
        places, values = places[order], values[order]
        last = np.append(places[1:] != places[:-1], True)[: len(places)]
        return cls(places[last], values[last])

    def __len__(self) -> int:
        return len(self.x)

    @property
    def finite(self) -> Curve:
        """Only the points at which place and value are finite."""
        kept = np.isfinite(self.x) & np.isfinite(self.y)
        return Curve(self.x[kept], self.y[kept])

    def blocks(self, most: int) -> Curve:
        """Means of at most ``most`` blocks of neighbouring points, equally many in each but for one more or less."""
        if len(self) <= most:
            return self
        starts = np.linspace(0, len(self), most + 1).astype(int)[:-1]
        sizes = np.diff(np.append(starts, len(self)))
        return Curve(np.add.reduceat(self.x, starts) / sizes, np.add.reduceat(self.y, starts) / sizes)

    def at(self, places: Array) -> Array:
        """The mean of the finite values since the previous place, for each of ``places``; interpolated where there is
        none, NaN for an empty curve.
        """
        known = self.finite
        if not len(known):
            return np.full(len(places), np.nan)
        ends = np.searchsorted(known.x, places, side="right")
        begins = np.concatenate([[0], ends[:-1]])[: len(ends)]
        between = np.interp(places, known.x, known.y)
        return np.array(
            [known.y[a:b].mean() if b > a else value for a, b, value in zip(begins, ends, between, strict=True)]
        )

    def series(self, name: str, unit: str = "") -> Series:
        """The curve as evidence, thinned to :data:`MOST_DRAWN` points."""
        drawn = self.finite.blocks(MOST_DRAWN)
        return Series(name, tuple(map(float, drawn.x)), tuple(map(float, drawn.y)), unit)


@dataclass(frozen=True)
class Plan:
    """What a scheduler meant to do and did: the class of it, the number of its own steps after which it means to be
    done (0 where it has none), how often it moved, and how many steps the optimizer made."""

    scheduler: str
    horizon: int
    n_moves: int
    n_optimizer_steps: int


@dataclass(frozen=True, kw_only=True)
class LearningCurve(Measurement):
    """How a training went: what was recorded of it, each quantity at its own places; what is not known is left out.

    ``x_unit``: what the places of all curves count, finished epochs or optimizer steps, both from 1. Losses are in the
    loss's unit, metrics in ``unit`` (accuracy in %, error in the unit of the target). Train values are means over what
    was trained on since the previous place, validation values belong to the place itself.

    ``baseline_*``: the same quantities for the best prediction that ignores the input (class shares or mean of the
    training targets). ``kept_at``: the place whose weights are the result. ``learning_rate``: of the first parameter
    group. ``gradient_norm``: of all gradients together, before clipping. ``has_schedule``: whether anything is meant to
    change the rate. ``train_only``: names of what acts in training only and makes the training loss the worse one
    (dropout, augmentation, label smoothing, …). ``is_game``: whether networks with optimizers of their own train
    against each other, so that no loss need fall. ``momentum``: of the optimizer. ``schedule``: what moved the rate.
    None where that is not known.
    """

    x_unit: Literal["epoch", "step"] = "epoch"
    train_loss: Curve = field(default_factory=Curve)
    validation_loss: Curve = field(default_factory=Curve)
    train_metric: Curve = field(default_factory=Curve)
    validation_metric: Curve = field(default_factory=Curve)
    learning_rate: Curve = field(default_factory=Curve)
    gradient_norm: Curve = field(default_factory=Curve)
    metric_name: str = ""
    higher_is_better: bool | None = None
    unit: str = ""
    baseline_train_loss: float | None = None
    baseline_train_metric: float | None = None
    baseline_validation_loss: float | None = None
    baseline_validation_metric: float | None = None
    n_train: int | None = None
    n_validation: int | None = None
    kept_at: float | None = None
    steps_per_epoch: float | None = None
    optimizer: str = ""
    has_schedule: bool | None = None
    train_only: tuple[str, ...] | None = None
    is_game: bool | None = None
    name: str = ""
    momentum: float | None = None
    schedule: Plan | None = None

    @property
    def peak_rate(self) -> float | None:
        """The largest learning rate; None where none was recorded."""
        rates = self.learning_rate.finite.y
        return float(rates.max()) if len(rates) and rates.max() > 0 else None

    @property
    def typical_rate(self) -> float | None:
        """Where the optimizer usually works; None for one that is not known."""
        return TYPICAL_RATE.get(self.optimizer.lower())

    @property
    def excess_rate(self) -> float | None:
        """The largest learning rate as a multiple of the usual one; None where either is not known.

        Momentum makes steps add up to 1/(1 − momentum) times the rate, so beyond the usual momentum that counts, too.
        """
        rate, typical = self.peak_rate, self.typical_rate
        if rate is None or typical is None:
            return None
        return rate / typical * max(1.0, (1 - TYPICAL_MOMENTUM) / max(1e-6, 1 - (self.momentum or 0.0)))

    @property
    def momentum_counts(self) -> bool:
        """Whether the momentum makes steps longer than the usual one does."""
        return (self.momentum or 0.0) > TYPICAL_MOMENTUM + 1e-9

    @property
    def rate_restarts(self) -> bool:
        """Whether the learning rate rose again after it had fallen: restarts, cycles."""
        rates = self.learning_rate.finite.y
        fallen = np.flatnonzero(rates < 0.9 * np.maximum.accumulate(rates))
        if not len(fallen):
            return False
        after = rates[fallen[0] :]
        return bool((after > np.minimum.accumulate(after) + 0.1 * rates.max()).any())

    @property
    def trend(self) -> Curve:
        """The training loss as a trend: its finite values, of a log of steps as means of :data:`BLOCKS` blocks."""
        return self._smooth(self.train_loss)

    @property
    def validation_trend(self) -> Curve:
        """The same of the validation loss."""
        return self._smooth(self.validation_loss)

    def _smooth(self, curve: Curve) -> Curve:
        finite = curve.finite
        return finite if self.x_unit == "epoch" else finite.blocks(BLOCKS)

    @property
    def batch_noise(self) -> float:
        """Standard error of one point of :attr:`trend` from batch to batch; 0 where each point is a whole epoch."""
        return 0.0 if self.x_unit == "epoch" else noise(self.train_loss.finite.y) / self._root_of_block

    def batch_spread_from(self, start: float) -> float:
        """The same from the place ``start`` on, as batches differ little as long as nothing is learnt, and with the few
        batches whose loss is far from the others', of which single points are not free."""
        values = self.train_loss.finite
        return 0.0 if self.x_unit == "epoch" else spread(values.y[values.x >= start]) / self._root_of_block

    @property
    def _root_of_block(self) -> float:
        return math.sqrt(max(1.0, len(self.train_loss.finite) / BLOCKS))

    @property
    def scale(self) -> float:
        """What losses are measured against, so that nothing near zero looks large: the constant prediction's loss, or
        where nobody knows it the range through which the training loss fell.
        """
        if self.baseline_train_loss is not None:
            scale = abs(self.baseline_train_loss)
        else:
            values = self.trend.y
            scale = float(values[0] - lowest_level(values)) if len(values) >= FEWEST_EPOCHS else 0.0
        if not (np.isfinite(scale) and scale > 0):
            raise CannotEvaluate(f"there is nothing to measure losses against: the scale is {scale:.3g}")
        return scale

    @property
    def reference(self) -> float:
        """The loss before anything is learnt: the constant prediction's, or the first of the :attr:`trend`."""
        values = self.trend.y
        if self.baseline_train_loss is not None:
            return self.baseline_train_loss
        return float(values[0]) if len(values) else float("nan")

    def rates_at(self, places: Array) -> Array:
        """The learning rate at places; NaN where none was recorded."""
        known = self.learning_rate.finite
        return np.interp(places, known.x, known.y) if len(known) else np.full(len(places), np.nan)

    def require_points(self, curve: Curve, fewest: int, what: str = "training losses") -> None:
        """Raise ``CannotEvaluate`` unless a curve of this training has so many finite values."""
        found = len(curve.finite)
        if found < fewest:
            raise CannotEvaluate(f"{found} finite {what} are too few to tell; {fewest} are needed")

    def require_chance_to_learn(self) -> None:
        """Raise ``CannotEvaluate`` where the training was too short for anybody to have learnt."""
        self.require_points(self.train_loss, FEWEST_EPOCHS)
        if self.x_unit == "epoch" and self.length < FEWEST_EPOCHS:
            raise CannotEvaluate(f"{self.length:g} epochs are too few to tell; {FEWEST_EPOCHS} are needed")
        if self.x_unit == "step" and self.length < FEWEST_STEPS:
            epochs = self.length / self.steps_per_epoch if self.steps_per_epoch else 0.0
            if not (epochs >= FEWEST_EPOCHS and self.length >= FEWEST_STEPS / 3):
                raise CannotEvaluate(f"{self.length:g} steps are too few to tell; {FEWEST_STEPS} are needed")

    def require_no_game(self) -> None:
        """Raise ``CannotEvaluate`` for networks that train against each other."""
        if self.is_game:
            raise CannotEvaluate("the networks train against each other, so that no loss need fall")

    @property
    def may_be_game(self) -> bool:
        """Whether the networks train against each other or nobody knows; a validation loss is hardly taken of such."""
        return self.is_game is not False and not len(self.validation_loss)

    @property
    def length(self) -> float:
        """The last place of any curve; 0 for an empty one."""
        curves = (self.train_loss, self.validation_loss, self.train_metric, self.validation_metric, self.learning_rate)
        return max((float(curve.finite.x[-1]) for curve in curves if len(curve.finite)), default=0.0)


@dataclass(frozen=True, kw_only=True)
class BaselineScore:
    """A simple predictor's metric, and by how much the model is better than it on the same samples.

    ``advantage`` is positive where the model is better, whatever the direction of the metric; ``low``, ``high``: its 95
    % interval, paired over samples; all in the unit of the metric. ``ignores_input``: a constant predictor.
    """

    name: str
    value: float
    advantage: float
    low: float
    high: float
    ignores_input: bool = False


@dataclass(frozen=True, kw_only=True)
class BaselineComparison(Measurement):
    """The model's validation metric beside those of simple predictors, on the same ``n_samples`` samples."""

    metric_name: str
    higher_is_better: bool
    unit: str
    n_samples: int
    value: float
    low: float
    high: float
    baselines: tuple[BaselineScore, ...]

    @property
    def better(self) -> list[BaselineScore]:
        """Baselines better than the model beyond chance, though they are the best of several (Bonferroni)."""
        scores = [s for s in self.baselines if all(map(math.isfinite, (s.value, s.advantage, s.low, s.high)))]
        normal = NormalDist()
        widening = normal.inv_cdf(1 - 0.025 / max(1, len(scores))) / normal.inv_cdf(0.975)
        return [s for s in scores if s.advantage + widening * (s.high - s.low) / 2 < 0]
