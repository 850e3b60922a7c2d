"""One optimizer at work: the order of its steps, its rate, and the gradients and updates of its layers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from trainwright.core import Measurement
from trainwright.doctor.by_hand import HandWritten
from trainwright.doctor.gradients import dense, norms
from trainwright.doctor.layers import NORMALISATIONS
from trainwright.doctor.observers.models import Models
from trainwright.doctor.observers.series import Later, Samples, Thinned
from trainwright.measures.curves import Curve, Plan
from trainwright.measures.layers import LayerSignals
from trainwright.measures.loop import Clipping, ScalerSteps, Schedule, StepOrder, WeightDecay
from trainwright.measures.start import WeightsAtStart, WeightStart

MOST_COPIED = 1 << 28
"""Numbers (1 GiB of them in single precision) up to which weights are copied to measure the update."""
FEWEST_LOOKS = 5
"""Steps looked at before a weight that stays at zero is told."""
INVARIANT = ("Adam", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Lion", "Adafactor", "Rprop", "Muon")
"""Optimizers, by part of their class's name, whose step does not grow with the gradient."""
DECOUPLED = ("AdamW", "Lion", "Muon", "Adafactor", "Adan", "Sophia", "Lamb", "LAMB")
"""Optimizers, by part of their class's name, whose weight decay stands beside the gradient's step; torch's other ones
say so in their groups."""


class _Layer:
    """Where the parameters of one layer stand among those the optimizer holds. Holds none of them itself, so that a
    training that is over can be forgotten by the program."""

    def __init__(self, name: str, kind: str, *, is_norm: bool) -> None:
        self.name, self.kind, self.is_norm = name, kind, is_norm
        self.positions: list[int] = []
        self.n_parameters = 0
        self.zero_at_start = False


class Learner:
    """Observes one optimizer over the whole run; ``backwards``: passes that came before it was first heard of."""

    def __init__(self, optimizer: Optimizer, backwards: int = 0) -> None:
        self.name = type(optimizer).__name__
        self.n_steps = 0
        # Of one of Keras, which collects gradients by itself, or of a program's own way.
        self._is_view = type(optimizer).step is Optimizer.step or isinstance(optimizer, HandWritten)
        self._momentum = float(max((group.get("momentum", 0.0) for group in optimizer.param_groups), default=0.0))
        self._counts: Counter[str] = Counter()
        self._per_step: Counter[int] = Counter()
        self._batches = 0
        self._batches_per_step: Counter[int] = Counter()
        self._backwards = backwards
        self._cleared = True
        self._wiped_by_call = False
        self._went_backward = backwards > 0
        self._scaled_at = 0
        self._found_inf: Tensor | None = None
        self._skips = Later(self._count_skip)
        self._closure = False
        self._layers: list[_Layer] | None = None
        self._weights_at_start: dict[int, float] = {}
        self._largest_gradients: dict[int, float] = {}
        self._before: Sequence[Tensor | None] | None = None
        self._samples: Samples[dict[str, list[float]]] = Samples()
        self._rates = Thinned()
        self._rate = math.nan
        self._clipped = Thinned()
        self._limit = math.nan
        self._scheduler = ""
        self._scheduler_steps = 0
        self._first_was_scheduler = False
        self._horizon = 0
        self._decay = max((float(group.get("weight_decay") or 0.0) for group in optimizer.param_groups), default=0.0)
        first = optimizer.param_groups[0] if optimizer.param_groups else {}
        self._decoupled = bool(first.get("decoupled_weight_decay")) or any(part in self.name for part in DECOUPLED)
        self._shrinkage = 0.0

    # The order of things ---------------------------------------------------------------------------------------------

    def before_backward(self, optimizer: Optimizer, *, own_call: bool, sampled: bool) -> None:
        """A backward pass; ``own_call``: a model was called on data since the one before. Whose gradients it adds to
        shows only at the step, so only gradients are looked at."""
        if not self._cleared:
            held = (p for group in optimizer.param_groups for p in group["params"])
            by_hand = all(p.grad is None for p in held) or (sampled and not _any_gradient(optimizer))
            if by_hand:
                self.cleared()
        self._went_backward = True
        self._backwards += 1
        self._batches += own_call
        self._wiped_by_call = False

    def cleared(self) -> None:
        """These parameters' gradients were cleared."""
        self._cleared = True
        self._wiped_by_call = self._backwards > 0
        self._counts["thrown away"] += 0 if self._is_view else self._backwards
        self._backwards = self._batches = 0

    def before_step(self, optimizer: Optimizer, *, closure: bool, sampled: bool) -> None:
        """The optimizer is about to step."""
        self._closure |= closure
        if not sampled:
            return
        held = [p for group in optimizer.param_groups for p in group["params"]]
        if sum(p.numel() for p in held) <= MOST_COPIED:
            self._before = [p.detach().clone() for p in held]

    def moved_from(self, weights: Sequence[Tensor | None]) -> None:
        """What the weights were before a step that no optimizer announces."""
        self._before = weights

    def after_step(self, optimizer: Optimizer, step: int, models: Models, *, sampled: bool) -> None:
        """The optimizer has stepped; gradients are still there."""
        self.n_steps += 1
        self._per_step[self._backwards] += 1
        self._batches_per_step[self._batches] += 1
        self._counts["backwards"] += self._backwards
        self._counts["without backward"] += not self._went_backward
        self._note_rate(optimizer, step)
        self._found_inf = getattr(optimizer, "found_inf", None)
        if sampled:
            self._look(optimizer)
            self._sample(optimizer, step, models)
        self._backwards, self._batches, self._went_backward = 0, 0, False
        self._cleared, self._wiped_by_call, self._before = False, False, None

    def scaled(self) -> bool:
        """A gradient scaler was asked for a step; whether the optimizer was not called at all. Fused optimizers are,
        with a tensor that makes them do nothing."""
        idle = self.n_steps == self._scaled_at
        found_inf, self._found_inf, self._scaled_at = self._found_inf, None, self.n_steps
        self._counts["scaler calls"] += 1
        self._skips.add(None, torch.tensor(float(idle)) if found_inf is None else found_inf)
        return idle

    def _count_skip(self, _: None, found_inf: float) -> None:
        skipped = found_inf > 0
        self._counts["scaler skips"] += skipped
        self._counts["latest skips"] = self._counts["latest skips"] + 1 if skipped else 0

    def _look(self, optimizer: Optimizer) -> None:
        wiped = self._went_backward and not _any_gradient(optimizer)
        self._counts["wiped looked"] += 1
        self._counts["wiped"] += wiped
        self._counts["wiped by call"] += wiped and self._wiped_by_call
        if self.n_steps > 1 and self._went_backward:
            self._counts["looked"] += 1
            self._counts["stale"] += not self._cleared

    def _note_rate(self, optimizer: Optimizer, step: int) -> None:
        rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
        self._rate = max(rates, default=math.nan)
        self._rates.add(step + 1, self._rate)
        self._shrinkage += self._rate * self._decay if self._decay else 0.0

    def scheduled(self, scheduler: Any) -> None:
        """A scheduler of this optimizer moved."""
        self._scheduler = type(scheduler).__name__
        self._scheduler_steps += 1
        self._first_was_scheduler |= self.n_steps == 0
        self._horizon = _horizon(scheduler)

    def clipped(self, step: int, norm: float, limit: float) -> None:
        """The norm of all gradients was limited."""
        self._clipped.add(step, norm)
        self._limit = limit

    # Layers ----------------------------------------------------------------------------------------------------------

    def _sample(self, optimizer: Optimizer, step: int, models: Models) -> None:
        held = [p for group in optimizer.param_groups for p in group["params"]]
        if self._layers is None or sum(len(layer.positions) for layer in self._layers) != len(held):
            self._layers = _layers_of(held, models)
        before = self._before or [None] * len(held)
        numbers = _norms(held, before)
        if not numbers:
            return
        joined: dict[str, list[float]] = {"gradient": [], "largest": [], "weight": [], "update": []}
        for layer in self._layers:
            rows = [numbers[position] for position in layer.positions]
            joined["gradient"].append(_joined([row[0] for row in rows]))
            joined["largest"].append(max((row[1] for row in rows if not math.isnan(row[1])), default=math.nan))
            joined["weight"].append(_joined([row[2] for row in rows]))
            joined["update"].append(_joined([row[3] for row in rows]))
        self._follow_zeros(held, numbers)
        if len(self._samples) == 0:
            for layer, weight in zip(self._layers, joined["weight"], strict=True):
                layer.zero_at_start = weight == 0.0
        moved = [u for u in joined["update"] if not math.isnan(u)]
        pulled = any(g > 0 for g in joined["gradient"])
        if moved and pulled and self._rate > 0:
            self._counts["moved looked"] += 1
            self._counts["unmoved"] += not any(moved)
        joined["rate"] = [self._rate]
        self._samples.add(step, joined)

    def _follow_zeros(self, held: list[Tensor], numbers: list[list[float]]) -> None:
        """The largest gradient of every weight that started at zero."""
        if len(self._samples) == 0:
            self._weights_at_start = {i: numbers[i][2] for i, p in enumerate(held) if p.dim() > 1}
            self._largest_gradients = {i: 0.0 for i, norm in self._weights_at_start.items() if norm == 0}
        for position, largest in self._largest_gradients.items():
            now = numbers[position][1] if position < len(numbers) else math.nan
            self._largest_gradients[position] = max(largest, math.inf if math.isnan(now) else now)

    # Measurements ----------------------------------------------------------------------------------------------------

    def measurements(self, n_frozen: int, loss_scale: float, reduction: str) -> Iterator[Measurement]:
        """Everything known of this optimizer's steps."""
        counts = self._counts
        if counts["scaler calls"]:
            self._skips.flush()
            yield ScalerSteps(
                optimizer=self.name,
                n_calls=counts["scaler calls"],
                n_skipped=counts["scaler skips"],
                latest_skipped=counts["latest skips"],
            )
        if not self.n_steps:
            return
        yield replace(self._order(), loss_scale=loss_scale, loss_reduction=reduction)
        yield self._schedule()
        if len(self._clipped):
            steps, norms = self._clipped.arrays()
            yield Clipping(steps=np.round(steps).astype(np.int64), norms=norms, limit=self._limit)
        if self._layers and len(self._samples):
            signals = self._signals(n_frozen)
            yield signals
            if len(self._samples) >= FEWEST_LOOKS and any(g == 0 for g in self._largest_gradients.values()):
                yield self._zeros()
            if self._decay > 0 and len(signals.steps):
                yield self._weight_decay(signals)

    def _order(self) -> StepOrder:
        counts = self._counts
        return StepOrder(
            optimizer=self.name,
            n_steps=self.n_steps,
            n_backwards=counts["backwards"],
            backwards_per_step=self._per_step.most_common(1)[0][0],
            batches_per_step=self._batches_per_step.most_common(1)[0][0],
            n_looked=counts["looked"],
            n_stale=counts["stale"],
            n_wiped_looked=counts["wiped looked"],
            n_wiped=counts["wiped"],
            n_wiped_by_zero_grad=counts["wiped by call"],
            n_thrown_away=counts["thrown away"],
            n_without_backward=counts["without backward"],
            n_moved_looked=counts["moved looked"],
            n_unmoved=counts["unmoved"],
            has_closure=self._closure,
            scales_invariantly=any(part in self.name for part in INVARIANT),
        )

    def _schedule(self) -> Schedule:
        steps, rates = self._rates.arrays()
        return Schedule(
            scheduler=self._scheduler,
            n_scheduler_steps=self._scheduler_steps,
            n_optimizer_steps=self.n_steps,
            first_was_scheduler=self._first_was_scheduler,
            steps=np.round(steps).astype(np.int64) - 1,
            rates=rates,
        )

    def _zeros(self) -> WeightsAtStart:
        """Weights at the start, with the gradients of those that started at zero."""
        layers = {position: layer for layer in self._layers or [] for position in layer.positions}
        weights = (
            WeightStart(
                name=layers[position].name,
                kind=layers[position].kind,
                n_units=0,
                largest=norm,
                unit_spread=math.nan,
                gradient=self._largest_gradients.get(position, math.nan),
                gradient_spread=math.nan,
            )
            for position, norm in self._weights_at_start.items()
            if position in layers
        )
        moved = self._counts["moved looked"] > self._counts["unmoved"]
        return WeightsAtStart(weights=tuple(weights), steps=len(self._samples), moved=moved)

    def _weight_decay(self, signals: LayerSignals) -> WeightDecay:
        counted = ~signals.is_norm
        return WeightDecay(
            optimizer=self.name,
            rate=self._decay,
            decoupled=self._decoupled,
            shrinkage=self._shrinkage,
            steps=signals.steps,
            weight_norm=np.sqrt(np.nansum(signals.weight_norm[counted] ** 2, axis=0)),
            gradient_norm=np.sqrt(np.nansum(signals.gradient_norm[counted] ** 2, axis=0)),
        )

    def curve_fields(self) -> dict[str, Any]:
        """What a learning curve says of its optimizer."""
        norms = [_joined(sample["gradient"]) for sample in self._samples.values]
        return {
            "learning_rate": Curve(*self._rates.arrays()),
            "gradient_norm": Curve.of((step + 1 for step in self._samples.steps), norms),
            "optimizer": self.name.lower(),
            # One that waits for a plateau has done its work even where it never moved the rate.
            "has_schedule": bool(self._scheduler) and "Plateau" not in self._scheduler,
            "momentum": self._momentum,
            "schedule": Plan(self._scheduler, self._horizon, self._scheduler_steps, self.n_steps)
            if self._scheduler
            else None,
        }

    def _signals(self, n_frozen: int) -> LayerSignals:
        layers = self._layers or []
        fitting = [i for i, s in enumerate(self._samples.values) if len(s["weight"]) == len(layers)]
        chosen = [self._samples.values[i] for i in fitting]

        def table(name: str) -> Any:
            return np.array([sample[name] for sample in chosen], dtype=np.float64).reshape(len(chosen), len(layers)).T

        return LayerSignals(
            optimizer=self.name,
            names=tuple(layer.name for layer in layers),
            kinds=tuple(layer.kind for layer in layers),
            steps=np.array([self._samples.steps[i] for i in fitting], dtype=np.int64),
            gradient_norm=table("gradient"),
            gradient_max=table("largest"),
            weight_norm=table("weight"),
            update_norm=table("update"),
            n_parameters=np.array([layer.n_parameters for layer in layers], dtype=np.int64),
            zero_at_start=np.array([layer.zero_at_start for layer in layers], dtype=np.bool_),
            is_norm=np.array([layer.is_norm for layer in layers], dtype=np.bool_),
            is_output=np.array([i == len(layers) - 1 for i in range(len(layers))], dtype=np.bool_),
            learning_rate=np.array([sample["rate"][0] for sample in chosen]),
            n_frozen=n_frozen,
        )


def _layers_of(held: list[Tensor], models: Models) -> list[_Layer]:
    layers: dict[str, _Layer] = {}
    for position, parameter in enumerate(held):
        name, owner = models.layer_of(parameter)
        name = name or "parameters of no model"
        kind = owner.__name__ if owner is not None else ""
        is_norm = "Norm" in kind or (owner is not None and issubclass(owner, NORMALISATIONS))
        layer = layers.setdefault(name, _Layer(name, kind, is_norm=is_norm))
        layer.positions.append(position)
        layer.n_parameters += parameter.numel()
    return list(layers.values())


@torch.no_grad()
def _norms(parameters: list[Tensor], before: Sequence[Tensor | None]) -> list[list[float]]:
    """Gradient norm, largest gradient, weight norm and update norm of every parameter; NaN for what is not there."""
    if not parameters:
        return []
    device = parameters[0].device
    gradients = [_gradient(p) for p in parameters]
    current = [p.detach() for p in parameters]
    updates = [None if old is None else now - old for now, old in zip(current, before, strict=True)]
    columns = [
        _fused(gradients, 2.0, device),
        _fused(gradients, math.inf, device),
        _fused(current, 2.0, device),
        _fused(updates, 2.0, device),
    ]
    found: list[list[float]] = torch.stack(columns, dim=1).tolist()  # the one transfer
    return found


def _fused(tensors: list[Any], order: float, device: torch.device) -> Tensor:
    """The norm of each tensor, NaN for None."""
    found = torch.full((len(tensors),), math.nan, dtype=torch.float32, device=device)
    present = [position for position, tensor in enumerate(tensors) if tensor is not None]
    if present:
        found[present] = norms([tensors[position] for position in present], order).to(device)
    return found


def _gradient(parameter: Tensor) -> Tensor | None:
    gradient = parameter.grad
    return None if gradient is None or gradient.numel() == 0 else dense(gradient)


def _any_gradient(optimizer: Optimizer) -> bool:
    """Whether any parameter has a gradient that is not zero; waits for the device."""
    gradients = [g for group in optimizer.param_groups for p in group["params"] if (g := _gradient(p)) is not None]
    return bool(gradients) and bool((norms(gradients, math.inf) != 0).any())


def _joined(norms: list[float]) -> float:
    """The norm of several parts together, NaN where none is known."""
    known = [norm for norm in norms if not math.isnan(norm)]
    return math.sqrt(sum(norm * norm for norm in known)) if known else math.nan


def _horizon(scheduler: Any) -> int:
    """The number of its own steps after which a scheduler means to be done; 0 where it has none."""
    for name in ("T_max", "total_steps", "total_iters"):
        value = getattr(scheduler, name, None)
        if isinstance(value, int) and value > 0:
            return value
    milestones = getattr(scheduler, "milestones", None)
    return max(milestones, default=0) if milestones else 0
