"""Comparison: whether one way of training is better than another, on the same seeds and the same validation samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from trainwright.data.dataset import Task
from trainwright.recipe.statistics import UNKNOWN, Interval, crossed_interval, pooled_variance, seed_noise
from trainwright.workbench.evaluate import predict
from trainwright.workbench.experiment import Experiment
from trainwright.workbench.loop import TrainingResult

FloatArray = npt.NDArray[np.float64]
Quantity = Literal["accuracy", "log loss", "squared error"]

FEWEST_ERRORS = 20
"""Below this many wrong validation samples the accuracy cannot judge: for a paired gain to exceed the noise at least
six samples must turn right and none wrong, a third of all that is left to gain."""
LEAST_PROBABILITY = 1e-7
"""Log losses are limited to −log of this, so that one sample cannot decide alone."""


def log_losses(outputs: npt.NDArray[np.floating], targets: npt.NDArray[np.integer]) -> FloatArray:
    """Cross entropy of each sample, [N], from logits [N, classes] and class numbers [N]."""
    logits = np.asarray(outputs, dtype=np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(targets)), targets]
    losses: FloatArray = np.log(np.exp(shifted).sum(axis=1)) - own
    return np.minimum(losses, -math.log(LEAST_PROBABILITY))


def outputs_of(model: nn.Module, experiment: Experiment, inputs: torch.Tensor) -> FloatArray:
    """What ``model`` says about prepared inputs: logits [N, classes], or predictions in target units [N, 1]."""
    raw = predict(model, inputs).detach().cpu().numpy()
    if experiment.dataset.task is Task.CLASSIFICATION:
        return np.asarray(raw, dtype=np.float64)
    return np.asarray(experiment.prepared.preparation.unscale(raw.reshape(-1, 1)), dtype=np.float64)


@dataclass(frozen=True)
class Judge:
    """Scores outputs on the validation part of one experiment.

    ``targets`` [N]: class numbers, or values in target units. ``quantity`` decides comparisons; ``reason`` says why
    it, and is fixed before anything is compared: from the plain model's results alone, so that looking at a gain
    cannot choose it.
    """

    task: Task
    targets: npt.NDArray[Any]
    metric: str
    unit: str
    higher_is_better: bool
    quantity: Quantity
    reason: str

    @classmethod
    def of(cls, experiment: Experiment, plain: Sequence[TrainingResult] = ()) -> Judge:
        """The judge for ``experiment``; ``plain`` results decide whether its accuracy is saturated."""
        task = experiment.dataset.task
        targets = experiment.prepared.validation_truth
        metric = experiment.metric
        quantity, reason = _deciding(task, targets, plain)
        return cls(task, targets, metric.name, metric.unit, metric.higher_is_better, quantity, reason)

    def losses(self, outputs: npt.NDArray[np.floating]) -> FloatArray:
        """Loss of each sample, [N]: cross entropy, or squared error in squared target units. Infinite when not
        finite.
        """
        if self.task is Task.CLASSIFICATION:
            values = log_losses(outputs, self.targets.astype(np.int64))
        else:
            values = (np.asarray(outputs, dtype=np.float64).reshape(-1) - self.targets.astype(np.float64)) ** 2
        return np.where(np.isfinite(values), values, math.inf)

    def mistakes(self, outputs: npt.NDArray[np.floating]) -> FloatArray:
        """1 for each sample that is classified wrongly, else 0, [N]."""
        right = (np.asarray(outputs).argmax(axis=1) == self.targets) & np.isfinite(outputs).all(axis=1)
        wrong: FloatArray = (~right).astype(np.float64)
        return wrong

    def metric_of(self, outputs: npt.NDArray[np.floating]) -> float:
        """The metric over all samples, in its unit."""
        if self.task is Task.CLASSIFICATION:
            return 100.0 * (1.0 - float(self.mistakes(outputs).mean()))
        return math.sqrt(float(self.losses(outputs).mean()))

    def loss_of(self, outputs: npt.NDArray[np.floating]) -> float:
        """Mean loss over all samples."""
        return float(self.losses(outputs).mean())

    def score(self, outputs: npt.NDArray[np.floating]) -> tuple[float, float]:
        """Sorts better outputs first: (deciding quantity, the other one), both lower is better; NaN sorts last."""
        loss, metric = self.loss_of(outputs), self.metric_of(outputs)
        error = -metric if self.higher_is_better else metric
        pair = (error, loss) if self.quantity == "accuracy" else (loss, error)
        return (
            pair[0] if math.isfinite(pair[0]) else math.inf,
            pair[1] if math.isfinite(pair[1]) else math.inf,
        )

    def mean_score(self, outputs: Iterable[npt.NDArray[np.floating]]) -> tuple[float, float]:
        """The score of several trainings, each part averaged."""
        first, second = (fmean(part) for part in zip(*map(self.score, outputs), strict=True))
        return first, second

    def metrics_text(self, values: Iterable[float]) -> str:
        """Several values, with the unit once."""
        texts = [self.metric_text(value).removesuffix(self.unit).strip() for value in values]
        return f"{', '.join(texts)} {self.unit}".strip()

    def gain_text(self, comparison: Comparison) -> str:
        """The gain in the metric, and in the loss where that is another thing than the squared metric."""
        gain = comparison.metric.text(self.unit)
        return gain if self.task is Task.REGRESSION else f"{gain}, in log loss {comparison.loss.text()}"

    def metric_text(self, value: float) -> str:
        """``"99.4 %"`` or ``"54.3"``."""
        text = f"{value:.2f}" if self.task is Task.CLASSIFICATION else f"{value:.4g}"
        return f"{text} {self.unit}".strip()


def _deciding(task: Task, targets: npt.NDArray[Any], plain: Sequence[TrainingResult]) -> tuple[Quantity, str]:
    if task is Task.REGRESSION:
        return "squared error", "the squared error of every validation sample decides: it is what the RMSE is made of"
    wrong = [float((r.validation_outputs.argmax(axis=1) != targets).sum()) for r in plain]
    errors = float(np.mean(wrong)) if wrong else 0.0
    if errors >= FEWEST_ERRORS:
        return "accuracy", f"the accuracy decides: {errors:.0f} wrong validation samples leave room to see a gain"
    return (
        "log loss",
        f"the log loss decides, and the accuracy must not fall: with {errors:.0f} wrong validation samples of "
        f"{len(targets)} the accuracy is saturated and cannot show a gain",
    )


@dataclass(frozen=True)
class Comparison:
    """Candidate against reference. All gains are positive when the candidate is better.

    ``deciding``: gain in the judge's quantity (for the squared error in RMSE units); ``metric``: gain in the metric's
    unit, per-seed ones in ``metric_gains``; ``loss`` gain in the mean loss.
    """

    name: str
    deciding: Interval
    metric: Interval
    loss: Interval
    metric_gains: tuple[float, ...] = field(default=())
    deciding_gains: tuple[float, ...] = field(default=())

    @property
    def better(self) -> bool:
        """The gain exceeds the noise, and the metric did not fall."""
        return self.deciding.above_zero and not self.metric.estimate < 0

    @property
    def worse(self) -> bool:
        """The loss exceeds the noise."""
        return self.deciding.below_zero

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.better:
            return "better"
        if self.worse:
            return "worse"
        if self.deciding.above_zero:
            return "lower loss, but the metric fell"
        return "within noise"


def compare(
    judge: Judge,
    name: str,
    candidate: Sequence[npt.NDArray[np.floating]],
    reference: Sequence[npt.NDArray[np.floating]],
    *,
    seed_variance: tuple[float, int] | None = None,
) -> Comparison:
    """Pair the validation outputs of two ways of training, seed by seed and sample by sample.

    ``candidate`` and ``reference``: one array of outputs per seed, same seeds in the same order. ``seed_variance`` is
    that of one seed's mean deciding gain, see :func:`crossed_interval`.
    """
    failed = _failure(name, candidate, reference)
    if failed is not None:
        return failed
    loss_gains = np.stack([judge.losses(r) - judge.losses(c) for c, r in zip(candidate, reference, strict=True)])
    if judge.task is Task.CLASSIFICATION:
        metric_gains = 100 * np.stack(
            [judge.mistakes(r) - judge.mistakes(c) for c, r in zip(candidate, reference, strict=True)]
        )
    else:
        # RMSE(r) − RMSE(c) = (MSE(r) − MSE(c)) / (RMSE(r) + RMSE(c)) turns squared errors into the metric's unit.
        roots = np.sqrt([[judge.loss_of(r), judge.loss_of(c)] for c, r in zip(candidate, reference, strict=True)])
        scale = float(roots.sum(axis=1).mean()) or 1.0
        metric_gains = loss_gains / scale
    by_loss = judge.quantity == "log loss"
    deciding = loss_gains if by_loss else metric_gains
    interval = crossed_interval(deciding, seed_variance=seed_variance)
    return Comparison(
        name,
        deciding=interval,
        metric=crossed_interval(metric_gains) if by_loss else interval,
        loss=interval if by_loss else crossed_interval(loss_gains),
        metric_gains=tuple(float(v) for v in metric_gains.mean(axis=1)),
        deciding_gains=tuple(float(v) for v in deciding.mean(axis=1)),
    )


def _failure(
    name: str, candidate: Sequence[npt.NDArray[np.floating]], reference: Sequence[npt.NDArray[np.floating]]
) -> Comparison | None:
    """The comparison when a training diverged: the one that stayed finite is better, whatever the numbers."""
    works, worked = (all(np.isfinite(o).all() for o in outputs) for outputs in (candidate, reference))
    if works and worked:
        return None
    sign = float(works) - float(worked)
    outcome = Interval(sign * math.inf, sign * math.inf, sign * math.inf) if sign else UNKNOWN
    return Comparison(name, outcome, outcome, outcome)


def compare_all(
    judge: Judge,
    candidates: Mapping[str, Sequence[npt.NDArray[np.floating]]],
    reference: Sequence[npt.NDArray[np.floating]],
) -> dict[str, Comparison]:
    """Each candidate against the reference, with the noise between seeds pooled over all of them.

    Three seeds know their own noise badly (Student's t is 4.3 with two degrees of freedom); several comparisons know
    it well together. A candidate that disagrees with itself more than the others do keeps its own noise.
    """
    alone = {name: compare(judge, name, outputs, reference) for name, outputs in candidates.items()}
    found = {}
    for name, outputs in candidates.items():
        noise = _noise(alone, name)
        found[name] = alone[name] if noise is None else compare(judge, name, outputs, reference, seed_variance=noise)
    return found


def _noise(alone: Mapping[str, Comparison], name: str) -> tuple[float, int] | None:
    """Variance between seeds for one of several comparisons; None where only its own is honest."""
    # A candidate equal to the reference, such as the reference itself, has no noise to tell of.
    gains = {key: c.deciding_gains for key, c in alone.items() if any(c.deciding_gains)}
    try:
        others = pooled_variance([values for key, values in gains.items() if key != name])
        if name not in gains or seed_noise(gains[name], others) is None:
            return None
        return pooled_variance(list(gains.values()))
    except ValueError:  # nobody else to pool with
        return None
