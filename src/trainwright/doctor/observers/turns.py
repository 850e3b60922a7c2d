"""Pictures of training and evaluation with their targets: whether mirroring or turning made the targets wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainwright.doctor.finite import is_finite
from trainwright.doctor.observers import directions
from trainwright.doctor.observers.turned import Turn, turned_classes, turned_dense, turned_one_way, turned_values
from trainwright.measures.turns import PictureTurns, SimilarPictures, TurnedClasses

MOST_TRAINED, MOST_EVALUATED = 800, 400
"""Pictures that are kept of training and of the evaluation."""
GROWN = 1.5
"""Factor by which their number must have grown before they are judged again."""
FEWEST = 60
SIDE, LENGTH = 16, 32
"""Pixels along each side to which pictures are reduced, numbers along each axis for signals."""
SMALLEST, FEWEST_CHANNELS = 8, 5
"""Pixels of a picture along each side; what has fewer along its last axis has its channels there."""
NEAR = 0.9
"""Share of the evaluation's pictures whose most similar other one is as near as what counts as similar."""
MOST_VALUES = 16
"""Numbers of a target up to which each is taken for a target of its own: boxes, corners, angles."""
OFF = 0.3
"""Difference of two values, in standard deviations of all, from which on they are different targets."""
TURNS: dict[str, Turn] = {
    "mirrored left to right": lambda x: x.flip(-1),
    "mirrored top to bottom": lambda x: x.flip(-2),
    "turned by 180°": lambda x: x.flip(-1, -2),
    "turned by 90°": lambda x: torch.rot90(x, 1, (-2, -1)),
    "turned by 270°": lambda x: torch.rot90(x, -1, (-2, -1)),
    "transposed": lambda x: x.transpose(-2, -1),
}


SIGNAL_TURNS: dict[int, tuple[str, Turn]] = {
    -1: ("reversed along the last axis", lambda x: x.flip(-1)),
    -2: ("reversed along the second axis", lambda x: x.flip(-2)),
}
"""By the axis that is reversed."""
MOST_CHANNELS = 8
"""Columns (or rows) of a signal up to which they are channels."""


class Pictures:
    """The first pictures (or signals) of one part of the data, reduced, with a target each; ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pictures: list[Tensor] = []
        self._directions: list[Tensor] = []
        self._targets: list[Tensor] = []
        self.n, self.are_signals, self.are_flat = 0, False, False

    @torch.no_grad()
    def add(self, inputs: Tensor, targets: Tensor) -> None:
        """``inputs`` [N, C, H, W], [N, H, W], [N, T, F] or [N, F] with ``targets`` [N], [N, 1], a few numbers each, or
        as wide and high as the pictures; anything else is passed over."""
        pictures = _as_pictures(inputs) if inputs.is_floating_point() and self.n < self._most else None
        if pictures is None or not (is_finite(pictures) and is_finite(targets)):
            return
        most = LENGTH if (are_signals := inputs.dim() != 4 and pictures.shape[2] != pictures.shape[3]) else SIDE
        kept = _as_targets(targets, pictures, most)
        whole, pictures = pictures, _reduced(pictures, most)
        if kept is None or (self._pictures and self._pictures[0].shape[1:] != pictures.shape[1:]):
            return
        if self._targets and self._targets[0].shape[1:] != kept.shape[1:]:
            return
        self.are_signals, self.are_flat = are_signals, inputs.dim() != 4
        self._pictures.append(pictures.cpu())
        if not are_signals and min(whole.shape[2:]) >= directions.SMALLEST:
            self._directions.append(directions.directions(whole).cpu())
        self._targets.append(kept.cpu())
        self.n += len(inputs)

    def together(self) -> tuple[Tensor, Tensor] | None:
        """Pictures [N, C, H, W] and their targets [N], [N, K] or [N, K, H, W]; None where there are too few."""
        return (torch.cat(self._pictures), torch.cat(self._targets)) if self.n >= FEWEST else None

    def directed(self) -> tuple[Tensor, Tensor] | None:
        """The directions of what is drawn in the same pictures, with the same targets; None for small ones."""
        return (torch.cat(self._directions), torch.cat(self._targets)) if self._directions else None


def _as_pictures(inputs: Tensor) -> Tensor | None:
    """As [N, C, H, W]; None where it is no picture and no signal."""
    x = inputs.detach().float()
    if x.dim() == 4 and x.shape[-1] < FEWEST_CHANNELS:
        x = x.movedim(-1, 1)
    if x.dim() == 4:
        return x if min(x.shape[2:]) >= SMALLEST else None
    if x.dim() == 3:
        return x[:, None] if max(x.shape[1:]) >= SMALLEST else None
    side = math.isqrt(x[0].numel()) if x.dim() == 2 and len(x) else 0
    return x.reshape(len(x), 1, side, side) if side >= SMALLEST and side**2 == x.shape[1] else None


def _as_targets(targets: Tensor, pictures: Tensor, most: int) -> Tensor | None:
    """One number for each picture [N], a few numbers [N, K], or a picture each [N, K, H, W], reduced alike; None where
    it is none of them."""
    targets = targets.detach()
    if targets.numel() == len(pictures):
        return targets.reshape(-1)
    if not targets.dim() or len(targets) != len(pictures):
        return None
    if targets.is_floating_point() and targets[0].numel() <= MOST_VALUES:
        return targets.flatten(1)
    if targets.dim() not in (3, 4) or targets.shape[-2:] != pictures.shape[-2:]:
        return None
    return _reduced(targets.reshape(len(targets), -1, *targets.shape[-2:]).float(), most)


def _reduced(pictures: Tensor, most: int) -> Tensor:
    size = min(most, pictures.shape[2]), min(most, pictures.shape[3])
    return functional.adaptive_avg_pool2d(pictures, size)


def _different(pictures: Tensor, targets: Tensor) -> tuple[Tensor, Tensor] | None:
    """Each picture once; None where there are too few."""
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
        """The turns that best explain targets which do not suit their pictures."""
        n = min(self.trained.n, self.evaluated.n) and self.trained.n + self.evaluated.n
        if n > GROWN * self._n_judged:
            self._n_judged, self._found = n, self._judge()
        if self._found is not None:
            yield self._found

    def _judge(self) -> PictureTurns | None:
        trained, evaluated = self.trained.together(), self.evaluated.together()
        if trained is None or evaluated is None or not _alike(trained, evaluated):
            return None
        turns = _turns(evaluated[0], signals=self.evaluated.are_signals)
        if self.evaluated.are_signals:  # what is measured in large units would hide the rest
            spread = _spread_of_channels(evaluated[0])
            trained, evaluated = ((signals / spread, targets) for signals, targets in (trained, evaluated))
        if evaluated[1].dim() == 4:
            dense = turned_dense(trained, evaluated, turns)
            return None if dense is None else PictureTurns(similar=None, classes=None, directions=None, dense=dense)
        # The signs of all channels together are one loss of contrast: they are told one by one.
        share_of = turned_one_way if self.evaluated.are_signals else turned_classes
        if evaluated[1].dim() == 2:
            classes = turned_values(trained, evaluated, turns, share_of)
            return None if classes is None else PictureTurns(similar=None, classes=classes, directions=None, dense=None)
        first, second = _different(*trained), _different(*evaluated)
        similar = None if self.evaluated.are_flat or first is None or second is None else _similar(first, second, turns)
        classes = share_of(trained, evaluated, turns)
        found = PictureTurns(similar=similar, classes=classes, directions=self._directed(turns), dense=None)
        return None if similar is None and classes is None else found

    def _directed(self, turns: Mapping[str, Turn]) -> TurnedClasses | None:
        trained, evaluated = self.trained.directed(), self.evaluated.directed()
        if trained is None or evaluated is None:
            return None
        return turned_one_way(trained, evaluated, directions.directed(turns))


def _alike(trained: tuple[Tensor, Tensor], evaluated: tuple[Tensor, Tensor]) -> bool:
    """Whether pictures and targets of both parts can be compared, and the targets differ among themselves."""
    same = all(a.shape[1:] == b.shape[1:] for a, b in zip(trained, evaluated, strict=True))
    numbers = trained[1].is_floating_point() == evaluated[1].is_floating_point()
    return same and numbers and len(torch.unique(evaluated[1])) >= 2


def _turns(pictures: Tensor, *, signals: bool) -> dict[str, Turn]:
    """The turns that keep the shape of ``pictures`` [N, C, H, W] and can change them."""
    if signals:
        channels = _axis_of_channels(pictures)
        return dict(turn for axis, turn in SIGNAL_TURNS.items() if axis != channels) | _signs(pictures, channels)
    square = pictures.shape[-1] == pictures.shape[-2]
    return dict(list(TURNS.items())[: len(TURNS) if square else 3])


def _axis_of_channels(signals: Tensor) -> int:
    """The axis of ``signals`` [N, 1, T, F] along which there are few; 0 where there are many along both."""
    axis = min((-1, -2), key=lambda each: signals.shape[each])
    return axis if signals.shape[axis] <= MOST_CHANNELS else 0


def _spread_of_channels(signals: Tensor) -> Tensor:
    """Standard deviation of each channel over samples and time, in a shape that divides ``signals``."""
    axis = _axis_of_channels(signals)
    if not axis:
        return torch.ones(())
    spread = signals.std((0, -1 if axis == -2 else -2), keepdim=True)
    return torch.where(spread > 0, spread, 1.0)


def _signs(signals: Tensor, axis: int) -> dict[str, Turn]:
    """Changing the sign of one of the few channels along an axis (0: there are none): a mirror for what is measured
    along an axis of space. Of a single one it is no other than a loss of contrast."""
    n = signals.shape[axis] if axis else 0
    return {f"changed in the sign of channel {k}": _Sign(axis, k) for k in range(n if n > 1 else 0)}


@dataclass(frozen=True)
class _Sign:
    axis: int
    place: int

    def __call__(self, signals: Tensor) -> Tensor:
        signs = torch.ones(signals.shape[self.axis], dtype=signals.dtype)
        signs[self.place] = -1
        return signals * (signs if self.axis == -1 else signs[:, None])


def _similar(
    trained: tuple[Tensor, Tensor], evaluated: tuple[Tensor, Tensor], turns: Mapping[str, Turn]
) -> SimilarPictures:
    """Single pictures of training beside the most similar ones of the evaluation."""
    reference = _Reference(*evaluated)
    as_is = reference.similar(trained[0])
    turned = {name: reference.similar(turn(trained[0])) for name, turn in turns.items()}
    found = {name: reference.judge(as_is, each, trained[1]) for name, each in turned.items()}
    (best, (n_near, wrong, explained)), second = _ranked(found)
    control = reference.judge(reference.others, reference.similar(turns[best](evaluated[0]), same=True), evaluated[1])
    return SimilarPictures(
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
