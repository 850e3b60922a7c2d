"""What a running training loop does, and in which order: facts, counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core import Measurement

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class StepOrder(Measurement):
    """How one optimizer's steps are made, over all ``n_steps`` of them.

    ``optimizer``: its class. ``n_backwards``: backward passes between clearing and stepping; ``backwards_per_step``:
    most frequent number of them, ``batches_per_step`` of those with a call of the model of their own. ``n_looked``:
    sampled steps behind the first one, and ``n_stale``: those whose gradients held those of the step before, as nobody
    had cleared them in between. ``n_wiped``: of ``n_wiped_looked`` sampled steps, those at which every gradient was
    None or zero although a backward pass had come since the last step,
    and ``n_wiped_by_zero_grad``: those of them with a ``zero_grad`` in between. ``n_thrown_away``: backward passes that
    were cleared before any step. ``n_without_backward``: steps without any backward pass since the last one.
    ``n_unmoved``: of ``n_moved_looked`` sampled steps with a gradient and a rate above zero, those that changed no
    weight at all. ``has_closure``: the step calls the loss itself (LBFGS, Lightning). ``scales_invariantly``: Adam and
    its kin, whose step does not depend on the gradient's scale. ``loss_scale``: what went backward as a share of what
    the loss function returned, most frequent value, NaN where unknown (1: undivided).
    """

    optimizer: str
    n_steps: int
    n_backwards: int
    backwards_per_step: int
    batches_per_step: int
    n_looked: int
    n_stale: int
    n_wiped_looked: int
    n_wiped: int
    n_wiped_by_zero_grad: int
    n_thrown_away: int
    n_without_backward: int
    n_moved_looked: int
    n_unmoved: int
    has_closure: bool
    scales_invariantly: bool
    loss_scale: float = float("nan")
    loss_reduction: str = ""


@dataclass(frozen=True, kw_only=True)
class WeightDecay(Measurement):
    """One optimizer's weight decay beside the gradients.

    ``rate``: the largest of its groups. ``decoupled``: weights are made smaller beside the gradient step (AdamW), not
    by it. ``shrinkage``: sum of learning rate × weight decay over all steps; with decoupled decay, and nothing else,
    weights would be e^-shrinkage of what they were. ``steps`` [S]: those that were sampled; ``weight_norm``,
    ``gradient_norm`` [S]: Euclidean, over all parameters but those of normalisations.
    """

    optimizer: str
    rate: float
    decoupled: bool
    shrinkage: float
    steps: npt.NDArray[np.int64]
    weight_norm: Array
    gradient_norm: Array

    @property
    def is_known(self) -> bool:
        """Whether there is a finite norm of weights and gradients for every sample, and weights at the start."""
        norms = self.weight_norm, self.gradient_norm
        whole = all(len(each) == len(self.steps) > 0 and bool(np.isfinite(each).all()) for each in norms)
        return whole and float(self.weight_norm[0]) > 0 and math.isfinite(self.rate)

    @property
    def pull(self) -> float:
        """Decay × weights beside the gradient, median of the last third of the samples; infinite without gradient."""
        last = slice(-max(1, len(self.steps) // 3), None)
        gradients = np.maximum(self.gradient_norm[last], 1e-300)
        return float(np.median(self.rate * self.weight_norm[last] / gradients))

    @property
    def left(self) -> float:
        """Norm of the weights at the end as a share of that at the start."""
        return float(np.median(self.weight_norm[-3:]) / self.weight_norm[0])


@dataclass(frozen=True, kw_only=True)
class ScalerSteps(Measurement):
    """What ``GradScaler.step`` did with one optimizer: ``n_calls`` in all, of which ``n_skipped`` made no step, as a
    gradient was infinite or NaN; ``latest_skipped``: how many of the calls at the end were skipped without a break.
    """

    optimizer: str
    n_calls: int
    n_skipped: int
    latest_skipped: int


@dataclass(frozen=True, kw_only=True)
class Membership(Measurement):
    """Which parameters take part: those of the models that were run in training beside those the optimizers hold.

    ``n_trainable``: parameters (tensors) of the models with ``requires_grad``. ``unheld``: names of trainable ones that
    got a gradient but are in no optimizer; ``without_gradient``: names of trainable ones held by an optimizer that had
    no gradient (None) on any sampled step; ``foreign``: number of tensors held by an optimizer that belong to no model
    that was run, with ``n_held`` in all. ``steps``: number of steps looked at.
    """

    n_trainable: int
    n_held: int
    unheld: tuple[str, ...]
    without_gradient: tuple[str, ...]
    foreign: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Modes(Measurement):
    """In which mode a model was run, counted over calls of the outermost module ``model``.

    ``mode_layers``: names of layers that behave differently in the two modes (dropout above 0, batch normalisation with
    statistics); ``keeps_statistics``: whether one of them may be of the latter kind; ``fresh_statistics``: these were
    untrained. ``trained_in_eval``: calls in eval mode whose outputs went backward before an optimizer step, of
    ``trained`` such calls; ``first_eval_step``: step of the first of them, −1 if none; ``trained_in_train_before``:
    whether earlier ones were in train mode.
    ``evaluated_in_train``: calls in train mode without gradients in which a loss or outputs were computed during
    evaluation, of ``evaluated`` calls in evaluation phases; an evaluation phase is a series of calls without gradients
    after training began. ``evaluated_with_grad``: evaluation calls (eval mode) that recorded a graph nobody used.
    """

    model: str
    mode_layers: tuple[str, ...]
    keeps_statistics: bool = True
    fresh_statistics: bool = False
    trained: int
    trained_in_eval: int
    trained_in_train_before: bool
    first_eval_step: int
    evaluated: int
    evaluated_in_train: int
    evaluated_with_grad: int


@dataclass(frozen=True, kw_only=True)
class Schedule(Measurement):
    """The learning rate's course and who moved it.

    ``scheduler``: its class, empty where none was stepped. ``n_scheduler_steps``, ``n_optimizer_steps``: counted over
    the whole run; ``first_was_scheduler``: it was stepped before the first step of the optimizer (after construction).
    ``rates`` [T] at ``steps`` [T]: largest of the groups.
    """

    scheduler: str
    n_scheduler_steps: int
    n_optimizer_steps: int
    first_was_scheduler: bool
    steps: npt.NDArray[np.int64]
    rates: Array


@dataclass(frozen=True, kw_only=True)
class Clipping(Measurement):
    """Norms that ``clip_grad_norm_`` saw: ``norms`` [T] before clipping, at ``steps`` [T], and its ``limit``."""

    steps: npt.NDArray[np.int64]
    norms: Array
    limit: float
