"""What stands in the samples: copies between training and evaluation, inputs that tell the target, tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from trainwright.core import Measurement
from trainwright.doctor.observers.models import Models
from trainwright.measures.batches import SampleOverlap, TargetCopies, TokenUse

MOST_SAMPLES = 20_000
"""Training samples that are remembered, and evaluation samples of each source."""
FEWEST_ROWS = 20
"""Samples from which on an evaluation call counts."""
WIDEST = 4096
"""Numbers of a sample that are looked at."""
MANY, SEVERAL = 32, 4
"""With so many numbers equal samples are no chance, with so few only where most of them take many values."""
EXACT = 1e-8
"""Share of a feature's variance that an affine function of the target may leave; single precision leaves 1e-12."""
MOST_TOKENS = 10_000


class Contents:
    """Observes the samples of looked-at training batches, and those of evaluations."""

    def __init__(self) -> None:
        self._trained: set[float] = set()
        self._evaluated: dict[int, set[float]] = {}
        self._calls: list[tuple[int, int]] = []
        self._train_source: int | None = None
        self._rich = False
        self._copies: Tensor | None = None
        self._copied = [0, 0]
        self._tokens: set[int] = set()
        self._same_tokens = True
        self._n_tokens = 0

    def trained(self, inputs: Tensor, targets: Tensor | None, source: int | None) -> None:
        """A training batch that is looked at."""
        if not inputs.is_floating_point():
            self._count_tokens(inputs)
            if targets is not None and targets.numel() == inputs.numel() > len(inputs):
                self._compare_tokens(inputs, targets)
            return
        self._train_source = source
        rows = inputs.detach().reshape(len(inputs), -1)[:, :WIDEST].double()
        if targets is not None:
            self._compare(rows, targets)
        if len(self._trained) < MOST_SAMPLES:
            self._rich |= _is_rich(rows)
            self._trained.update(_row_prints(rows))

    def evaluated(self, inputs: Tensor, source: int | None) -> None:
        """A batch of an evaluation; of data that come from no loader each call is for itself."""
        if not inputs.is_floating_point() or len(inputs) < FEWEST_ROWS:
            return
        prints = _row_prints(inputs.detach().reshape(len(inputs), -1)[:, :WIDEST].double())
        if source is None:
            self._calls.append((sum(each in self._trained for each in prints), len(prints)))
            return
        known = self._evaluated.setdefault(source, set())
        if len(known) < MOST_SAMPLES:
            known.update(prints)

    def _count_tokens(self, inputs: Tensor) -> None:
        self._n_tokens += inputs.numel()
        if inputs.dtype != torch.bool and len(self._tokens) < MOST_TOKENS:
            self._tokens.update(torch.unique(inputs).tolist())

    def _compare_tokens(self, inputs: Tensor, targets: Tensor) -> None:
        self._same_tokens &= bool((inputs.reshape(-1) == targets.reshape(-1)).all())
        self._copied = [self._copied[0] + 1, self._copied[1] + len(inputs)]

    def _compare(self, rows: Tensor, targets: Tensor) -> None:
        """Which features are an affine function of a target that is one number for each sample."""
        if targets.numel() != len(rows) or len(rows) < SEVERAL * 2 or rows.shape[1] < 2:
            return
        wanted = targets.detach().reshape(-1).double()
        wanted, centred = wanted - wanted.mean(), rows - rows.mean(0)
        size, sizes = wanted.square().sum(), centred.square().sum(0)
        if not size > 0 or len(torch.unique(wanted)) < 2:
            return
        left = 1 - (centred * wanted[:, None]).sum(0).square() / (size * sizes)
        copies = (left.abs() < EXACT) & (sizes > 0)
        same = self._copies is not None and len(self._copies) == len(copies)
        self._copies = self._copies & copies if same and self._copies is not None else copies
        self._copied = [self._copied[0] + 1, self._copied[1] + len(rows)]

    def measurements(self, models: Models) -> Iterator[Measurement]:
        """What was seen."""
        if self._copied[0]:
            copies = torch.zeros(0) if self._copies is None else self._copies
            yield TargetCopies(
                features=tuple(copies.nonzero().flatten().tolist()),
                n_features=len(copies),
                n_batches=self._copied[0],
                n_samples=self._copied[1],
                same_tokens=self._copies is None and self._same_tokens,
            )
        n_rows = max((entry.n_rows for entry in models), default=0)
        if self._n_tokens and n_rows:
            yield TokenUse(n_tokens=self._n_tokens, n_distinct=len(self._tokens), n_rows=n_rows)
        yield from self._overlap()

    def _overlap(self) -> Iterator[SampleOverlap]:
        counted = {source: (len(known & self._trained), len(known)) for source, known in self._evaluated.items()}
        others = [pair for source, pair in counted.items() if source != self._train_source]
        found = [*others, *self._calls] or list(counted.values())
        least = min(found, key=lambda pair: pair[0] / pair[1], default=None)
        if least is not None and self._trained:
            yield SampleOverlap(
                n_evaluation=least[1],
                n_shared=least[0],
                n_train=len(self._trained),
                only_training=not others and all(shared == n for shared, n in found),
                rich=self._rich,
            )


def _row_prints(rows: Tensor) -> list[float]:
    """A number for each sample that is equal for equal ones; samples without any contrast are left out."""
    weights = torch.arange(1, rows.shape[1] + 1, device=rows.device, dtype=torch.float64).sqrt()
    sums = (torch.nan_to_num(rows) * weights).sum(1).float()  # rounded, as sums depend on their order a little
    varied = rows.amax(1) > rows.amin(1)
    found: list[Any] = sums[varied].tolist()
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
