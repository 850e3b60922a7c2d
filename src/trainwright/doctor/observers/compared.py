"""What a program compares its model's answers with: the targets, where neither a loader nor a loss function shows them.

Many programs hold their data as whole tensors and evaluate in one line: ``(model(x).argmax(1) == y).float().mean()`` or
``(model(x) - y).abs().mean()``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainwright.doctor.events import LossCall

MOST_NUMBERS = 1_000_000
"""Numbers up to which answers are kept and compared."""
MOST_TRIES = 16
"""Comparisons behind an answer that are looked at."""
CLOSE = 1e-4
"""Share of the spread of answers that may be left when they are undone to what the model returned."""


@dataclass(frozen=True)
class Answer:
    """What a model returned for these inputs."""

    prediction: Tensor
    inputs: Sequence[Tensor]


class Compared:
    """The answers of one evaluation, until what they are compared with shows. Of the inputs, which may be large, only
    the first and the latest are kept."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._tries = 0

    def answered(self, prediction: Tensor | None, inputs: Sequence[Tensor]) -> None:
        """A model answered, and nobody knows yet what would have been right."""
        self._tries = 0
        if prediction is None or not prediction.dim() or not prediction.is_floating_point() or not inputs:
            self._answers = []
        elif sum(each.prediction.numel() for each in self._answers) + prediction.numel() <= MOST_NUMBERS:
            if len(self._answers) > 1:
                self._answers[-1] = replace(self._answers[-1], inputs=())
            self._answers.append(Answer(prediction.detach(), inputs))

    def forget(self) -> None:
        """Training goes on."""
        self._answers = []

    @property
    def waits(self) -> bool:
        """Whether there are answers without targets."""
        return bool(self._answers) and self._tries < MOST_TRIES

    def settle(self, first: Tensor, second: Tensor) -> tuple[Answer, Tensor] | None:
        """The latest answer, or all of them as one, with its targets, if one of these tensors is made of what the model
        returned and the other what that is compared with."""
        self._tries += 1
        answer = self._answers[-1]
        targets = target_of(answer.prediction, first, second)
        if targets is None and (whole := _joined(self._answers)) is not None:
            answer, targets = whole, target_of(whole.prediction, first, second)
        if targets is None:
            return None
        self._answers = []
        return answer, targets


def _joined(answers: Sequence[Answer]) -> Answer | None:
    """Several answers as one; None where they are one, or not alike."""
    predictions = [each.prediction for each in answers]
    if len(answers) < 2 or len({each.shape[1:] for each in predictions}) > 1:
        return None
    return Answer(torch.cat(predictions), answers[0].inputs)


@torch.no_grad()
def target_of(prediction: Tensor | None, first: Tensor, second: Tensor) -> Tensor | None:
    """The one of two tensors that the other, made of ``prediction``, is compared with, as the model would have had to
    say it; None where neither is."""
    if prediction is None or not prediction.is_floating_point() or not 1 < prediction.numel() <= MOST_NUMBERS:
        return None
    if first.numel() != second.numel():
        return None
    try:
        return _target_of(prediction.detach(), *(each.detach().to(prediction.device) for each in (first, second)))
    except RuntimeError:  # sparse or nested ones, or such as a transform of functions puts in their place
        return None


def _target_of(prediction: Tensor, first: Tensor, second: Tensor) -> Tensor | None:
    shifted = None
    for answer, other in ((first, second), (second, first)):
        is_number = answer.is_floating_point() and answer.numel() == prediction.numel()
        if is_number and (found := _undone(prediction, answer, other)) is not None:
            return found
        if (shift := _class_shift(prediction, answer)) == 0:
            return other
        if shift is not None and shifted is None:
            shifted = other - shift
    return shifted


def squared_error(prediction: Tensor, targets: Tensor | None, value: Tensor) -> LossCall | None:
    """The call of torch's own function that ``value``, which a program computes itself, stands for."""
    if targets is None or value.numel() != 1 or targets.shape != prediction.shape:
        return None
    mean = float((prediction.detach() - targets).square().mean())
    is_same = abs(float(value.detach()) - mean) <= CLOSE * mean
    return LossCall("mse", prediction, targets, value) if is_same else None


def _class_shift(prediction: Tensor, answer: Tensor) -> int | None:
    """0 where ``answer`` is the class, or the yes or no, that ``prediction`` says; 1 or -1 where it is the next number
    or the one before, as where classes are counted from one; None where it is something else."""
    flat = answer.reshape(-1)
    choices = [prediction > 0, prediction > 0.5]
    if any(each.numel() == flat.numel() and bool((each.reshape(-1) == flat).all()) for each in choices):
        return 0
    for said in classes_said(prediction):
        if said.numel() == flat.numel():
            difference, differs = flat - said.reshape(-1), bool((flat != flat[0]).any())
            for shift in (0, 1, -1) if differs else (0,):
                if bool((difference == shift).all()):
                    return shift
    return None


def classes_said(prediction: Tensor) -> Iterator[Tensor]:
    """The numbers of the largest outputs, along each axis that may be that of classes."""
    for axis in sorted({1, prediction.dim() - 1}):
        if 0 < axis < prediction.dim():
            yield prediction.argmax(axis)


def _undone(prediction: Tensor, answer: Tensor, other: Tensor) -> Tensor | None:
    """``other`` in the units of the model, where ``answer`` is its prediction in those of the user."""
    x, y = prediction.reshape(-1).double(), answer.reshape(-1).double()
    spread = float((x - x.mean()).square().sum())
    if not spread > 0:
        return None
    factor = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    shift = float(y.mean() - factor * x.mean())
    left, size = y - factor * x - shift, y - y.mean()
    if factor == 0 or not float(left.square().sum()) <= CLOSE**2 * float(size.square().sum()):
        return None
    return ((other.reshape(-1).double() - shift) / factor).to(prediction.dtype).reshape(prediction.shape)
