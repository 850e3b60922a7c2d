"""What stands in the samples: copies between training and evaluation, inputs that tell the target, tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from trainwright.core import Measurement
from trainwright.doctor.finite import is_finite
from trainwright.doctor.observers.leaks import Leaks
from trainwright.doctor.observers.models import Models
from trainwright.doctor.observers.overlap import WIDEST, Overlap
from trainwright.measures.batches import TargetCopies, TokenUse

FEWEST_SAMPLES = 8
"""Of a batch, from which on an affine function through all its targets is no chance."""
EXACT = 1e-8
"""Share of a feature's variance that an affine function of the target may leave; single precision leaves 1e-12."""
MOST_TOKENS = 10_000
MOST_PARTS = 5
"""Inputs whose weighted sum may be the target by a leak; more are a formula that the data were made with."""


class Contents:
    """Observes the samples of looked-at training batches, and those of evaluations."""

    def __init__(self) -> None:
        self._overlap, self._leaks = Overlap(), Leaks()
        self._copies: Tensor | None = None
        self._parts: tuple[int, ...] | None = None  # the same in all batches so far; not looked at yet
        self._copied = [0, 0]
        self._tokens: set[int] = set()
        self._same_tokens = True
        self._n_tokens = 0

    def trained(self, tensors: Sequence[Tensor], targets: Tensor | None, source: int | None) -> None:
        """The inputs of a training batch that is looked at, the main one first."""
        inputs = tensors[0]
        self._overlap.trained(tensors, source)
        rows = [t.detach() for t in tensors if t.dim() and t.is_floating_point() and len(t) == len(inputs)]
        numbers = [t.reshape(len(t), -1) for t in rows]
        if numbers and targets is not None:
            self._compare(torch.cat(numbers, 1)[:, :WIDEST].double(), targets)
        if (table := [t.reshape(len(t), -1) for t in rows if t.dim() <= 2]) and targets is not None:
            self._leaks.trained(torch.cat(table, 1), targets)  # pictures may be beside it
        elif targets is not None and inputs.is_floating_point() and inputs.dim() == 3:
            self._leaks.trained_over_time(inputs, targets)
        if inputs.is_floating_point():
            return
        self._count_tokens(inputs)
        if targets is not None and targets.numel() == inputs.numel() > len(inputs):
            self._compare_tokens(inputs, targets)

    def began(self) -> None:
        """There is an optimizer that was not before."""
        self._overlap.began()

    def evaluated(self, tensors: Sequence[Tensor], source: int | None) -> None:
        """The inputs of an evaluation."""
        self._overlap.evaluated(tensors, source)

    def trained_in_part(self) -> None:
        """Not all samples that the model was given are trained on."""
        self._overlap.trained_in_part()

    def is_trained_on(self, tensors: Sequence[Tensor]) -> bool:
        """Whether these inputs are samples of training."""
        return self._overlap.is_trained_on(tensors)

    def _count_tokens(self, inputs: Tensor) -> None:
        self._n_tokens += inputs.numel()
        if inputs.dtype != torch.bool and len(self._tokens) < MOST_TOKENS:
            self._tokens.update(torch.unique(inputs).tolist())

    def _compare_tokens(self, inputs: Tensor, targets: Tensor) -> None:
        self._same_tokens &= bool((inputs.reshape(-1) == targets.reshape(-1)).all())
        self._copied = [self._copied[0] + 1, self._copied[1] + len(inputs)]

    def _compare(self, rows: Tensor, targets: Tensor) -> None:
        """Which features are an affine function of a target that is one number for each sample."""
        if targets.numel() != len(rows) or len(rows) < FEWEST_SAMPLES or rows.shape[1] < 2:
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
        if self._parts != ():
            found = () if bool(copies.any()) else _parts(centred, wanted)
            self._parts = found if self._parts in (None, found) else ()
        self._copied = [self._copied[0] + 1, self._copied[1] + len(rows)]

    @property
    def n_samples(self) -> int | None:
        """Different training samples; None as long as new ones may come."""
        return self._overlap.n_samples

    def measurements(self, models: Models, *, evaluated: bool) -> Iterator[Measurement]:
        """What was seen; ``evaluated``: whether calls without a graph on data of no loader were evaluations."""
        if self._copied[0]:
            copies = torch.zeros(0) if self._copies is None else self._copies
            yield TargetCopies(
                features=tuple(copies.nonzero().flatten().tolist()),
                n_features=len(copies),
                n_batches=self._copied[0],
                n_samples=self._copied[1],
                same_tokens=self._copies is None and self._same_tokens,
                parts=self._parts or (),
                table=self._leaks.measurement(),
            )
        n_rows = max((entry.n_rows for entry in models), default=0)
        if self._n_tokens and n_rows:
            yield TokenUse(n_tokens=self._n_tokens, n_distinct=len(self._tokens), n_rows=n_rows)
        yield from self._overlap.measurements(evaluated=evaluated)


def _parts(rows: Tensor, target: Tensor) -> tuple[int, ...]:
    """The few columns of which a centred target is a weighted sum to the last digits, though not of one of them alone.

    With twice as many rows as columns no sum fits by chance.
    """
    spread = rows.square().sum(0).sqrt()
    kept = (spread > 0).nonzero().flatten()
    if len(rows) < 2 * len(kept) + FEWEST_SAMPLES or len(kept) <= 2:
        return ()
    scaled = rows[:, kept] / spread[kept]
    if not (is_finite(scaled) and is_finite(target)):
        return ()
    weights = torch.linalg.lstsq(scaled, target[:, None]).solution.flatten()
    if not float((target - scaled @ weights).square().sum() / target.square().sum()) < EXACT:
        return ()
    strong = weights.abs() > 1e-3 * float(target.square().sum().sqrt())
    return tuple(kept[strong].tolist()) if 2 <= int(strong.sum()) <= min(MOST_PARTS, len(kept) - 1) else ()
