"""What can be said of one call of a loss function: its value, how many samples, how many of them right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.events import LossCall
from trainwright.doctor.losses import NAMED

CLASSIFYING = ("cross_entropy", "nll", "bce", "bce_with_logits", "multi_margin_loss")
"""Losses whose outputs name a class."""
MOST_CLASSES = 100_000
FEWEST_TARGETS = 64
"""Before the best constant prediction is trusted."""
SEARCHED = ("l1", "smooth_l1", "huber", "poisson_nll")
"""Losses whose best constant is looked for among values of the targets."""
MOST_KEPT = 1024
"""Rows of targets that are kept for that."""
WIDEST_KEPT = 64
"""Numbers of a target up to which they are kept."""
_FUNCTIONS = {name: function for _, function, name in NAMED}


def is_classification(call: LossCall) -> bool:
    """Whether the outputs stand for classes, one of which is right."""
    if call.name in ("cross_entropy", "nll", "multi_margin_loss"):
        return call.outputs.dim() > 1 and not call.targets.is_floating_point()
    return call.name in CLASSIFYING and call.targets.is_floating_point()


def n_targets(call: LossCall) -> Tensor:
    """Predictions that are compared, ignored ones left out; a tensor of one element."""
    if call.name in ("cross_entropy", "nll") and not call.targets.is_floating_point():
        return (call.targets != _ignored(call)).sum()
    return torch.full((), call.targets.numel(), device=call.value.device)


def mean_value(call: LossCall) -> Tensor:
    """The loss per prediction, whatever the reduction; a tensor of one element."""
    value = call.value.detach()
    if call.reduction == "sum":
        return value / n_targets(call).clamp_min(1)
    return value.mean() if value.dim() else value


@torch.no_grad()
def n_right(call: LossCall) -> Tensor:
    """Right predictions of a loss that classifies; a tensor of one element. Ignored targets match no class."""
    said, right = answers(call)
    return (said == right).sum()


def is_binary(call: LossCall) -> bool:
    """Whether each output of a loss that classifies says yes or no."""
    return call.name.startswith("bce")


@torch.no_grad()
def answers(call: LossCall) -> tuple[Tensor, Tensor]:
    """(what the outputs say, what the targets say), alike in shape, of a loss that classifies: class numbers, -1 where
    the loss ignores a target; or yes and no."""
    if is_binary(call):
        return call.outputs > (0.5 if call.name == "bce" else 0.0), call.targets > 0.5
    # Bytes, which torch takes for class numbers as well, hold no -1.
    return call.outputs.argmax(1), call.targets.long().masked_fill(call.targets == _ignored(call), -1)


def _ignored(call: LossCall) -> int:
    """The class number that a cross entropy passes over; torch's own default where the program names none."""
    return int(call.options.get("ignore_index", -100))


_MEANING = ("beta", "delta", "log_input", "full", "eps")
"""Options that say what a loss of values is."""


@dataclass
class Constant:
    """What the best prediction that ignores the input would get, from the targets seen so far.

    Classes are counted; values are summed per output, with their squares, and some are kept where only a search finds
    the best one.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    kept: Tensor | None = None
    counts: Tensor | None = None
    total: Tensor | None = None
    squares: Tensor | None = None
    n: int = 0

    @classmethod
    def of(cls, call: LossCall) -> Constant | None:
        """For losses whose best constant is known; None for all others, and for weighted or smoothed ones."""
        plain = call.options.get("weight") is None and not call.options.get("label_smoothing")
        plain = plain and call.options.get("pos_weight") is None
        known = ("cross_entropy", "nll", "mse", "bce", "bce_with_logits", *SEARCHED)
        options = {name: call.options[name] for name in _MEANING if name in call.options}
        return cls(call.name, options) if plain and call.name in known else None

    @torch.no_grad()
    def see(self, call: LossCall) -> None:
        """Count the targets of one more batch."""
        targets = call.targets.detach()
        if self.name in ("cross_entropy", "nll"):
            self._count(call, targets)
            return
        rows = targets.double().reshape(len(targets), -1) if targets.dim() else targets.double().reshape(1, 1)
        total, squares = rows.sum(0), rows.square().sum(0)
        if self.total is None or self.total.shape != total.shape:
            self.total, self.squares, self.kept, self.n = total, squares, None, 0
        else:
            assert self.squares is not None
            self.total, self.squares = self.total + total, self.squares + squares
        if self.name in SEARCHED and rows.shape[1] <= WIDEST_KEPT and (self.kept is None or len(self.kept) < MOST_KEPT):
            self.kept = rows if self.kept is None else torch.cat([self.kept, rows])[:MOST_KEPT]
        self.n += len(rows)

    def _count(self, call: LossCall, targets: Tensor) -> None:
        if targets.is_floating_point() or call.outputs.dim() < 2 or call.outputs.shape[1] > MOST_CLASSES:
            return
        classes = call.outputs.shape[1]
        flat = targets.reshape(-1)
        counted = (flat >= 0) & (flat < classes) & (flat != _ignored(call))
        kept = torch.where(counted, flat, classes)
        counts = torch.bincount(kept, minlength=classes + 1)[:classes]
        self.counts = counts if self.counts is None or len(self.counts) != classes else self.counts + counts
        self.n += len(flat)

    def loss(self, on: Constant | None = None) -> float | None:
        """The mean loss of the best constant, on the targets it was chosen for or ``on`` others.

        None before enough targets were seen, and where all are the same (a generator's, or those of a contrastive
        loss): any constant would be right, so it is no yardstick.
        """
        on = on or self
        if self.n < FEWEST_TARGETS or not self._vary() or not self.is_like(on):
            return None
        if self.counts is not None and on.counts is not None:
            shares, others = (each.double() / each.sum().clamp_min(1) for each in (self.counts, on.counts))
            return float(-(others * shares.clamp_min(1e-12).log()).sum())
        if self.total is None or on.total is None or on.squares is None:
            return None
        if self.name in SEARCHED:
            return self._searched(on)
        mean, other = self.total / self.n, on.total / on.n
        if self.name == "mse":
            return float((on.squares / on.n - 2 * mean * other + mean.square()).clamp_min(0).mean())
        p = mean.clamp(1e-7, 1 - 1e-7)
        return float(-(other * p.log() + (1 - other) * (1 - p).log()).mean())

    def _searched(self, on: Constant) -> float | None:
        """The loss, on the targets kept of ``on``, of the constants that are best, each for its output, on those kept
        here: the logarithm of the mean for a Poisson likelihood of logarithms, else the mean, one of 101 quantiles
        or of 101 values between the outer ones."""
        if self.kept is None or on.kept is None or not bool(torch.isfinite(self.kept).all()):
            return None
        places = torch.linspace(0, 1, 101, dtype=torch.float64, device=self.kept.device)
        quantiles = torch.quantile(self.kept, places, dim=0)
        between = torch.lerp(quantiles[1], quantiles[-2], places[:, None])
        constants = torch.cat([quantiles, between, self.kept.mean(0, keepdim=True)])
        if self.name == "poisson_nll" and self.options.get("log_input", True):
            constants = self.kept.mean(0, keepdim=True).clamp_min(1e-12).log()

        def cost(constants: Tensor, rows: Tensor) -> Tensor:
            shape = len(constants), *rows.shape
            pairs = constants[:, None].expand(shape), rows.expand(shape)
            return _FUNCTIONS[self.name](*pairs, reduction="none", **self.options).mean(1)

        best = constants.gather(0, cost(constants, self.kept).argmin(0, keepdim=True))
        return float(cost(best, on.kept).mean())

    def accuracy(self, on: Constant | None = None) -> float | None:
        """The share, in %, of the most frequent class, among the same targets or ``on`` others; None where it is not
        one of classes or not yet known."""
        on = on or self
        if self.counts is None or on.counts is None or self.n < FEWEST_TARGETS or not self._vary():
            return None
        return 100.0 * int(on.counts[self.counts.argmax()]) / int(on.counts.sum()) if self.is_like(on) else None

    def is_like(self, other: Constant) -> bool:
        """Whether both were asked for the same kind of answer."""
        mine, others = ((each.counts if each.total is None else each.total) for each in (self, other))
        return self.name == other.name and mine is not None and others is not None and mine.shape == others.shape

    def _vary(self) -> bool:
        """Whether at least two different targets were seen."""
        if self.counts is not None:
            return int((self.counts > 0).sum()) > 1
        if self.total is None or self.squares is None:
            return False
        mean = self.total / self.n
        return bool((self.squares / self.n - mean.square() > 1e-12 * mean.square()).any())
