"""Pictures whose targets fit what they were before they were mirrored or turned, on handwritten digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional

from trainwright.core import Measurements, discover, judge
from trainwright.doctor.observers import directions
from trainwright.doctor.observers.turns import TURNS, Turns
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


def measured(data: tuple[Tensor, Tensor], change: Change) -> PictureTurns:
    images, names = data
    middle = len(images) // 2
    turns = Turns()
    changed, kept = change(images[:middle], names[:middle])
    for part in range(0, middle, 16):
        turns.trained.add(changed[part : part + 16], kept[part : part + 16])
    for _ in range(2):  # epochs
        turns.evaluated.add(images[middle:], names[middle:])
    (found,) = turns.measurements()
    return found


def judged(found: PictureTurns) -> list[str]:
    verdict = judge([discover()["TW606"]], Measurements([found]))
    return [f"{finding.severity.name} {finding.code}" for finding in verdict.findings]


def shuffled_digits() -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(IMAGES), generator=torch.Generator().manual_seed(4))
    return IMAGES[order], NAMES[order]


def turned_names_kept(images: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    return torch.where(half(len(images))[:, None, None, None], images.flip(-1, -2), images), names


@pytest.mark.parametrize(
    ("data", "change", "fires"),
    [
        (scans(), as_they_are, False),
        (scans(), names_kept, True),
        (scans(), names_swapped, False),
        ((IMAGES, NAMES), wrong_names, False),
        ((IMAGES, NAMES), as_they_are, False),
    ],
    ids=["scans", "kept", "swapped", "digits misnamed", "digits"],
)
def test_mirrored_pictures_that_mean_something_else_are_found(
    data: tuple[Tensor, Tensor], change: Change, fires: bool
) -> None:
    found = measured(data, change)
    assert judged(found) == judged(replace(found, classes=None)) == ["WARNING TW606"] * fires
    assert found.similar is not None
    assert found.similar.unreadable < 0.1
    if fires:
        assert found.similar.turn == "mirrored left to right"
        assert found.similar.explained > 0.9
        assert found.similar.wrong == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("change", "turn"), [(turned_names_kept, "turned by 180°"), (names_kept, "mirrored left to right")]
)
@pytest.mark.parametrize("flat", [False, True], ids=["pictures", "rows"])
def test_turned_digits_are_seen_in_the_mean_picture_of_each_class(change: Change, turn: str, flat: bool) -> None:
    images, names = shuffled_digits()

    def flattened(images: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
        images, names = change(images, names)
        return images.flatten(1), names

    if not flat:
        found = measured((images, names), change)
    else:
        turns = Turns()
        turns.trained.add(*flattened(images[:900], names[:900]))
        turns.evaluated.add(images[900:].flatten(1), names[900:])
        (found,) = turns.measurements()
    assert found.classes is not None
    assert found.classes.turn == turn
    assert found.classes.share == pytest.approx(0.5, abs=0.1)
    assert judged(found) == ["WARNING TW606"]


def test_a_dimmer_noisier_shifted_training_is_not_turned() -> None:
    images, names = shuffled_digits()
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(5))
    moved = images.roll((1, -1), (-2, -1))
    for changed in (0.3 * images, images + noise, moved, functional.avg_pool2d(images, 3, 1, 1)):
        turns = Turns()
        turns.trained.add(changed[:900], names[:900])
        turns.evaluated.add(images[900:], names[900:])
        (found,) = turns.measurements()
        assert judged(found) == []


@pytest.mark.parametrize(("alone", "fires"), [(True, True), (False, False)])
def test_pictures_that_are_turned_without_the_picture_that_is_their_target(alone: bool, fires: bool) -> None:
    images, _ = shuffled_digits()
    masks = (images > 0.5).float()
    which = half(900)
    turns = Turns()
    turns.trained.add(mirror(images[:900], which), masks[:900] if alone else mirror(masks[:900], which))
    turns.evaluated.add(images[900:], masks[900:].squeeze(1))
    (found,) = turns.measurements()
    assert judged(found) == ["WARNING TW606"] * fires
    if fires:
        assert found.dense is not None
        assert found.dense.share == pytest.approx(0.5, abs=0.1)


def test_signals_that_are_reversed_in_time_are_found() -> None:
    generator = torch.Generator().manual_seed(0)
    kinds = torch.arange(400) % 4
    places = torch.linspace(-1, 1, 100)
    courses = torch.stack([places, -places, torch.exp(-8 * (places - 0.5) ** 2), torch.exp(-8 * (places + 0.5) ** 2)])
    signals = courses[kinds] + 0.5 * torch.randn(400, 100, generator=generator)
    reversed_ = torch.where(half(400)[:, None], signals.flip(-1), signals)
    for trained, fires in ((reversed_, True), (signals, False)):
        turns = Turns()
        turns.trained.add(trained[:250, None], kinds[:250])
        turns.evaluated.add(signals[250:, None], kinds[250:])
        (found,) = turns.measurements()
        assert judged(found) == ["WARNING TW606"] * fires


def test_readings_are_compared_by_their_distance() -> None:
    places = torch.linspace(0, 20, 400)
    columns = torch.arange(24.0)
    pictures = torch.exp(-((columns - 2 - places[:, None]) ** 2) / 4)[:, None, None, :].expand(-1, 1, 10, -1)
    mirrored = mirror(pictures, half(400))
    turns = Turns()
    turns.trained.add(mirrored[::2], places[::2, None])
    turns.evaluated.add(pictures[1::2], places[1::2])
    (found,) = turns.measurements()
    assert found.similar is not None
    seen = found.similar.turn, found.similar.wrong > 0.3, found.similar.explained > 0.9
    assert seen == ("mirrored left to right", True, True)
    assert judged(found) == ["WARNING TW606"]


def test_what_cannot_be_compared_is_passed_over() -> None:
    turns = Turns()
    turns.trained.add(IMAGES[:200].flatten(1)[:, :60], NAMES[:200])
    turns.trained.add(IMAGES[:200], NAMES[:100])
    turns.evaluated.add(IMAGES[:200], NAMES[:200])
    assert list(turns.measurements()) == []


@pytest.mark.parametrize("seed", range(6))
def test_few_pictures_of_an_evaluation_by_other_writers_are_no_turn(seed: int) -> None:
    n = 70 + 40 * seed
    turns = Turns()
    turns.trained.add(IMAGES[n : n + 800], NAMES[n : n + 800])
    turns.evaluated.add(IMAGES[:n], NAMES[:n])
    (found,) = turns.measurements()
    assert judged(found) == []


def striped(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Stripes of 24 by 24 pixels that begin anywhere: in the upper half to the left, to the right or flat, in the lower
    one flat; all with noise."""
    generator = torch.Generator().manual_seed(seed)
    names = torch.randint(3, (count,), generator=generator)
    angles = torch.tensor([0.8, -0.8, 0.0])[names] + 0.1 * torch.randn(count, generator=generator)
    phases = 6.3 * torch.rand(count, generator=generator)
    down, across = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    upper = angles[:, None, None] * (down < 12)
    along = upper.cos() * down + upper.sin() * across
    noise = 0.5 * torch.randn(count, 24, 24, generator=generator)
    return (torch.sin(along + phases[:, None, None]) + noise)[:, None], names


def stripes_swapped(images: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    which = half(len(images))
    return mirror(images, which), torch.where(which, torch.tensor([1, 0, 2])[names], names)


@pytest.mark.parametrize(
    ("change", "fires"), [(as_they_are, False), (names_kept, True), (stripes_swapped, False), (wrong_names, False)]
)
def test_mirrored_stripes_are_seen_by_their_directions(change: Change, fires: bool) -> None:
    found = measured(striped(900, seed=6), change)
    assert judged(found) == ["WARNING TW606"] * fires
    assert judged(replace(found, directions=None)) == []
    assert found.directions is not None
    if fires:
        assert found.directions.turn == "mirrored left to right"
        assert found.directions.share == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("likeness", "fires"), [(0.9, True), (0.6, False)])
def test_a_smaller_share_is_enough_where_turned_classes_hardly_differ_from_others(likeness: float, fires: bool) -> None:
    found = measured(striped(900, seed=6), names_kept)
    assert found.directions is not None
    few = replace(found.directions, share=0.16, total=0.16, error=0.027, taken=(likeness, likeness))
    assert judged(replace(found, directions=few)) == ["WARNING TW606"] * fires


@pytest.mark.parametrize("turn", TURNS)
def test_directions_turn_as_their_picture_does(turn: str) -> None:
    image = functional.interpolate(IMAGES[:5], size=(34, 34), mode="bilinear")
    straight, turned = directions.directions(image), directions.directions(TURNS[turn](image))
    torch.testing.assert_close(directions.directed(TURNS)[turn](straight), turned)


def walks(count: int = 900) -> tuple[Tensor, Tensor]:
    """Steps [N, 40, 3] to the east or west, then to the north or south, with a third channel of noise in larger units;
    the target says which of four ways."""
    numbers = torch.Generator().manual_seed(5)
    ways = torch.randint(4, (count,), generator=numbers)
    steps = torch.randn(count, 40, 3, generator=numbers) * torch.tensor([1.0, 1.0, 30.0])
    steps[:, :20, 0] += (2.0 * (ways % 2) - 1)[:, None]
    steps[:, 20:, 1] += (2.0 * (ways // 2) - 1)[:, None]
    return steps, ways


def sign_changed(signals: Tensor, ways: Tensor) -> tuple[Tensor, Tensor]:
    mirrored = signals * torch.tensor([-1.0, 1.0, 1.0])
    return torch.where(half(len(signals))[:, None, None], mirrored, signals), ways


def noisier(signals: Tensor, ways: Tensor) -> tuple[Tensor, Tensor]:
    noise = torch.randn(signals.shape, generator=torch.Generator().manual_seed(6))
    return 1.3 * signals + 0.5 * noise, ways


def test_a_channel_with_another_sign_makes_it_another_way() -> None:
    found = measured(walks(), sign_changed)
    assert found.classes is not None
    assert found.classes.turn == "changed in the sign of channel 0"
    assert found.classes.share == pytest.approx(0.5, abs=0.1)
    assert judged(found) == ["WARNING TW606"]


def test_sound_walks_are_passed() -> None:
    assert judged(measured(walks(), as_they_are)) == []
    assert judged(measured(walks(), noisier)) == []


def test_falls_that_are_played_backwards_are_rises() -> None:
    numbers = torch.Generator().manual_seed(7)
    ways = torch.randint(3, (900,), generator=numbers)  # down, level, up
    ramps = torch.linspace(-1, 1, 50)[:, None] * (ways - 1.0)[:, None, None] + (ways == 1)[:, None, None]
    signals = ramps * torch.tensor([1.0, 0.2]) + 0.5 * torch.randn(900, 50, 2, generator=numbers)

    def backwards(signals: Tensor, ways: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(half(len(signals))[:, None, None], signals.flip(1), signals), ways

    found = measured((signals, ways), backwards)
    assert found.classes is not None
    assert found.classes.turn == "reversed along the second axis"
    assert judged(found) == ["WARNING TW606"]
    assert judged(measured((signals, ways), as_they_are)) == []


def places() -> tuple[Tensor, Tensor]:
    """Digits somewhere along a line on a larger sheet, with the place of their middle and their size."""
    generator = torch.Generator().manual_seed(5)
    images, _ = shuffled_digits()
    corners = torch.randint(0, 17, (len(images), 2), generator=generator) * torch.tensor([1, 0])
    sheets = torch.zeros(len(images), 1, 24, 24)
    for sheet, image, (x, y) in zip(sheets, images, corners.tolist(), strict=True):
        sheet[:, y : y + 8, x : x + 8] = image
    return sheets, torch.cat([(corners + 4) / 24, torch.full((len(images), 2), 1 / 3)], 1)


def places_mirrored_too(images: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    which = half(len(images))
    flipped = boxes * torch.tensor([-1, 1, 1, 1]) + torch.tensor([1, 0, 0, 0])
    return mirror(images, which), torch.where(which[:, None], flipped, boxes)


@pytest.mark.parametrize(("change", "fires"), [(names_kept, True), (places_mirrored_too, False), (as_they_are, False)])
def test_boxes_that_stay_where_mirrored_pictures_were_are_found(change: Change, fires: bool) -> None:
    found = measured(places(), change)
    assert judged(found) == ["WARNING TW606"] * fires
    assert found.similar is None
    assert found.classes is not None
    assert found.classes.turn == "mirrored left to right"
    assert found.classes.share == pytest.approx(0.5 * fires, abs=0.15)


def test_a_yes_or_no_for_each_class_is_no_target_of_several_numbers() -> None:
    images, names = shuffled_digits()
    turns = Turns()
    turns.trained.add(images[:900], functional.one_hot(names[:900], 10).float())
    turns.evaluated.add(images[900:], functional.one_hot(names[900:], 10).float())
    assert list(turns.measurements()) == []


def test_what_all_classes_have_in_common_is_no_turn() -> None:
    """Recordings of the evaluation that begin quietly, as those that are cut from the start of a tape do."""
    generator = torch.Generator().manual_seed(7)
    names = torch.randint(0, 8, (1600,), generator=generator)
    begins = torch.rand(1600, 2, 1, generator=generator)
    time = torch.arange(64) / 64
    waves = torch.sin(torch.pi * time) * (1 + 0.5 * torch.sin(2 * torch.pi * (time + begins)))
    middle = len(waves) // 2
    waves[middle:] *= torch.linspace(0, 1, 64)

    assert judged(measured((waves, names), as_they_are)) == []
