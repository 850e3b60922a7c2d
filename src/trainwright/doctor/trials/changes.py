"""Changes of a set-up that are tried where a batch cannot be fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwright.doctor.batch import rows_of
from trainwright.doctor.optimizers import held_by
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials.common import flat_features, plain_targets, trial
from trainwright.doctor.trials.judged_batch import Batch, are_probabilities, make_batch, standard_loss
from trainwright.measures.trials import OverfitAttempt

_RAISING, _LOWERING = (10.0, 100.0, 1000.0), (0.1, 0.01, 0.001)
_ADAM_RATES = 1e-3, 1e-2
_SCALED = {"data.scaling": "standardise", "data.scale_target": True}
_MOMENTUM, _STRONG_MOMENTUM = 0.9, 0.95
"""The usual momentum, and that from which on it is tried whether less helps: with 0.99 steps add up to a hundred times
what the rate says."""
_UNSCALED = 3.0
"""Factor by which the inputs' root mean square may differ from 1 before scaling is tried."""
RAW = 20.0
"""Standard deviation of the inputs from which on their scale is held to blame for steps that do not stay finite."""
_FLAT = 0.05
"""Spread of the inputs as a share of their mean below which scaling is tried."""
_MOVED = 0.01
"""Share of the loss by which it must have changed; else nothing is likelier than a rate that is too low."""
_RECENT = 100
"""Steps at the end of a try by which its rate is judged."""

REPLACING = ("log of outputs", "standard loss", "negated loss", "optimizer")
"""Changes that put another loss or optimizer in place, of which a step function of the user's own knows nothing."""


@dataclass(frozen=True)
class Change:
    """One thing to change for a try: prepare the setup and the batch, both already under protection of the trial."""

    name: str
    description: str
    apply: Callable[[Setup, Batch], tuple[Setup, Batch]]
    setting: Mapping[str, Any] = field(default_factory=dict)


def changes(setup: Setup, batch: Batch, own: OverfitAttempt) -> Iterator[Change]:
    """What to try, simple facts before guesses."""
    stuck = bool(np.ptp(own.losses) < _MOVED * np.abs(own.losses).max())
    yield from _data_changes(setup, batch)
    if stuck:
        yield from _rate_changes(setup, own, stuck=True)
    yield from _loss_changes(setup)
    yield from _step_changes(setup)
    if not stuck:
        yield from _rate_changes(setup, own, stuck=False)
    if setup.task == "regression":
        yield Change("targets in range", "targets moved into 0.25 … 0.75", _targets_in_range)
    for rate in _ADAM_RATES:
        yield Change("optimizer", f"Adam with learning rate {rate:g}", _adam(rate), _adam_setting(rate))
    if _has_far_targets(setup, batch):
        description = f"inputs and targets standardised, and Adam with learning rate {_ADAM_RATES[-1]:g}"
        both = {**_SCALED, **_adam_setting(_ADAM_RATES[-1])}
        yield Change("scaled data", description, lambda s, b: _adam(_ADAM_RATES[-1])(*_scale_all(s, b)), both)
    yield Change("fewer samples", "two samples only", _two_samples)


def _data_changes(setup: Setup, batch: Batch) -> Iterator[Change]:
    if conflicting(setup, batch.inputs, batch.targets):
        yield Change("conflicting labels dropped", "one of each group of identical inputs", _drop_conflicting)
    if _outputs_are_probabilities(setup, batch):
        setting = {"model.output_transform": "log"}
        yield Change("log of outputs", "the loss given the log of the outputs", _take_log, setting)
    if _is_unscaled(setup, batch.inputs):
        yield Change("scaled inputs", "inputs standardised", _scale_inputs, {"data.scaling": "standardise"})
    if any(group.get("momentum", 0.0) > _STRONG_MOMENTUM for group in setup.optimizer.param_groups):
        yield Change("momentum", f"momentum {_MOMENTUM:g}", _less_momentum, {"optimizer.momentum": _MOMENTUM})
    if setup.task == "regression":
        setting = {"model.output_bias": "prior"}
        yield Change("output bias", "the last bias set to the mean target", _set_output_bias, setting)
    if _has_far_targets(setup, batch):
        yield Change("scaled data", "inputs and targets standardised", _scale_all, _SCALED)


def _loss_changes(setup: Setup) -> Iterator[Change]:
    if setup.loss_name == "python":
        name = "cross_entropy" if setup.task == "classification" else "mse"
        yield Change("standard loss", f"{name} as the loss", _use_standard_loss, {"loss.name": name})
        yield Change("negated loss", "the loss with the other sign", _negate_loss)


def _step_changes(setup: Setup) -> Iterator[Change]:
    if any(group.get("weight_decay") for group in setup.optimizer.param_groups):
        yield Change("weight decay", "no weight decay", _no_decay, {"optimizer.weight_decay": 0.0})
    if setup.clip_norm is not None:
        yield Change("clipping", "gradients not clipped", _no_clipping, {"training.clip_norm": None})
    if frozen(setup):
        yield Change("frozen parameters", "every parameter trained", _unfreeze)


def _has_far_targets(setup: Setup, batch: Batch) -> bool:
    return setup.task == "regression" and _is_far_from_one(batch.targets)


def _adam_setting(rate: float) -> dict[str, Any]:
    return {"optimizer.name": "adam", "optimizer.learning_rate": rate}


def _rate_changes(setup: Setup, own: OverfitAttempt, *, stuck: bool) -> Iterator[Change]:
    rate = setup.learning_rate
    if not math.isfinite(rate) or rate <= 0:
        return
    rising = not math.isfinite(own.losses[-1]) or _is_restless(own.losses)
    # Where nothing moves at all, the highest rate shows soonest whether it is the rate.
    raising = _RAISING[::-1] if stuck else _RAISING
    for factor in (*_LOWERING, *raising) if rising else (*raising, *_LOWERING):
        new = float(f"{rate * factor:.3g}")
        yield Change("learning rate", f"learning rate {new:g}", _scale_rate(factor), {"optimizer.learning_rate": new})


def _is_restless(losses: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether the loss jumps up about as often and far as it falls, as it does when the rate is too high."""
    steps = np.diff(losses[:-1][-_RECENT:])
    up, down = steps[steps > 0].sum(), -steps[steps < 0].sum()
    moved = np.ptp(losses) > 1e-3 * max(1e-12, float(np.abs(losses).max()))
    return bool(losses[-1] > losses[0] or (moved and up > 0.5 * down))


def _scale_rate(factor: float) -> Callable[[Setup, Batch], tuple[Setup, Batch]]:
    def apply(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
        for group in setup.optimizer.param_groups:
            group["lr"] = group["lr"] * factor
        return setup, batch

    return apply


def conflicting(setup: Setup, inputs: Any, targets: Tensor) -> list[int]:
    """Positions whose inputs equal those of the first of their kind while the targets differ."""
    _, group = torch.unique(flat_features(setup, inputs), dim=0, return_inverse=True)
    first: dict[int, int] = {}
    for position, number in enumerate(group.tolist()):
        first.setdefault(number, position)
    firsts = torch.tensor([first[number] for number in group.tolist()], device=targets.device)
    return [int(row) for row in (targets != targets[firsts]).reshape(len(targets), -1).any(1).nonzero()]


def _drop_conflicting(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    dropped = set(conflicting(setup, batch.inputs, batch.targets))
    keep = [row for row in range(len(batch.targets)) if row not in dropped]
    return setup, make_batch(setup, rows_of(batch.inputs, keep), batch.targets[keep])


def _outputs_are_probabilities(setup: Setup, batch: Batch) -> bool:
    with trial(setup), torch.no_grad():
        setup.model.eval()
        return are_probabilities(setup, setup.forward(batch.inputs), batch.targets)


def _take_log(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    def log_loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return setup.loss(outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log(), targets)

    return replace(setup, loss=log_loss), replace(batch, judge=log_loss)


def _is_unscaled(setup: Setup, inputs: Any) -> bool:
    if not _is_continuous(setup, inputs):
        return False
    values = flat_features(setup, inputs)
    return _is_far_from_one(values) or _is_nearly_constant(values)


def _is_nearly_constant(values: Tensor) -> bool:
    """Whether the numbers differ from each other by next to nothing of their size, as bytes divided twice by 255 and
    then shifted do."""
    spread, mean = torch.std_mean(values.double(), correction=0)
    return bool(0 < spread < _FLAT * mean.abs())


def _is_continuous(setup: Setup, inputs: Any) -> bool:
    return all(tensor.is_floating_point() for tensor in setup.features(inputs))


def _is_far_from_one(values: Tensor) -> bool:
    size = float(values.double().square().mean().sqrt())
    return math.isfinite(size) and not 1 / _UNSCALED <= size <= _UNSCALED


def _scale_all(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    """Inputs and targets of a regression, the ones as far as they are no tokens."""
    scaled = _scale_inputs(setup, batch)[1] if _is_continuous(setup, batch.inputs) else batch
    return setup, make_batch(setup, scaled.inputs, _standardised(batch.targets, plain_targets(setup)))


def _scale_inputs(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    return setup, replace(batch, inputs=_scaled(setup, batch.inputs))


def _scaled(setup: Setup, inputs: Any) -> Any:
    """Standardise with the statistics of all samples of the setup: per feature, or per channel of images."""
    whole = iter(setup.features(setup.inputs))
    return setup.changed(inputs, lambda tensor: _standardised(tensor, next(whole)))


def with_scaled_inputs(setup: Setup) -> Setup | None:
    """The setup with standardised inputs, where they are far from what networks are made for; None elsewhere."""
    if not _is_continuous(setup, setup.inputs) or float(flat_features(setup, setup.inputs).std()) < RAW:
        return None
    return replace(setup, inputs=_scaled(setup, setup.inputs))


def _standardised(tensor: Tensor, whole: Tensor) -> Tensor:
    axes = tuple(axis for axis in range(whole.dim()) if axis != 1) if whole.dim() == 4 else (0,)
    spread = whole.std(axes, keepdim=True, correction=0)
    spread = torch.where(spread > 0, spread, torch.ones_like(spread))
    return (tensor - whole.mean(axes, keepdim=True)) / spread


def _set_output_bias(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    for module in reversed(list(setup.model.modules())):
        bias = getattr(module, "bias", None)
        if isinstance(module, nn.Linear) and bias is not None and module.out_features == setup.n_outputs:
            with torch.no_grad():
                bias.fill_(float(batch.targets.double().mean()))
            break
    return setup, batch


def _less_momentum(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    for group in setup.optimizer.param_groups:
        group["momentum"] = _MOMENTUM
    return setup, batch


def _no_clipping(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    return replace(setup, clip_norm=None), batch


def _no_decay(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    for group in setup.optimizer.param_groups:
        group["weight_decay"] = 0.0
    return setup, batch


def frozen(setup: Setup) -> list[tuple[str, nn.Parameter]]:
    held = held_by(setup.optimizer)
    return [(n, p) for n, p in setup.model.named_parameters() if not p.requires_grad or id(p) not in held]


def _unfreeze(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    held = held_by(setup.optimizer)
    missing = []
    for _, parameter in frozen(setup):
        parameter.requires_grad_(True)
        if id(parameter) not in held:
            missing.append(parameter)
    if missing:
        settings = {k: v for k, v in setup.optimizer.param_groups[0].items() if k != "params"}
        setup.optimizer.add_param_group({**settings, "params": missing})
    return setup, batch


def _targets_in_range(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    low, high = batch.targets.min(), batch.targets.max()
    moved = 0.25 + 0.5 * (batch.targets - low) / (high - low).clamp_min(1e-12)
    return setup, make_batch(setup, batch.inputs, moved)


def _use_standard_loss(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    changed = replace(setup, loss=standard_loss(setup), loss_name="standard")
    return changed, make_batch(changed, batch.inputs, batch.targets)


def _negate_loss(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    changed = replace(setup, loss=lambda outputs, targets: -setup.loss(outputs, targets), loss_name="negated")
    return changed, make_batch(changed, batch.inputs, batch.targets)


def _adam(rate: float) -> Callable[[Setup, Batch], tuple[Setup, Batch]]:
    def apply(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
        trained = [p for group in setup.optimizer.param_groups for p in group["params"]]
        return replace(setup, optimizer=torch.optim.Adam(trained, lr=rate)), batch

    return apply


def _two_samples(setup: Setup, batch: Batch) -> tuple[Setup, Batch]:
    differs = (batch.targets != batch.targets[0]).reshape(len(batch.targets), -1).any(1)
    other = differs.nonzero().flatten()
    rows = [0, int(other[0])] if len(other) else [0]
    return setup, make_batch(setup, rows_of(batch.inputs, rows), batch.targets[rows])
