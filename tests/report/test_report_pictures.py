"""Pictures: every kind of sample, any range, readable labels, and errors that name the shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trainwright.core import DataError
from trainwright.data.dataset import Kind
from trainwright.report.pictures import BAD, MARK, filters, mosaic, samples_picture

RNG = np.random.default_rng(0)
SHAPES = {Kind.IMAGE: (6, 3, 9, 7), Kind.TABLE: (6, 5), Kind.SEQUENCE: (6, 20, 2)}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def has(path: Path, color: tuple[int, int, int]) -> bool:
    return bool((pixels(path) == np.array(color)).all(axis=-1).any())


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_sample_is_drawn(kind: Kind, tmp_path: Path) -> None:
    inputs = RNG.normal(size=SHAPES[kind])
    marked = [False, True] * 3
    plain = samples_picture(inputs, [str(i) for i in range(6)], kind, tmp_path / "plain.png")
    framed = samples_picture(inputs, [str(i) for i in range(6)], kind.value, tmp_path / "framed.png", highlight=marked)
    assert not has(plain, MARK)
    assert has(framed, MARK)
    assert pixels(plain).shape == pixels(framed).shape


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("fill", [np.nan, np.inf, 0.0])
def test_samples_without_any_information_are_drawn_too(kind: Kind, fill: float, tmp_path: Path) -> None:
    path = samples_picture(np.full(SHAPES[kind], fill), ["a"] * 6, kind, tmp_path / "p.png")
    assert pixels(path).size


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 16), (0, 255), (-3, 3), (1e6, 2e6)])
def test_any_range_becomes_black_to_white(low: float, high: float, tmp_path: Path) -> None:
    ramp = np.linspace(low, high, 16).reshape(1, 4, 4)
    found = pixels(mosaic(ramp, ["x"], tmp_path / "p.png", scale=8))
    assert found.min() == 0
    assert found.max() == 255


def test_a_single_wild_pixel_does_not_turn_the_sheet_black(tmp_path: Path) -> None:
    images = RNG.uniform(0, 1, size=(64, 12, 12))
    images[0, 0, 0] = 1e6
    assert pixels(mosaic(images, [""] * 64, tmp_path / "p.png")).mean() > 60


def test_pixels_that_are_no_numbers_stand_out(tmp_path: Path) -> None:
    image = np.zeros((1, 4, 4))
    image[0, 1, 1] = np.nan
    assert has(mosaic(image, [""], tmp_path / "p.png"), BAD)


def test_one_image_keeps_its_pixels(tmp_path: Path) -> None:
    image = np.array([[[0, 1], [1, 0]]])
    found = pixels(mosaic(image, [""], tmp_path / "p.png", scale=10))
    assert found[8 + 5, 8 + 5].tolist() == [0, 0, 0]
    assert found[8 + 5, 8 + 15].tolist() == [255, 255, 255]


def test_large_images_are_shrunk(tmp_path: Path) -> None:
    assert pixels(mosaic(RNG.random((2, 3, 600, 400)), ["a", "b"], tmp_path / "p.png")).shape[0] < 200


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_filters_of_any_depth(channels: int, tmp_path: Path) -> None:
    weights = RNG.normal(size=(8, channels, 3, 3))
    assert pixels(filters(weights, tmp_path / "f.png")).std() > 10
    assert pixels(filters(np.zeros_like(weights), tmp_path / "z.png")).size


@settings(max_examples=25, deadline=None)
@given(label=st.text(max_size=60))
def test_any_label_can_be_written(label: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("labels") / "p.png"
    samples_picture(np.eye(4)[None], [label], Kind.IMAGE, path)
    samples_picture(np.ones((1, 3)), [label], Kind.TABLE, path, feature_names=[label] * 3)


def test_wide_and_long_tables_keep_to_the_page(tmp_path: Path) -> None:
    path = samples_picture(RNG.normal(size=(200, 3000)), ["row"] * 200, Kind.TABLE, tmp_path / "p.png")
    height, width, _ = pixels(path).shape
    assert width <= 1000
    assert height <= 1000


@pytest.mark.parametrize(
    ("inputs", "labels", "kind"),
    [
        (np.zeros((2, 3)), ["a", "b"], Kind.IMAGE),
        (np.zeros((2, 3)), ["a"], Kind.TABLE),
        (np.zeros((0, 3)), [], Kind.TABLE),
        (np.zeros((2, 3, 4, 5)), ["a", "b"], Kind.SEQUENCE),
    ],
)
def test_wrong_shapes_are_named(inputs: np.ndarray, labels: list[str], kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="A picture was given"):
        samples_picture(inputs, labels, kind, tmp_path / "p.png")
