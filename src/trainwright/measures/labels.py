"""What is known of the classes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainwright.core.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class ClassCounts(Measurement):
    """Samples per class of one split: ``counts`` [C] beside ``class_names`` [C]."""

    split: str
    class_names: tuple[str, ...]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ClassNumbers(Measurement):
    """Whole numbers of the batches that a loss of distances (``loss_name``) compares the answer for each of
    ``n_samples`` with: from ``lowest`` to ``highest``; ``counts``: samples of each value that comes. ``typed``: they
    are integers by type, too; ``several``: a sample has several of them. ``right``: share of an evaluation's answers
    that the program, which rounds them, finds to be the very number; NaN where it does no such thing. ``scores``: so
    many numbers the model has for each of them, of which the loss is given the expected place, or which are all
    compared with the same target; 0 where it has one. ``unbounded``: answers lie outside of what the targets span;
    ``one_hot``: of a sample's several targets one is 1 and all others 0; ``read_at_zero``: the program compares the
    sign of an evaluation's answers with the targets."""

    loss_name: str
    n_samples: int
    lowest: int
    highest: int
    counts: tuple[int, ...]
    typed: bool = True
    several: bool = False
    right: float = math.nan
    scores: int = 0
    unbounded: bool = False
    one_hot: bool = False
    read_at_zero: bool = False


FEWEST_PREDICTED = 60
FEWEST_PREDICTIONS = 5
"""Of a class, in each half of an evaluation, before it is said which one they mean."""


@dataclass(frozen=True, kw_only=True)
class PredictedClasses(Measurement):
    """What a model said of one evaluation: ``counts`` [2, C, C], samples by their label and by the class that was
    predicted, every other sample apart. ``told``: a loss is given these labels, or the program compares its answers
    with them; else they only stand in the batches."""

    counts: npt.NDArray[np.int64]
    told: bool

    @property
    def n_samples(self) -> int:
        """Samples with a label."""
        return int(self.counts.sum())

    @property
    def is_enough(self) -> bool:
        """Whether there are so many, counted by as many labels as predictions."""
        halves, labels, predictions = self.counts.shape if self.counts.ndim == 3 else (0, 0, 0)
        return halves == 2 and labels == predictions and self.n_samples >= FEWEST_PREDICTED

    def meanings(self) -> Iterator[dict[int, int]]:
        """What predicted classes may mean, as labels of other numbers: those that each goes with most in the first
        half, if these differ, and the next ones in either direction."""
        often = np.flatnonzero((self.counts.sum(1) >= FEWEST_PREDICTIONS).all(0))
        label = self.counts[0].argmax(0)
        found = {int(said): int(label[said]) for said in often}
        if len(set(found.values())) == len(found):
            yield {said: label for said, label in found.items() if said != label}
        for by in (1, -1):
            yield {int(said): int(said) + by for said in often if 0 <= said + by < self.counts.shape[1]}

    def agreement(self, meaning: dict[int, int]) -> float:
        """Cohen's kappa of the second half, of the samples that these classes are predicted of: how far they agree
        with their labels, from 0, by chance, to 1."""
        counts, said = self.counts[1], list(meaning)
        predicted = counts.sum(0)
        n = max(1, int(predicted[said].sum()))
        right = sum(counts[label, each] for each, label in meaning.items()) / n
        labels = counts.sum(1) / max(1, counts.sum())
        chance = sum(labels[label] * predicted[each] for each, label in meaning.items()) / n
        return float((right - chance) / (1 - chance)) if chance < 1 else 0.0
