"""Trial of overfitting: fit one small batch with the user's own optimizer and loss; if that fails, find out why."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from trainwright.core import CannotEvaluate
from trainwright.doctor.setup import OutOfTime, Setup
from trainwright.doctor.trials.changes import REPLACING, Change, changes, conflicting, frozen
from trainwright.doctor.trials.common import (
    is_classification,
    plain_targets,
    switch_off_dropout,
    trial,
)
from trainwright.doctor.trials.judged_batch import Batch, make_batch
from trainwright.measures.trials import OverfitAttempt, OverfitTrial

_Array = np.ndarray[tuple[int], np.dtype[np.float64]]
_AS_IT_IS = Change("nothing", "as it is", lambda s, b: (s, b))
_WARMED_UP = Change("nothing", "as it is, at the rate that it is warmed up to", lambda s, b: (_warmed_up(s), b))

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
_FEWEST, _POSITIONS = 4, 512
"""Of sequences and pictures with a class at each position, so many samples, or as many as make so many positions."""
_SHARE_CLEAR = 0.5
"""Share of samples whose inputs contradict no other; below it the contradictions are part of what is tried."""


def overfit_batch(setup: Setup, *, samples: int = 16, steps: int = 300) -> OverfitTrial:
    """Fit ``samples`` training samples, as balanced over classes as can be, in about ``steps`` own steps.

    Dropout layers are off, everything else is the user's; where a schedule begins low, the rate that it rises to is
    tried as well. A try that still makes progress may take up to four times as long. On failure other samples are
    tried, as sound set-ups may fail on a few by bad luck; then one thing after the other is changed, each from the same
    start, until the batch is fitted.
    """
    started = time.perf_counter()
    rows = _choose_rows(setup, samples)
    batch = make_batch(setup, *setup.rows(rows))
    own, predictions, wanted = _attempt(setup, batch, _AS_IT_IS, steps, fewest=steps)
    if not own.overfits and setup.peak_rates:
        warm = _attempt(setup, batch, _WARMED_UP, steps, fewest=steps)
        own, predictions, wanted = warm if warm[0].overfits else (own, predictions, wanted)
    if not own.overfits and (other := _choose_rows(setup, samples, taken=rows)):
        again = _try_again(setup, other, steps)
        if again is not None:
            rows, (batch, (own, predictions, wanted)) = other, again
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
        frozen=tuple(name for name, _ in frozen(setup)),
        conflicting=tuple(rows[i] for i in conflicting(setup, batch.inputs, batch.targets)),
        seconds=time.perf_counter() - started,
        complete=setup.deadline is None or time.perf_counter() < setup.deadline,
    )


def _warmed_up(setup: Setup) -> Setup:
    """The first rate of a schedule may be a hundredth of what it is a few steps later."""
    for group in setup.optimizer.param_groups:
        group["lr"] = setup.peak_rates.get(id(group), group.get("lr"))
    return setup


def _try_again(setup: Setup, rows: list[int], steps: int) -> tuple[Batch, tuple[OverfitAttempt, _Array, _Array]] | None:
    """A batch of other samples and the try on it, if it was fitted."""
    try:
        batch = make_batch(setup, *setup.rows(rows))
        attempt = _attempt(setup, batch, _AS_IT_IS, steps, fewest=steps)
    except (OutOfTime, CannotEvaluate):
        return None
    return (batch, attempt) if attempt[0].overfits else None


def _choose_rows(setup: Setup, samples: int, taken: Sequence[int] = ()) -> list[int]:
    """The first samples of each class in turn, or for regression samples spread evenly over the ranks of the target.

    Coarse data hold equal inputs with different targets by nature; as long as they are the minority they are avoided.
    None of those ``taken``: as many others that show as many different targets, or no sample at all.
    """
    targets = plain_targets(setup)
    contradicting = set(conflicting(setup, setup.inputs, targets))
    clear = [row for row in range(len(targets)) if row not in contradicting]
    if len(clear) < _SHARE_CLEAR * len(targets):
        clear = list(range(len(targets)))
    clear = [row for row in clear if row not in set(taken)]
    found = [clear[position] for position in _spread_over_targets(setup, targets[clear], samples)]
    is_as_hard = len(found) == len(taken) and _n_distinct(targets[found]) >= _n_distinct(targets[list(taken)])
    return found if not taken or is_as_hard else []


def _n_distinct(targets: Tensor) -> int:
    return len(torch.unique(targets))


def _spread_over_targets(setup: Setup, targets: Tensor, samples: int) -> list[int]:
    count = min(samples, len(targets))
    if targets.dim() > 1 and is_classification(setup):  # many classes in each sample: fewer samples make a task
        return list(range(min(count, max(_FEWEST, _POSITIONS // targets[0].numel()))))
    if _may_be_names(setup, targets) and _are_vectors(_outputs(setup)):  # at least two samples of each
        by_name = [(targets == name).nonzero().flatten().tolist() for name in torch.unique(targets).tolist()]
        return sorted([row for members in by_name if len(members) > 1 for row in members[:2]][:count])
    if not is_classification(setup):
        order = torch.argsort(targets.reshape(len(targets), -1)[:, 0], stable=True).tolist()
        return sorted({order[round(i * (len(order) - 1) / max(1, count - 1))] for i in range(count)})

    by_class = [(targets == c).nonzero().flatten().tolist() for c in torch.unique(targets).tolist()]
    turns = (members[turn] for turn in range(len(targets)) for members in by_class if turn < len(members))
    return sorted(row for row, _ in zip(turns, range(count), strict=False))


def _attempt(
    setup: Setup, batch: Batch, change: Change, steps: int, *, fewest: int
) -> tuple[OverfitAttempt, _Array, _Array]:
    """The try, of at least the ``fewest`` steps, and beside each other what was predicted and what should have been."""
    with trial(setup):
        changed, changed_batch = change.apply(setup, batch)
        losses = _fit(changed, changed_batch, steps, fewest)
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
            agreement=_agreement(changed, outputs, changed_batch.targets),
            setting=change.setting,
        )
        return attempt, predictions, wanted


def _is_fitted(remaining: float, accuracy: float) -> bool:
    return remaining < FITTED or (accuracy == 1.0 and remaining < FITTED_WITH_ALL_RIGHT)


def _fit(setup: Setup, batch: Batch, steps: int, fewest: int) -> list[float]:
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
        if len(losses) >= fewest and len(looks) > back and not looks[-1] < _PROGRESS * looks[-1 - back]:
            break
    return losses


@torch.no_grad()
def _final(setup: Setup, batch: Batch) -> tuple[float, Tensor]:
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


def _agreement(setup: Setup, outputs: Tensor, targets: Tensor) -> float:
    """Correlation of outputs and targets; of vectors beside names, of how near two samples are with whether they have
    the same name. NaN where they are no pairs of numbers or all alike."""
    if len(outputs) == len(targets) and _are_vectors(outputs) and _may_be_names(setup, targets):
        pairs = torch.ones(len(outputs), len(outputs), dtype=torch.bool, device=outputs.device).triu(1)
        vectors = outputs.double()
        outputs, targets = -torch.cdist(vectors, vectors)[pairs], (targets[:, None] == targets[None, :])[pairs]
    if outputs.numel() != targets.numel() or outputs.numel() < 2:
        return math.nan
    pair = torch.stack([outputs.double().flatten(), targets.double().flatten()])
    return float(torch.corrcoef(pair)[0, 1]) if bool((pair.std(1) > 0).all()) else math.nan


def _may_be_names(setup: Setup, targets: Tensor) -> bool:
    """Whether they are whole numbers, some of them equal, and no classes: beside vectors, names of what belongs
    together."""
    if is_classification(setup) or targets.is_floating_point() or targets.dim() != 1:
        return False
    return len(torch.unique(targets)) < len(targets)


def _are_vectors(outputs: Tensor) -> bool:
    return outputs.dim() == 2 and outputs.shape[1] > 1


def _outputs(setup: Setup) -> Tensor:
    with trial(setup), torch.no_grad():
        setup.model.eval()
        return setup.forward(setup.inputs)


def _to_numpy(values: Tensor) -> _Array:
    return np.asarray(values.double().cpu().numpy())


# --- the bisection ---------------------------------------------------------------------------------------------------


def _bisect(setup: Setup, batch: Batch, own: OverfitAttempt, steps: int) -> Iterator[OverfitAttempt]:
    cured = False
    for change in changes(setup, batch, own):
        if setup.step_function is not None and change.name in REPLACING:
            continue
        if cured and change.name != "learning rate":
            return
        try:
            attempt, *_ = _attempt(setup, batch, change, steps, fewest=steps // 2)
        except OutOfTime:
            return
        except CannotEvaluate:  # the change leaves nothing to judge a fit by, as a standard loss for vectors and names
            continue
        yield attempt
        # A rate that only just fits the batch would make for a slow training: the next one is tried as well.
        if cured or (attempt.overfits and change.name != "learning rate"):
            return
        cured = attempt.overfits
