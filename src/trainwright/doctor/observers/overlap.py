"""Samples that are both trained on and evaluated: a number for each, equal for equal samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from trainwright.measures.batches import SampleOverlap

MOST_SAMPLES = 20_000
"""Training samples that are remembered, and evaluation samples of each source."""
FEWEST_ROWS = 20
"""Samples from which on an evaluation call counts."""
WIDEST = 4096
"""Numbers of a sample that are looked at."""
MOST_TRAININGS = 8
"""Trainings, one after the other, whose samples are remembered; the latest ones."""
MANY, SEVERAL = 32, 4
"""With so many numbers equal samples are no chance, with so few only where most of them take many values."""
SEEN = 4
"""Times that each training sample must have been seen on average before it is said that there are no others."""
UNSEEN = 3.0
"""Doubles that may have been missed where none was seen (the rule of three: upper 95 % bound of a Poisson count)."""
TWINS = 0.02
"""Share of an evaluation's samples that may equal training samples before it counts as one of training data."""


@dataclass
class _Training:
    """The samples of one training, in numbers, and those of evaluations until the next one begins."""

    trained: set[complex] = field(default_factory=set)
    evaluated: dict[int, set[complex]] = field(default_factory=dict)
    calls: list[tuple[int, int]] = field(default_factory=list)
    source: int | None = None
    batches: list[tuple[int, int]] = field(default_factory=list)

    def add(self, found: Sequence[complex]) -> None:
        """The samples of one more batch that is trained on."""
        before = len(self.trained)
        self.trained.update(found)
        self.batches.append((len(found), len(self.trained) - before))

    def overlap(self, *, rich: bool, evaluated: bool) -> SampleOverlap | None:
        """Of the evaluation that shares least with training; ``evaluated``: whether calls without a graph on data of no
        loader, or of that of training, are any."""
        counted = {source: (len(known & self.trained), len(known)) for source, known in self.evaluated.items()}
        others = [pair for source, pair in counted.items() if source != self.source]
        calls = self.calls if evaluated else []
        found = [*others, *calls] or (list(counted.values()) if evaluated else [])
        least = min(found, key=lambda pair: pair[0] / pair[1], default=None)
        if least is None or not self.trained:
            return None
        return SampleOverlap(
            n_evaluation=least[1],
            n_shared=least[0],
            n_train=len(self.trained),
            only_training=not others and all(shared == n for shared, n in found),
            natural=0.0 if rich else _natural(self.batches),
        )


class Overlap:
    """Observes the samples of looked-at training batches, and those of evaluations, for each training by itself: what
    one fold is evaluated on, another is trained on."""

    def __init__(self) -> None:
        self._trainings = [_Training()]
        self._begins = self._rich = False
        self._whole = _Training()  # what is trained on in all of them
        self._in_part = False

    @property
    def _now(self) -> _Training:
        return self._trainings[-1]

    def began(self) -> None:
        """There is an optimizer that was not before: another training, of the same data or others."""
        self._begins = True

    def trained_in_part(self) -> None:
        """Which of the samples that enter the model are trained on is not known: the nodes of one graph, say."""
        self._in_part = True

    def trained(self, tensors: Sequence[Tensor], source: int | None) -> None:
        """The inputs of a training batch that is looked at."""
        if self._begins and self._now.trained:
            self._trainings = [*self._trainings[1 - MOST_TRAININGS :], _Training()]
        self._begins, now = False, self._now
        if len(now.trained) >= MOST_SAMPLES:
            return
        now.source = source
        found = prints_of(tensors)
        if not self._rich and tensors[0].is_floating_point():
            self._rich = _is_rich(tensors[0].detach().reshape(len(tensors[0]), -1)[:, :WIDEST])
        now.add(found)
        if len(self._whole.trained) < MOST_SAMPLES:
            self._whole.add(found)

    def evaluated(self, tensors: Sequence[Tensor], source: int | None) -> None:
        """The inputs of an evaluation; of data that come from no loader each call is for itself."""
        found = prints_of(tensors)
        if len(found) < FEWEST_ROWS:
            return
        if source is None:
            self._now.calls.append((sum(each in self._now.trained for each in found), len(found)))
            return
        known = self._now.evaluated.setdefault(source, set())
        if len(known) < MOST_SAMPLES:
            known.update(found)

    def is_trained_on(self, tensors: Sequence[Tensor]) -> bool:
        """Whether more of these samples were seen in training than chance would explain, as far as that was looked at;
        those of an evaluation of its own are others."""
        found = prints_of(tensors)
        return sum(each in self._whole.trained for each in found) > UNSEEN + TWINS * len(found)

    @property
    def n_samples(self) -> int | None:
        """Different training samples; None as long as new ones may come."""
        return len(self._whole.trained) if self._whole.batches and _is_whole(self._whole.batches) else None

    def measurements(self, *, evaluated: bool = True) -> Iterator[SampleOverlap]:
        """Of the training that shares most with its evaluations, rather one that is evaluated on other data than its
        own; ``evaluated`` as in :meth:`_Training.overlap`."""
        if self._in_part:
            return
        found = (each.overlap(rich=self._rich, evaluated=evaluated) for each in self._trainings)
        known = [each for each in found if each is not None]
        if known:
            yield max(known, key=lambda each: (not each.only_training, each.n_shared / each.n_evaluation))


def _is_whole(batches: Sequence[tuple[int, int]]) -> bool:
    """Whether the later half of these samples, in number, had no new ones among them; ``batches`` as below."""
    sizes, new = (np.array(column) for column in zip(*batches, strict=True))
    later = np.cumsum(sizes) > sizes.sum() / 2
    return bool(sizes.sum() >= SEEN * new.sum() and not new[later].any())


def _natural(batches: Sequence[tuple[int, int]]) -> float:
    """An upper bound of the share of other samples that equal one of the training samples by nature.

    ``batches``: numbers of samples, and of new ones among them, in order. A sample of the later half of those seen so
    far repeats an earlier one as often as another sample would; with more training samples that share grows at most in
    proportion. Later epochs repeat everything, so the smallest bound counts, which is that of the first one.
    """
    sizes, new = (np.array(column, dtype=np.float64) for column in zip(*batches, strict=True))
    rows, known = np.cumsum(sizes), np.cumsum(new)
    whole = float(rows[np.flatnonzero(new)[-1]]) if new.any() else 0.0
    best = 1.0
    for end in range(len(rows)):
        middle = int(np.searchsorted(rows, rows[end] / 2))
        seen, count = float(rows[middle]), float(rows[end] - rows[middle])
        if count >= FEWEST_ROWS:
            repeats = count - float(known[end] - known[middle])
            best = min(best, (repeats + UNSEEN) / count * max(1.0, whole / seen))
    return best


def prints_of(tensors: Sequence[Tensor]) -> list[complex]:
    """A number for each sample that is equal for equal ones; samples without any contrast are left out. Its parts are
    the mean and a weighted sum of what differs from it, which else would be lost beside a mean far from 0.

    Samples are the rows of the first tensor, or the bags into which a second one cuts a row of tokens. Single numbers
    (user 7, word 12) are no samples that one could recognise.
    """
    first = tensors[0].detach()
    if first.dtype == torch.bool:
        return []
    if not first.is_floating_point() and first.dim() < 2:
        return _bag_prints(first, tensors[1].detach()) if len(tensors) > 1 and _cuts(tensors[1], first) else []
    rows = torch.nan_to_num(first.reshape(len(first), -1)[:, :WIDEST].double())
    means, differs = rows.mean(1), rows.amax(1) > rows.amin(1)
    sums = ((rows - means[:, None]) * position_weights(rows.shape[1], rows)).sum(1)
    return _listed(sums[differs], means[differs])


def _cuts(offsets: Tensor, tokens: Tensor) -> bool:
    """Whether these are the positions at which the bags begin, as ``nn.EmbeddingBag`` is given them."""
    if offsets.dim() != 1 or offsets.is_floating_point() or not 1 < len(offsets) <= len(tokens):
        return False
    return int(offsets[0]) == 0 and bool((offsets.diff() >= 0).all()) and int(offsets[-1]) < len(tokens)


def _bag_prints(tokens: Tensor, offsets: Tensor) -> list[complex]:
    bag = torch.zeros_like(tokens).index_add_(0, offsets, torch.ones_like(offsets, dtype=tokens.dtype)).cumsum(0) - 1
    place = torch.arange(len(tokens), device=tokens.device) - offsets[bag]
    weighted = (tokens + 1) * (place + 1).double().sqrt()
    sums = torch.zeros(len(offsets), dtype=torch.float64, device=tokens.device).index_add_(0, bag, weighted)
    return _listed(sums, torch.zeros_like(sums))


def position_weights(n: int, like: Tensor) -> Tensor:
    """Weights [n] on the device of ``like`` with which a sum tells numbers apart that only stand in another order."""
    return torch.arange(1, n + 1, device=like.device, dtype=torch.float64).sqrt()


def _listed(sums: Tensor, means: Tensor) -> list[complex]:
    found: list[complex] = torch.complex(means.float(), sums.float()).tolist()  # rounded, as sums depend on their order
    return found


def _is_rich(rows: Tensor) -> bool:
    """Whether equal samples are no chance: many numbers, or several of which most take many values."""
    few = rows[:100]
    if rows.shape[1] >= MANY:
        return len(torch.unique(few)) > SEVERAL
    if rows.shape[1] < SEVERAL or len(few) < FEWEST_ROWS:
        return False
    distinct = sorted(len(torch.unique(few[:, column])) for column in range(few.shape[1]))
    return distinct[len(distinct) // 2] > len(few) // 2
