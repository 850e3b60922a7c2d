"""Whole numbers that a loss of distances is given as its targets: those of a loader's batches, if there is a loader."""

from __future__ import annotations

import math
from collections import Counter, deque
from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import is_same, tensors_of
from trainwright.doctor.events import LossCall
from trainwright.doctor.observers.compared import CLOSE, MOST_NUMBERS, MOST_TRIES
from trainwright.measures.door import VALUE_LOSSES
from trainwright.measures.labels import ClassNumbers

ENOUGH = 1000
"""Targets that are counted."""
BEYOND = 0.1
"""How far an answer must lie outside of what the targets span, to be bounded by nothing."""
FEWEST_SCORES = 3
"""Numbers of an answer from which on they may be those of classes."""
AHEAD = 2
"""Batches that a loader may give before a loss of the first one is computed: some take the next one ahead."""


class Numbers:
    """Counts the targets of the first batches, as long as each is a whole number for an output of its own."""

    def __init__(self) -> None:
        self._batches: deque[Any] = deque(maxlen=AHEAD)
        self._counts: Counter[int] = Counter()
        self._loss = ""
        self._over = False
        self._typed = True
        self._several = False
        self._scores = 0
        self._loads = False
        self._answer: Tensor | None = None
        self._tries = 0
        self._right = math.nan
        self._unbounded = self._read_at_zero = False
        self._one_hot = True

    def came(self, batch: Any) -> None:
        """A loader gave a batch."""
        self._loads = True
        if not self._over:
            self._batches.append(batch)

    def trained(self, call: LossCall, prediction: Tensor | None) -> None:
        """A loss of training, of what the model returned last; that of a loader's batch, if one came since then."""
        if self._over or (self._loads and not self._batches):
            return
        targets, scores = _one_each(call, prediction)
        found = None if targets is None else self._found(targets) if self._loads else _whole_numbers(targets, targets)
        self._over = found is None or self._loss not in ("", call.name)
        if found is None or self._over:
            self._counts.clear()
        else:
            self._count(found, call.name, scores)
            outputs, low, high = call.outputs.detach(), min(self._counts), max(self._counts)
            self._unbounded |= bool((outputs < low - BEYOND).any() | (outputs > high + BEYOND).any())
        if self._over:
            self._batches.clear()  # none is needed, and none is to be held

    @torch.no_grad()
    def subtracted(self, prediction: Tensor | None, first: Tensor, second: Tensor) -> LossCall | None:
        """A program that computes its loss itself compares two tensors; counted if one is the expected class number of
        what the model returned last, and the other a whole number for each, which are returned as of a loss."""
        for answer, other in ((first, second), (second, first)):
            if self._over or prediction is None or not answer.is_floating_point() or answer.numel() != other.numel():
                continue
            if (scores := _n_expected_of(prediction, answer)) and _whole_numbers(other, other) is not None:
                self._count(other.detach(), "a loss of its own", scores)
                return LossCall("python", answer, other, answer.detach().mean())
        return None

    def _count(self, found: Tensor, loss: str, scores: int) -> None:
        self._loss, self._scores = loss, scores
        self._typed &= not found.is_floating_point()
        self._several |= found.numel() > len(found)
        self._one_hot &= found.dim() == 2 and found.shape[1] > 1 and bool((found.sum(1) == 1).all())
        self._counts.update(map(int, found.flatten()[:ENOUGH].tolist()))
        self._over = self._counts.total() >= ENOUGH

    def answered(self, prediction: Tensor | None) -> None:
        """A model answered in an evaluation."""
        is_kept = self._counts and prediction is not None and 0 < prediction.numel() <= MOST_NUMBERS
        self._answer, self._tries = prediction if is_kept else None, 0

    @property
    def waits(self) -> bool:
        """Whether the program may round that answer and ask whether it is the target."""
        return self._answer is not None and self._tries < MOST_TRIES

    @torch.no_grad()
    def compared(self, first: Tensor, second: Tensor) -> None:
        """The program compares two tensors; if one is the answer, rounded, or its sign, the other is the targets."""
        self._tries += 1
        for answer, other in ((first, second), (second, first)):
            if self._answer is not None and _is_rounded(self._answer, answer, other):
                self._right = float((answer.reshape(-1) == other.reshape(-1)).double().mean())
                self._answer = None
            elif self._answer is not None and _is_sign(self._answer, answer, other):
                self._read_at_zero, self._answer = True, None

    def _found(self, targets: Tensor) -> Tensor | None:
        """The whole numbers of the first batch whose are the targets; those that came before it are over."""
        while self._batches:
            if (found := _whole_numbers(self._batches.popleft(), targets)) is not None:
                return found
        return None

    def measurement(self) -> ClassNumbers | None:
        """What was counted so far; None where the targets are something else."""
        if not self._counts:
            return None
        values = sorted(self._counts)
        return ClassNumbers(
            loss_name=self._loss,
            n_samples=self._counts.total(),
            lowest=values[0],
            highest=values[-1],
            counts=tuple(self._counts[value] for value in values),
            typed=self._typed,
            several=self._several,
            right=self._right,
            scores=self._scores,
            unbounded=self._unbounded,
            one_hot=self._one_hot,
            read_at_zero=self._read_at_zero,
        )


def _is_rounded(prediction: Tensor, answer: Tensor, other: Tensor) -> bool:
    """Whether ``answer`` is what a model returned, rounded, and maybe brought into the range of the numbers that are,
    and ``other`` holds an integer for each."""
    if other.is_floating_point() or torch.bool in (answer.dtype, other.dtype) or answer.device != other.device:
        return False
    if not 1 < answer.numel() == prediction.numel() == other.numel():
        return False
    try:
        low, high = answer.min(), answer.max()
        rounded = prediction.reshape(-1).round().clamp(low, high)
        return bool(low < high) and bool((rounded == answer.reshape(-1)).all())
    except RuntimeError:  # complex or sparse ones
        return False


def _is_sign(prediction: Tensor, answer: Tensor, other: Tensor) -> bool:
    """Whether ``answer`` says where ``prediction`` is above 0, which is not where it is above one half, and ``other``
    holds a 0 or 1 for each."""
    if not 1 < answer.numel() == prediction.numel() == other.numel() or answer.device != prediction.device:
        return False
    try:
        said, flat = answer.reshape(-1).double(), prediction.reshape(-1)
        is_sign = bool((said == (flat > 0)).all()) and not bool((said == (flat > 0.5)).all())
        return is_sign and bool(((other == 0) | (other == 1)).all())
    except RuntimeError:  # complex or sparse ones
        return False


@torch.no_grad()
def _one_each(call: LossCall, prediction: Tensor | None) -> tuple[Tensor | None, int]:
    """The targets of a loss of distances, one for each answer, and how many numbers of the model stand behind each: 0
    where the answer is the only one, else as many as the model has for an answer, be it that the loss is given their
    expected class number or that it compares each of them with the same target."""
    outputs, targets = call.outputs.detach(), call.targets.detach()
    if call.name not in VALUE_LOSSES or not targets.dim():
        return None, 0
    if outputs.dim() == 2 and outputs.shape[1] >= FEWEST_SCORES and targets.shape[:1] == outputs.shape[:1]:
        rows = targets.reshape(len(targets), -1)
        if rows.shape[1] in (1, outputs.shape[1]) and bool((rows == rows[:, :1]).all()):
            return rows[:, 0], outputs.shape[1]
    if targets.numel() != outputs.numel():
        return None, 0
    return targets, 0 if prediction is None else _n_expected_of(prediction.detach(), outputs)


def _n_expected_of(prediction: Tensor, answer: Tensor) -> int:
    """How many classes ``prediction`` scores, if ``answer`` is their expected number under a softmax; else 0."""
    if not prediction.is_floating_point() or prediction.numel() > MOST_NUMBERS or not answer.numel():
        return 0
    for axis in sorted({1, prediction.dim() - 1}):
        n = prediction.shape[axis] if 0 < axis < prediction.dim() else 0
        if n >= FEWEST_SCORES and prediction.numel() == n * answer.numel():
            shares = prediction.detach().double().softmax(axis).movedim(axis, -1)
            expected = (shares @ torch.arange(n, dtype=shares.dtype, device=shares.device)).reshape(-1)
            shift = answer.detach().double().reshape(-1) - expected
            if bool((shift - shift.mean()).abs().max() <= CLOSE * n) and bool(expected.std() > CLOSE * n):
                return n
    return 0


def _whole_numbers(batch: Any, targets: Tensor) -> Tensor | None:
    """The whole numbers of a batch that are these targets."""
    for tensor in tensors_of(batch):
        if tensor.is_complex() or tensor.dtype == torch.bool or not is_same(tensor, targets):
            continue
        if not tensor.is_floating_point() or bool((tensor == tensor.round()).all()):
            return tensor
    return None
