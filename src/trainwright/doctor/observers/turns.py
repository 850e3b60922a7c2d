"""Pictures of training and evaluation with their targets: whether mirroring or turning made the targets wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainwright.measures.turns import PictureTurns

MOST_TRAINED, MOST_EVALUATED = 800, 400
"""Pictures that are kept of training and of the evaluation."""
GROWN = 1.5
"""Factor by which their number must have grown before they are judged again."""
FEWEST = 60
SIDE = 16
"""Pixels along each side to which pictures are reduced."""
NEAR = 0.9
"""Share of the evaluation's pictures whose most similar other one is as near as what counts as similar."""
OFF = 0.3
"""Difference of two values, in standard deviations of all, from which on they are different targets."""
TURNS: dict[str, Callable[[Tensor], Tensor]] = {
    "mirrored left to right": lambda x: x.flip(-1),
    "mirrored top to bottom": lambda x: x.flip(-2),
    "turned by 180°": lambda x: x.flip(-1, -2),
    "turned by 90°": lambda x: torch.rot90(x, 1, (-2, -1)),
    "turned by 270°": lambda x: torch.rot90(x, -1, (-2, -1)),
    "transposed": lambda x: x.transpose(-2, -1),
}


class Pictures:
    """The first pictures of one part of the data, reduced, with a target each; ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pictures: list[Tensor] = []
        self._targets: list[Tensor] = []
        self.n = 0

    @torch.no_grad()
    def add(self, inputs: Tensor, targets: Tensor) -> None:
        """``inputs`` [N, C, H, W] with ``targets`` [N] or [N, 1]; anything else is passed over."""
        fits = inputs.dim() == 4 and inputs.is_floating_point() and min(inputs.shape[2:]) >= SIDE // 2
        if not fits or targets.numel() != len(inputs) or self.n >= self._most:
            return
        size = min(SIDE, inputs.shape[2]), min(SIDE, inputs.shape[3])
        pictures = functional.adaptive_avg_pool2d(inputs.detach().float(), size)
        if self._pictures and self._pictures[0].shape[1:] != pictures.shape[1:]:
            return
        self._pictures.append(pictures.cpu())
        self._targets.append(targets.detach().reshape(-1).cpu())
        self.n += len(inputs)

    def together(self) -> tuple[Tensor, Tensor] | None:
        """Different pictures [N, C, H, W] and their targets [N]; None where there are too few."""
        if self.n < FEWEST:
            return None
        pictures, targets = torch.cat(self._pictures), torch.cat(self._targets)
        _, group = torch.unique(pictures.reshape(len(pictures), -1), dim=0, return_inverse=True)
        first = {number: position for position, number in reversed(list(enumerate(group.tolist())))}
        kept = sorted(first.values())
        return (pictures[kept], targets[kept]) if len(kept) >= FEWEST else None


class Turns:
    """Observes pictures and targets of training and evaluation."""

    def __init__(self) -> None:
        self.trained, self.evaluated = Pictures(MOST_TRAINED), Pictures(MOST_EVALUATED)
        self._n_judged = 0
        self._found: PictureTurns | None = None

    def measurements(self) -> Iterator[PictureTurns]:
        """The turn that best explains targets which do not suit their pictures."""
        n = min(self.trained.n, self.evaluated.n) and self.trained.n + self.evaluated.n
        if n > GROWN * self._n_judged:
            self._n_judged, self._found = n, self._judge()
        if self._found is not None:
            yield self._found

    def _judge(self) -> PictureTurns | None:
        trained, evaluated = self.trained.together(), self.evaluated.together()
        if trained is None or evaluated is None or trained[0].shape[1:] != evaluated[0].shape[1:]:
            return None
        if trained[1].is_floating_point() != evaluated[1].is_floating_point() or len(torch.unique(evaluated[1])) < 2:
            return None
        reference = _Reference(*evaluated)
        square = evaluated[0].shape[-1] == evaluated[0].shape[-2]
        turns = dict(list(TURNS.items())[: len(TURNS) if square else 3])
        as_is = reference.similar(trained[0])
        turned = {name: reference.similar(turn(trained[0])) for name, turn in turns.items()}
        found = {name: reference.judge(as_is, each, trained[1]) for name, each in turned.items()}
        (best, (n_near, wrong, explained)), second = _ranked(found)
        control = reference.judge(
            reference.others, reference.similar(turns[best](evaluated[0]), same=True), evaluated[1]
        )
        return PictureTurns(
            turn=best,
            n_evaluation=len(evaluated[0]),
            unreadable=reference.unreadable,
            n_near=n_near,
            wrong=wrong,
            wrong_control=control[1],
            explained=explained,
            n_explained=round(n_near * wrong * explained),
            explained_else=second,
        )


def _ranked(
    found: dict[str, tuple[int, float, float]],
) -> tuple[tuple[str, tuple[int, float, float]], float]:
    ranked = sorted(found.items(), key=lambda item: item[1][2], reverse=True)
    return ranked[0], ranked[1][1][2]


@dataclass
class _Similar:
    """Of each picture the distance [N] to the one it looks like most, and that one's target [N]."""

    distance: Tensor
    targets: Tensor


class _Reference:
    """The pictures of the evaluation, with which others are compared."""

    def __init__(self, pictures: Tensor, targets: Tensor) -> None:
        self._rows, self._targets = _rows(pictures), targets
        self._off = OFF * float(targets.double().std()) if targets.is_floating_point() else 0.0
        self.others = self.similar(pictures, same=True)
        self._near = float(self.others.distance.quantile(NEAR))
        self.unreadable = float(self._differ(self.others.targets, targets).double().mean())

    def judge(self, as_is: _Similar, turned: _Similar, targets: Tensor) -> tuple[int, float, float]:
        """(number of pictures that look like others both ways, share of them with another target than what they look
        like, share of these with the target of what they look like after the turn)."""
        near = (as_is.distance <= self._near) & (turned.distance <= self._near)
        wrong = near & self._differ(as_is.targets, targets)
        explained = wrong & ~self._differ(turned.targets, targets)
        n_near, n_wrong, n_explained = (int(each.sum()) for each in (near, wrong, explained))
        return n_near, n_wrong / max(1, n_near), n_explained / max(1, n_wrong)

    def similar(self, pictures: Tensor, *, same: bool = False) -> _Similar:
        """What each picture looks like most; ``same``: they are those of the evaluation, and no picture is its own."""
        distances = 2 - 2 * _rows(pictures) @ self._rows.T
        if same:
            distances.fill_diagonal_(torch.inf)
        nearest = distances.min(1)
        return _Similar(nearest.values, self._targets[nearest.indices])

    def _differ(self, first: Tensor, second: Tensor) -> Tensor:
        return (first - second).abs() > self._off


def _rows(pictures: Tensor) -> Tensor:
    """Pictures as rows [N, F] of mean 0 and length 1, so that light and contrast do not count."""
    rows = pictures.reshape(len(pictures), -1)
    rows = rows - rows.mean(1, keepdim=True)
    return functional.normalize(rows, dim=1)
