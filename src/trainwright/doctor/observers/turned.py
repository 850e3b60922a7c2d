"""Which share of the training samples was mirrored or turned while their targets stayed: from means over samples.

Where a share p of the pictures is turned by g and keeps its target, the mean picture of a class in training is
(1 − p)·m + p·g(m), m being its mean in the evaluation, which nobody augments. p is the same for all classes and follows
by least squares. What all classes have in common is taken away first: it tells nothing of the targets, and recordings
that are cut otherwise in training change it. Likewise the covariance of a picture's places with those of a target that
is a picture as well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional

from trainwright.measures.turns import TurnedClasses, TurnedShare

Turn = Callable[[Tensor], Tensor]

_Shares = Callable[[Tensor, Tensor, Tensor, Mapping[str, Turn]], Tensor]

PARTS = 4
"""Parts of training whose spread gives the standard error."""
THIRDS = 1.8
"""How many times less the evaluation is off as a whole than a third of it is, measured by the two others: the variances
are 6/n for the latter, and 2/n for the former, of which some goes as both halves take turns."""
FEWEST_OF_A_CLASS, MOST_CLASSES = 10, 50
NOTHING = 1e-8
"""Share of the mean pictures' squares that a turn must change."""
RANGES = 8
"""Classes that are made of targets which are numbers."""
UNLIKE = 0.3
"""Correlation of a class's mean picture with its turned self, up to which it does not look like itself any more."""
TAKEN, MARGIN = 0.4, 0.3
"""Correlation with another class's mean picture, and how far above that with its own, from which on it looks like it.
Handwritten digits that are turned by 180° give 0.5 for 6 and 9."""


def turned_classes(
    trained: tuple[Tensor, Tensor], evaluated: tuple[Tensor, Tensor], turns: Mapping[str, Turn]
) -> TurnedClasses | None:
    """``trained`` and ``evaluated``: pictures [N, C, H, W] with targets [N]. None where there are too few samples of
    two classes."""
    means = _means_of_classes(trained, evaluated)
    return None if means is None else _judge(means, turns, *_all_shares(means, turns, _shares))


def turned_one_way(
    trained: tuple[Tensor, Tensor], evaluated: tuple[Tensor, Tensor], turns: Mapping[str, Turn]
) -> TurnedClasses | None:
    """The same, each turn by itself, for classes that some turns leave as they are: beside those, others would be one
    and the same. Of the turns that make classes look like others, the first whose share is within two standard errors
    of the largest."""
    means = _means_of_classes(trained, evaluated)
    if means is None:
        return None
    shares, by_chance = _all_shares(means, turns, _shares_alone)
    found = [
        _judge(means, {name: turn}, shares[:, [place]], by_chance[:, [place]])
        for place, (name, turn) in enumerate(turns.items())
    ]
    telling = [each for each in found if len(each.taken) > 1] or found
    best = max(telling, key=lambda each: each.share)
    return next(each for each in telling if each.share >= best.share - 2 * best.error)


def turned_values(
    trained: tuple[Tensor, Tensor],
    evaluated: tuple[Tensor, Tensor],
    turns: Mapping[str, Turn],
    share_of: Callable[[tuple[Tensor, Tensor], tuple[Tensor, Tensor], Mapping[str, Turn]], TurnedClasses | None],
) -> TurnedClasses | None:
    """The same for targets [N, K] of several numbers, each that takes many values by itself with ``share_of``: of those
    with ranges that look like others the one whose share is the most standard errors; None where there is none."""
    columns = zip(trained[1].unbind(1), evaluated[1].unbind(1), strict=True)
    judged = [share_of((trained[0], x), (evaluated[0], y), turns) for x, y in columns if len(torch.unique(y)) > RANGES]
    telling = [each for each in judged if each is not None and len(each.taken) > 1]
    return max(telling, key=lambda each: each.share / max(each.error, NOTHING), default=None)


def turned_dense(
    trained: tuple[Tensor, Tensor], evaluated: tuple[Tensor, Tensor], turns: Mapping[str, Turn]
) -> TurnedShare | None:
    """``trained`` and ``evaluated``: pictures [N, C, H, W] with targets [N, K, H, W]. None where no place of a picture
    tells anything of the same place of its target."""
    channel = _telling_channel(*evaluated)
    if channel is None:
        return None
    (x, y), (reference, reference_y) = (
        (inputs[:, [channel[0]]], targets[:, channel[1]]) for inputs, targets in (trained, evaluated)
    )
    straight = _covariance(reference, reference_y)
    columns = []
    for turn in turns.values():
        turned = _covariance(turn(reference), reference_y)
        parts = torch.stack([_covariance(turn(x[k::PARTS]), y[k::PARTS]) for k in range(PARTS)])
        tells = (straight - turned).abs() >= CONTRAST * straight.abs()
        columns.append((parts - turned) / (straight - turned) if tells else torch.zeros_like(parts))
    return _share(torch.stack(columns, 1), turns, len(x))


@dataclass(frozen=True)
class _Means:
    """Mean pictures [K, C, H, W] of the classes without what is common to all: of parts of training, of halves, of
    thirds and of all of the evaluation. ``n``: pictures of training."""

    n: int
    parts: list[Tensor]
    halves: list[Tensor]
    thirds: list[Tensor]
    whole: Tensor


def _means_of_classes(trained: tuple[Tensor, Tensor], evaluated: tuple[Tensor, Tensor]) -> _Means | None:
    """None where there are too few samples of two classes."""
    (pictures, names), (reference, reference_names) = _as_classes(trained, evaluated)
    classes = _enough(names, reference_names)
    if not 2 <= len(classes) <= MOST_CLASSES:
        return None
    halves, thirds = (
        [_means(reference, reference_names, classes, slice(part, None, n)) for part in range(n)] for n in (2, 3)
    )
    return _Means(
        n=len(pictures),
        parts=[_means(pictures, names, classes, slice(part, None, PARTS)) for part in range(PARTS)],
        halves=halves,
        thirds=thirds,
        whole=_means(reference, reference_names, classes, slice(None)),
    )


def _all_shares(means: _Means, turns: Mapping[str, Turn], shares_of: _Shares) -> tuple[Tensor, Tensor]:
    """(shares [2·PARTS, turns] of parts of training, such [6, turns] that a third of the evaluation seems to have,
    measured by the two others, though none has any)."""
    # The noise of one half must not stand on both sides of the equation.
    pairs, thirds = ((0, 1), (1, 0)), means.thirds
    found = [shares_of(part, means.halves[a], means.halves[b], turns) for part in means.parts for a, b in pairs]
    by_chance = [shares_of(thirds[a], thirds[b], thirds[c], turns) for a, b, c in permutations(range(3))]
    return torch.stack(found), torch.stack(by_chance)


def _judge(means: _Means, turns: Mapping[str, Turn], shares: Tensor, by_chance: Tensor) -> TurnedClasses:
    found = _share(shares, turns, means.n, by_chance)
    own, others = _likeness(turns[found.turn](means.whole), means.whole)
    taken = others[(others >= TAKEN) & (others - own >= MARGIN)]
    return TurnedClasses(
        **vars(found),
        n_classes=len(means.whole),
        unlike=int((own <= UNLIKE).sum()),
        taken=tuple(taken.tolist()),
    )


def _share(shares: Tensor, turns: Mapping[str, Turn], n: int, by_chance: Tensor | None = None) -> TurnedShare:
    """``shares`` [parts, turns] of training that have each turn; ``by_chance``: such of samples that have none."""
    mean, total = shares.mean(0), shares.sum(1)
    best = int(mean.argmax())
    errors = [float(each.std()) / math.sqrt(PARTS) for each in (shares[:, best], total)]
    if by_chance is not None:
        wrong = by_chance[:, best], by_chance.sum(1)
        of_reference = [float(each.square().mean().sqrt()) / THIRDS for each in wrong]
        errors = [math.hypot(*pair) for pair in zip(errors, of_reference, strict=True)]
    return TurnedShare(
        turn=list(turns)[best],
        share=float(mean[best]),
        error=errors[0],
        total=float(total.mean()),
        total_error=errors[1],
        n=n,
    )


def _as_classes(
    trained: tuple[Tensor, Tensor], evaluated: tuple[Tensor, Tensor]
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Targets that are numbers become ranges with as many samples each."""
    targets = evaluated[1]
    if not targets.is_floating_point() or len(torch.unique(targets)) <= RANGES:
        return trained, evaluated
    edges = targets.double().quantile(torch.linspace(0, 1, RANGES + 1, dtype=torch.float64)[1:-1])
    (first, x), (second, y) = trained, evaluated
    return (first, torch.bucketize(x.double(), edges)), (second, torch.bucketize(y.double(), edges))


def _enough(names: Tensor, reference: Tensor) -> list[float]:
    """The classes with enough samples in both parts."""
    first, second = Counter(names.tolist()), Counter(reference.tolist())
    return sorted(name for name, count in first.items() if min(count, second[name]) >= FEWEST_OF_A_CLASS)


def _means(pictures: Tensor, names: Tensor, classes: list[float], which: slice) -> Tensor:
    """The mean picture of each class [K, C, H, W], over ``which`` of its samples, without what is common to all."""
    means = torch.stack([pictures[names == name][which].double().mean(0) for name in classes])
    return means - means.mean(0)


def _shares(trained: Tensor, first: Tensor, second: Tensor, turns: Mapping[str, Turn]) -> Tensor:
    """The share of each turn by least squares."""
    design = torch.cat([_columns(second, turns), _beside(second)], 1)
    return _least_squares(design, (trained - first).flatten()[:, None]).flatten()[: len(turns)]


def _shares_alone(trained: Tensor, first: Tensor, second: Tensor, turns: Mapping[str, Turn]) -> Tensor:
    """The share of each turn where there is no other: what is left of it and of the change beside what is no turn."""
    beside = _beside(second)
    whole = torch.cat([_columns(second, turns), (trained - first).flatten()[:, None]], 1)
    left = whole - beside @ _least_squares(beside, whole)
    turned, change = left[:, :-1], left[:, -1:]
    sizes = turned.square().sum(0)
    return torch.where(sizes > NOTHING * second.square().sum(), (turned * change).sum(0) / sizes, 0.0)


def _columns(means: Tensor, turns: Mapping[str, Turn]) -> Tensor:
    """What each turn changes in the mean pictures, a column each."""
    return torch.stack([(turn(means) - means).flatten() for turn in turns.values()], 1)


def _beside(means: Tensor) -> Tensor:
    """What contrast or wrong labels, blur and shifts, which are no turns, change in them, a column each."""
    wide = functional.pad(means, (1, 1, 1, 1), mode="replicate")
    blurred = functional.avg_pool2d(wide, 3, 1)
    across, down = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2], wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    columns = (means, blurred - means, across, down)
    return torch.stack([column.flatten() for column in columns], 1)


def _least_squares(design: Tensor, wanted: Tensor) -> Tensor:
    solution: Tensor = torch.linalg.lstsq(design, wanted, driver="gelsd").solution
    return solution


def _likeness(turned: Tensor, means: Tensor) -> tuple[Tensor, Tensor]:
    """(correlation [K] of each turned mean picture with its own class's, the highest with that of another class)."""
    rows, reference = (functional.normalize(each.flatten(1), dim=1) for each in (turned, means))
    likeness = rows @ reference.T
    own = likeness.diagonal().clone()
    others = likeness.fill_diagonal_(-1).max(1).values
    return own, others


# Targets that are pictures -------------------------------------------------------------------------------------------

TELLING = 0.1
"""Correlation of a picture's channel with the target at the same place, from which on it tells something of it."""
CONTRAST = 0.3
"""Share of that correlation that must be lost when the picture is turned."""


def _covariance(pictures: Tensor, targets: Tensor) -> Tensor:
    """Over samples, at the same place, the mean over places; ``pictures`` [N, 1, H, W], ``targets`` [N, H, W]."""
    x, y = pictures.double().squeeze(1), targets.double()
    return ((x - x.mean(0)) * (y - y.mean(0))).mean()


def _telling_channel(pictures: Tensor, targets: Tensor) -> tuple[int, int] | None:
    """The channel of the picture and that of the target that tell most of one another at the same place."""
    x, y = pictures.double() - pictures.double().mean(0), targets.double() - targets.double().mean(0)
    shared = torch.einsum("nchw,nkhw->ck", x, y).abs()
    sizes = torch.einsum("nchw->c", x.square())[:, None] * torch.einsum("nkhw->k", y.square())[None]
    correlation = shared / sizes.sqrt().clamp_min(1e-12)
    best = int(correlation.argmax())
    if not float(correlation.flatten()[best]) >= TELLING:
        return None
    return best // correlation.shape[1], best % correlation.shape[1]
