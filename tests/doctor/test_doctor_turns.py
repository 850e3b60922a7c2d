"""Pictures whose targets fit what they were before they were mirrored or turned, on handwritten digits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from trainwright.core import Measurements, discover, judge
from trainwright.doctor.observers.turns import Turns
from trainwright.measures.turns import PictureTurns

IMAGES = torch.from_numpy(load_digits().images).float()[:, None] / 16
NAMES = torch.from_numpy(load_digits().target)


CHANGED = torch.isin(NAMES, torch.tensor([2, 3, 5, 6, 7, 9]))
Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def half(count: int, seed: int = 1) -> Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(seed)) < 0.5


def mirror(images: Tensor, which: Tensor) -> Tensor:
    return torch.where(which[:, None, None, None], images.flip(-1), images)


def names_kept(images: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    return mirror(images, half(len(images))), names


def names_swapped(images: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    which = half(len(images))
    return mirror(images, which), torch.where(which, 1 - names, names)


def as_they_are(images: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    return images, names


def wrong_names(images: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    shuffled = names[torch.randperm(len(names), generator=torch.Generator().manual_seed(2))]
    return images, torch.where(half(len(images)), shuffled, names)


def scans() -> tuple[Tensor, Tensor]:
    """Digits of which a random half is mirrored; the target says which."""
    which = half(int(CHANGED.sum()), seed=3)
    return mirror(IMAGES[CHANGED], which), which.long()


def measured(data: tuple[Tensor, Tensor], change: Change) -> tuple[PictureTurns, list[str]]:
    images, names = data
    middle = len(images) // 2
    turns = Turns()
    changed, kept = change(images[:middle], names[:middle])
    for part in range(0, middle, 16):
        turns.trained.add(changed[part : part + 16], kept[part : part + 16])
    for _ in range(2):  # epochs
        turns.evaluated.add(images[middle:], names[middle:])
    (found,) = turns.measurements()
    verdict = judge([discover()["TW606"]], Measurements([found]))
    return found, [finding.code for finding in verdict.findings]


@pytest.mark.parametrize(
    ("data", "change", "fires"),
    [
        (scans(), as_they_are, False),
        (scans(), names_kept, True),
        (scans(), names_swapped, False),
        ((IMAGES, NAMES), names_kept, False),
        ((IMAGES, NAMES), wrong_names, False),
        ((IMAGES, NAMES), as_they_are, False),
    ],
    ids=["scans", "kept", "swapped", "digits mirrored", "digits misnamed", "digits"],
)
def test_mirrored_pictures_that_mean_something_else_are_found(
    data: tuple[Tensor, Tensor], change: Change, fires: bool
) -> None:
    found, codes = measured(data, change)
    assert codes == ["TW606"] * fires
    assert found.unreadable < 0.1
    if fires:
        assert found.turn == "mirrored left to right"
        assert found.explained > 0.9
        assert found.wrong == pytest.approx(0.5, abs=0.1)


def test_readings_are_compared_by_their_distance() -> None:
    places = torch.linspace(0, 20, 400)
    columns = torch.arange(24.0)
    pictures = torch.exp(-((columns - 2 - places[:, None]) ** 2) / 4)[:, None, None, :].expand(-1, 1, 10, -1)
    mirrored = mirror(pictures, half(400))
    turns = Turns()
    turns.trained.add(mirrored[::2], places[::2, None])
    turns.evaluated.add(pictures[1::2], places[1::2])
    (found,) = turns.measurements()
    assert (found.turn, found.wrong > 0.3, found.explained > 0.9) == ("mirrored left to right", True, True)


def test_what_cannot_be_compared_is_passed_over() -> None:
    turns = Turns()
    turns.trained.add(IMAGES[:200].flatten(1), NAMES[:200])
    turns.trained.add(IMAGES[:200], NAMES[:100])
    turns.evaluated.add(IMAGES[:200], NAMES[:200])
    assert list(turns.measurements()) == []
