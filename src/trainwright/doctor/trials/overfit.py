"""Trial of overfitting: fit one small batch with the user's own optimizer and loss; if that fails, find out why."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright.doctor.batch import rows_of
from trainwright.doctor.losses import Loss, OwnLoss
from trainwright.doctor.setup import OutOfTime, Setup
from trainwright.doctor.trials.common import (
    constant_outputs,
    flat_features,
    is_classification,
    one_hot,
    plain_targets,
    switch_off_dropout,
    trial,
)
from trainwright.measures.trials import OverfitAttempt, OverfitTrial

_Array = np.ndarray[tuple[int], np.dtype[np.float64]]

FITTED = 0.1
"""Share of the distance from the input-independent loss to the floor below which a batch counts as fitted."""
FITTED_WITH_ALL_RIGHT = 0.35
"""The same where every sample of a classification is already predicted right and only confidence is missing."""

_LOOK_EVERY = 25
_PATIENCE = 100
_PROGRESS = 0.97
"""A try goes on as long as each hundred steps leave at most this share of what was left before."""
_EXTENSION = 4
"""… up to this multiple of the steps asked for."""
_RAISING, _LOWERING = (10.0, 100.0, 1000.0), (0.1, 0.01, 0.001)
_ADAM_RATE = 1e-3
_FEWEST, _POSITIONS = 4, 512
"""Of sequences and pictures with a class at each position, so many samples, or as many as make so many positions."""
_FREE_OUTPUTS = 1_000_000
"""Outputs of the batch above which the lowest loss is not searched for."""
_REPLACING = ("log of outputs", "standard loss", "negated loss", "optimizer")
"""Changes that put another loss or optimizer in place, of which a step function of the user's own knows nothing."""
_SHARE_CLEAR = 0.5
"""Share of samples whose inputs contradict no other; below it the contradictions are part of what is tried."""
_UNSCALED = 3.0
"""Factor by which the inputs' root mean square may differ from 1 before scaling is tried."""


@dataclass(frozen=True)
class _Batch:
    """A batch with the scale on which a fit is judged."""

    inputs: Any
    targets: Tensor
    judge: Loss
    floor: float
    baseline: float

    def remaining(self, loss: float) -> float:
        distance = self.baseline - self.floor
        return (loss - self.floor) / distance if distance > 1e-12 and math.isfinite(loss) else math.inf


@dataclass(frozen=True)
class _Change:
    """One thing to change for a try: prepare the setup and the batch, both already under protection of the trial."""

    name: str
    description: str
    apply: Callable[[Setup, _Batch], tuple[Setup, _Batch]]
    setting: Mapping[str, Any] = field(default_factory=dict)


def overfit_batch(setup: Setup, *, samples: int = 16, steps: int = 300) -> OverfitTrial:
    """Fit ``samples`` training samples, as balanced over classes as can be, in about ``steps`` own steps.

    Dropout layers are off, everything else is the user's. A try that still makes progress may take up to four times as
    long. On failure one thing after the other is changed, each from the same start, until the batch is fitted.
    """
    started = time.perf_counter()
    rows = _choose_rows(setup, samples)
    batch = _make_batch(setup, *setup.rows(rows))
    own, predictions, wanted = _attempt(setup, batch, _Change("nothing", "as it is", lambda s, b: (s, b)), steps)
    bisection = () if own.overfits else tuple(_bisect(setup, batch, own, steps))
    return OverfitTrial(
        task=setup.task,
        n_samples=len(rows),
        own=own,
        bisection=bisection,
        floor=batch.floor,
        baseline=batch.baseline,
        learning_rate=setup.learning_rate,
        rows=tuple(rows),
        predictions=predictions,
        targets=wanted,
        frozen=tuple(name for name, _ in _frozen(setup)),
        conflicting=tuple(rows[i] for i in _conflicting(setup, batch.inputs, batch.targets)),
        seconds=time.perf_counter() - started,
        complete=setup.deadline is None or time.perf_counter() < setup.deadline,
    )


def _choose_rows(setup: Setup, samples: int) -> list[int]:
    """The first samples of each class in turn, or for regression samples spread evenly over the ranks of the target.

    Coarse data hold equal inputs with different targets by nature; as long as they are the minority they are avoided.
    """
    targets = plain_targets(setup)
    conflicting = set(_conflicting(setup, setup.inputs, targets))
    clear = [row for row in range(len(targets)) if row not in conflicting]
    if len(clear) < _SHARE_CLEAR * len(targets):
        clear = list(range(len(targets)))
    return [clear[position] for position in _spread_over_targets(setup, targets[clear], samples)]


def _spread_over_targets(setup: Setup, targets: Tensor, samples: int) -> list[int]:
    count = min(samples, len(targets))
    if targets.dim() > 1 and is_classification(setup):  # many classes in each sample: fewer samples make a task
        return list(range(min(count, max(_FEWEST, _POSITIONS // targets[0].numel()))))
    if not is_classification(setup):
        order = torch.argsort(targets.reshape(len(targets), -1)[:, 0], stable=True).tolist()
        return sorted({order[round(i * (len(order) - 1) / max(1, count - 1))] for i in range(count)})

    by_class = [(targets == c).nonzero().flatten().tolist() for c in torch.unique(targets).tolist()]
    turns = (members[turn] for turn in range(len(targets)) for members in by_class if turn < len(members))
    return sorted(row for row, _ in zip(turns, range(count), strict=False))


def _make_batch(setup: Setup, inputs: Any, targets: Tensor) -> _Batch:
    """Measure on free outputs how low the loss can go, and how low with one output for all."""
    with trial(setup):
        setup.model.eval()
        with torch.no_grad():
            like = setup.forward(inputs).detach()
        judge = setup.loss
        # So many free outputs would take minutes to fit, and such outputs are logits, for which zero is within reach.
        many = like.numel() > _FREE_OUTPUTS and setup.loss_name == "cross_entropy"
        floor = 0.0 if many else _lowest(judge, torch.zeros_like(like), targets)
        constant = constant_outputs(setup, like, targets)[:1].clone()
        baseline = _lowest(judge, constant, targets, expand=len(like), steps=1 if many else 200)
        floor += _unforeseeable(setup, inputs, targets)
        if not _is_bounded(floor, baseline) and _are_probabilities(setup, like, targets):
            # Such a loss takes the log of its input, which means nothing for free outputs.
            perfect = one_hot(setup, targets, setup.class_axis(like, targets)).to(like.dtype)
            shares = perfect.mean(0, keepdim=True).expand_as(like)
            floor, baseline = float(judge(perfect.clamp(1e-6, 1 - 1e-6), targets)), float(judge(shares, targets))
        if not _is_bounded(floor, baseline):
            judge = _standard_loss(setup)
            floor, baseline = 0.0, _lowest(judge, constant, targets, expand=len(like))
    return _Batch(inputs, targets, judge, floor, baseline)


def _lowest(loss: Loss, start: Tensor, targets: Tensor, *, expand: int | None = None, steps: int = 200) -> float:
    """The lowest loss found by moving the outputs themselves; NaN where the loss refuses free outputs."""
    free = start.detach().clone().requires_grad_(True)
    scale = float(targets.double().std(correction=0)) if targets.is_floating_point() and len(targets) > 1 else 1.0
    rate = 0.5 * scale if math.isfinite(scale) and scale > 0 else 0.5
    optimizer = torch.optim.Adam([free], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best = math.inf
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            outputs = free if expand is None else free.expand(expand, *free.shape[1:]).contiguous()
            value = loss(outputs, targets)
            best = min(best, float(value.detach()))
            if not value.requires_grad:
                break
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return best


def _unforeseeable(setup: Setup, inputs: Any, targets: Tensor) -> float:
    """Mean entropy, in nats, of the class at each position [N, T] given the tokens up to there.

    Equal beginnings that go on differently leave that much cross entropy to the best model that does not see the
    future; 0 for anything but tokens.
    """
    tokens = setup.features(inputs)[0]
    if targets.dim() != 2 or tokens.shape != targets.shape or tokens.is_floating_point():
        return 0.0
    if setup.loss_name != "cross_entropy":
        return 0.0
    shift = setup.loss.shift if isinstance(setup.loss, OwnLoss) else 0
    entropies = []
    for position in range(targets.shape[1] - shift):
        _, group = torch.unique(tokens[:, : position + 1], dim=0, return_inverse=True)
        pairs = torch.stack([group.reshape(-1), targets[:, position + shift].long()], 1)
        _, pair, count = torch.unique(pairs, dim=0, return_inverse=True, return_counts=True)
        sizes = torch.bincount(group.reshape(-1))[group.reshape(-1)]
        entropies.append(float((sizes.double() / count[pair.reshape(-1)]).log().mean()))
    return float(np.mean(entropies)) if entropies else 0.0


def _is_bounded(floor: float, baseline: float) -> bool:
    return math.isfinite(floor) and math.isfinite(baseline) and floor > -0.5 * abs(baseline) and baseline > floor


def _standard_loss(setup: Setup) -> Loss:
    if is_classification(setup):
        return lambda outputs, targets: functional.cross_entropy(*setup.pairs(outputs, targets))
    return _squared_error if setup.task == "regression" else _binary_cross_entropy


def _binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs.reshape(targets.shape), targets.to(outputs.dtype))


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs.reshape(targets.shape), targets.to(outputs.dtype))


def _attempt(setup: Setup, batch: _Batch, change: _Change, steps: int) -> tuple[OverfitAttempt, _Array, _Array]:
    """The try, and beside each other what was predicted and what should have been."""
    with trial(setup):
        changed, changed_batch = change.apply(setup, batch)
        losses = _fit(changed, changed_batch, steps)
        final, outputs = _final(changed, changed_batch)
        predictions, wanted = _predictions(changed, outputs, changed_batch.targets)
        accuracy = float(np.mean(predictions == wanted)) if is_classification(setup) else math.nan
        remaining = changed_batch.remaining(final)
        attempt = OverfitAttempt(
            change=change.name,
            description=change.description,
            losses=np.array([*losses, final]),
            remaining=remaining,
            accuracy=accuracy,
            overfits=_is_fitted(remaining, accuracy),
            setting=change.setting,
        )
        return attempt, predictions, wanted


def _is_fitted(remaining: float, accuracy: float) -> bool:
    return remaining < FITTED or (accuracy == 1.0 and remaining < FITTED_WITH_ALL_RIGHT)


def _fit(setup: Setup, batch: _Batch, steps: int) -> list[float]:
    """Own steps on the batch until fitted, stuck, non-finite or out of steps; the loss before each."""
    setup.model.train()
    switch_off_dropout(setup.model)
    losses: list[float] = []
    looks: list[float] = []
    while len(losses) < _EXTENSION * steps:
        losses.append(setup.step(batch.inputs, batch.targets))
        if not math.isfinite(losses[-1]):
            break
        if len(losses) % _LOOK_EVERY:
            continue
        looks.append(batch.remaining(_final(setup, batch)[0]))
        if looks[-1] < FITTED:
            break
        back = _PATIENCE // _LOOK_EVERY
        if len(losses) >= steps and len(looks) > back and not looks[-1] < _PROGRESS * looks[-1 - back]:
            break
    return losses


@torch.no_grad()
def _final(setup: Setup, batch: _Batch) -> tuple[float, Tensor]:
    """Loss and outputs in the mode that fits better: batch statistics make train mode the fair one for some models."""
    modes = [(module, module.training) for module in setup.model.modules()]
    in_train = setup.forward(batch.inputs)
    setup.model.eval()
    in_eval = setup.forward(batch.inputs)
    for module, training in modes:
        module.training = training
    scored = [(float(batch.judge(outputs, batch.targets)), outputs) for outputs in (in_train, in_eval)]
    return min(scored, key=lambda pair: pair[0] if math.isfinite(pair[0]) else math.inf)


def _predictions(setup: Setup, outputs: Tensor, targets: Tensor) -> tuple[_Array, _Array]:
    if is_classification(setup):
        logits, classes = setup.pairs(outputs, targets)
        return _to_numpy(logits.argmax(-1)), _to_numpy(classes)
    return _to_numpy(outputs.reshape(len(outputs), -1)[:, 0]), _to_numpy(targets.reshape(len(targets), -1)[:, 0])


def _to_numpy(values: Tensor) -> _Array:
    return np.asarray(values.double().cpu().numpy())


# --- the bisection ---------------------------------------------------------------------------------------------------


def _bisect(setup: Setup, batch: _Batch, own: OverfitAttempt, steps: int) -> Iterator[OverfitAttempt]:
    cured = False
    for change in _changes(setup, batch, own):
        if setup.step_function is not None and change.name in _REPLACING:
            continue
        if cured and change.name != "learning rate":
            return
        try:
            attempt, *_ = _attempt(setup, batch, change, steps)
        except OutOfTime:
            return
        yield attempt
        # A rate that only just fits the batch would make for a slow training: the next one is tried as well.
        if cured or (attempt.overfits and change.name != "learning rate"):
            return
        cured = attempt.overfits


def _changes(setup: Setup, batch: _Batch, own: OverfitAttempt) -> Iterator[_Change]:
    """What to try, simple facts before guesses."""
    setting: dict[str, Any]
    if _conflicting(setup, batch.inputs, batch.targets):
        yield _Change("conflicting labels dropped", "one of each group of identical inputs", _drop_conflicting)
    if _outputs_are_probabilities(setup, batch):
        setting = {"model.output_transform": "log"}
        yield _Change("log of outputs", "the loss given the log of the outputs", _take_log, setting)
    if _is_unscaled(setup, batch.inputs):
        setting = {"data.scaling": "standardise"}
        yield _Change("scaled inputs", "inputs standardised", _scale_inputs, setting)
    if setup.task == "regression":
        setting = {"model.output_bias": "prior"}
        yield _Change("output bias", "the last bias set to the mean target", _set_output_bias, setting)
    if setup.loss_name == "python":
        name = "cross_entropy" if setup.task == "classification" else "mse"
        yield _Change("standard loss", f"{name} as the loss", _use_standard_loss, {"loss.name": name})
        yield _Change("negated loss", "the loss with the other sign", _negate_loss)
    if any(group.get("weight_decay") for group in setup.optimizer.param_groups):
        setting = {"optimizer.weight_decay": 0.0}
        yield _Change("weight decay", "no weight decay", _no_decay, setting)
    if _frozen(setup):
        yield _Change("frozen parameters", "every parameter trained", _unfreeze)
    yield from _rate_changes(setup, own)
    if setup.task == "regression":
        yield _Change("targets in range", "targets moved into 0.25 … 0.75", _targets_in_range)
    setting = {"optimizer.name": "adam", "optimizer.learning_rate": _ADAM_RATE}
    yield _Change("optimizer", f"Adam with learning rate {_ADAM_RATE:g}", _use_adam, setting)
    yield _Change("fewer samples", "two samples only", _two_samples)


def _rate_changes(setup: Setup, own: OverfitAttempt) -> Iterator[_Change]:
    rate = setup.learning_rate
    if not math.isfinite(rate) or rate <= 0:
        return
    rising = not math.isfinite(own.losses[-1]) or _is_restless(own.losses)
    for factor in (*_LOWERING, *_RAISING) if rising else (*_RAISING, *_LOWERING):
        new = float(f"{rate * factor:.3g}")
        yield _Change("learning rate", f"learning rate {new:g}", _scale_rate(factor), {"optimizer.learning_rate": new})


def _is_restless(losses: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether the loss jumps up about as often and far as it falls, as it does when the rate is too high."""
    steps = np.diff(losses[:-1][-_PATIENCE:])
    up, down = steps[steps > 0].sum(), -steps[steps < 0].sum()
    moved = np.ptp(losses) > 1e-3 * max(1e-12, float(np.abs(losses).max()))
    return bool(losses[-1] > losses[0] or (moved and up > 0.5 * down))


def _scale_rate(factor: float) -> Callable[[Setup, _Batch], tuple[Setup, _Batch]]:
    def apply(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
        for group in setup.optimizer.param_groups:
            group["lr"] = group["lr"] * factor
        return setup, batch

    return apply


def _conflicting(setup: Setup, inputs: Any, targets: Tensor) -> list[int]:
    """Positions whose inputs equal those of the first of their kind while the targets differ."""
    _, group = torch.unique(flat_features(setup, inputs), dim=0, return_inverse=True)
    first: dict[int, int] = {}
    for position, number in enumerate(group.tolist()):
        first.setdefault(number, position)
    firsts = torch.tensor([first[number] for number in group.tolist()], device=targets.device)
    return [int(row) for row in (targets != targets[firsts]).reshape(len(targets), -1).any(1).nonzero()]


def _drop_conflicting(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    dropped = set(_conflicting(setup, batch.inputs, batch.targets))
    keep = [row for row in range(len(batch.targets)) if row not in dropped]
    return setup, _make_batch(setup, rows_of(batch.inputs, keep), batch.targets[keep])


def _outputs_are_probabilities(setup: Setup, batch: _Batch) -> bool:
    with trial(setup), torch.no_grad():
        setup.model.eval()
        return _are_probabilities(setup, setup.forward(batch.inputs), batch.targets)


def _are_probabilities(setup: Setup, outputs: Tensor, targets: Tensor) -> bool:
    if not is_classification(setup):
        return False
    rows, _ = setup.pairs(outputs, targets)
    if rows.shape[-1] != setup.n_outputs:
        return False
    return bool((rows >= 0).all()) and bool(((rows.sum(-1) - 1).abs() < 1e-3).all())


def _take_log(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    def log_loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return setup.loss(outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log(), targets)

    return replace(setup, loss=log_loss), replace(batch, judge=log_loss)


def _is_unscaled(setup: Setup, inputs: Any) -> bool:
    if not all(tensor.is_floating_point() for tensor in setup.features(inputs)):
        return False
    size = float(flat_features(setup, inputs).square().mean().sqrt())
    return math.isfinite(size) and not 1 / _UNSCALED <= size <= _UNSCALED


def _scale_inputs(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    """Standardise with the statistics of all samples of the setup: per feature, or per channel of images."""
    whole = iter(setup.features(setup.inputs))
    return setup, replace(batch, inputs=setup.changed(batch.inputs, lambda tensor: _standardised(tensor, next(whole))))


def _standardised(tensor: Tensor, whole: Tensor) -> Tensor:
    axes = tuple(axis for axis in range(whole.dim()) if axis != 1) if whole.dim() == 4 else (0,)
    spread = whole.std(axes, keepdim=True, correction=0)
    spread = torch.where(spread > 0, spread, torch.ones_like(spread))
    return (tensor - whole.mean(axes, keepdim=True)) / spread


def _set_output_bias(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    for module in reversed(list(setup.model.modules())):
        bias = getattr(module, "bias", None)
        if isinstance(module, nn.Linear) and bias is not None and module.out_features == setup.n_outputs:
            with torch.no_grad():
                bias.fill_(float(batch.targets.double().mean()))
            break
    return setup, batch


def _no_decay(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    for group in setup.optimizer.param_groups:
        group["weight_decay"] = 0.0
    return setup, batch


def _frozen(setup: Setup) -> list[tuple[str, nn.Parameter]]:
    held = {id(p) for group in setup.optimizer.param_groups for p in group["params"]}
    return [(n, p) for n, p in setup.model.named_parameters() if not p.requires_grad or id(p) not in held]


def _unfreeze(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    held = {id(p) for group in setup.optimizer.param_groups for p in group["params"]}
    missing = []
    for _, parameter in _frozen(setup):
        parameter.requires_grad_(True)
        if id(parameter) not in held:
            missing.append(parameter)
    if missing:
        settings = {k: v for k, v in setup.optimizer.param_groups[0].items() if k != "params"}
        setup.optimizer.add_param_group({**settings, "params": missing})
    return setup, batch


def _targets_in_range(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    low, high = batch.targets.min(), batch.targets.max()
    moved = 0.25 + 0.5 * (batch.targets - low) / (high - low).clamp_min(1e-12)
    return setup, _make_batch(setup, batch.inputs, moved)


def _use_standard_loss(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    changed = replace(setup, loss=_standard_loss(setup), loss_name="standard")
    return changed, _make_batch(changed, batch.inputs, batch.targets)


def _negate_loss(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    changed = replace(setup, loss=lambda outputs, targets: -setup.loss(outputs, targets), loss_name="negated")
    return changed, _make_batch(changed, batch.inputs, batch.targets)


def _use_adam(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    trained = [p for group in setup.optimizer.param_groups for p in group["params"]]
    return replace(setup, optimizer=torch.optim.Adam(trained, lr=_ADAM_RATE)), batch


def _two_samples(setup: Setup, batch: _Batch) -> tuple[Setup, _Batch]:
    differs = (batch.targets != batch.targets[0]).reshape(len(batch.targets), -1).any(1)
    other = differs.nonzero().flatten()
    rows = [0, int(other[0])] if len(other) else [0]
    return setup, _make_batch(setup, rows_of(batch.inputs, rows), batch.targets[rows])
