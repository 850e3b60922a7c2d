"""Folders of images, healthy and broken."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainwright.core.errors import DataError
from trainwright.data.sources import load
from trainwright.data.splits import make_splits


def picture(seed: int, shape: tuple[int, ...] = (20, 16, 3)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label in ("cats", "dogs"):
        (tmp_path / label).mkdir()
        for i in range(4):
            picture(i).save(tmp_path / label / f"{i}.png")
    return tmp_path


def test_classes_sizes_and_origin(folder: Path) -> None:
    data = load(str(folder))
    assert data.inputs.shape == (8, 3, 20, 16)  # one small size: left as it is
    assert data.inputs.max() > 200
    assert data.class_names == ("cats", "dogs")
    assert data.origin[0] == "cats/0.png"
    assert load(str(folder), image_size=12).inputs.shape == (8, 3, 12, 12)
    picture(9, (300, 200, 3)).save(folder / "cats" / "large.jpg")
    assert load(str(folder)).inputs.shape[2:] == (20, 20)  # the median side


def test_broken_files_are_listed_and_never_raise(folder: Path) -> None:
    cats = folder / "cats"
    jpeg = cats / "whole.jpg"
    picture(5, (60, 60, 3)).save(jpeg)
    (cats / "half.jpg").write_bytes(jpeg.read_bytes()[: jpeg.stat().st_size // 2])
    (cats / "empty.png").write_bytes(b"")
    (cats / "page.jpg").write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")
    (cats / "noise.gif").write_bytes(bytes(range(256)) * 4)
    png = (cats / "0.png").read_bytes()
    (cats / "cut.png").write_bytes(png[: len(png) // 2])
    (cats / "bomb.png").write_bytes(bomb())
    (cats / "notes.txt").write_text("not a picture")
    (cats / ".hidden.png").write_bytes(b"")
    data = load(str(folder))
    reasons = {Path(f.path).name: f.reason for f in data.unreadable}
    assert set(reasons) == {"half.jpg", "empty.png", "page.jpg", "noise.gif", "cut.png", "bomb.png"}
    assert "empty" in reasons["empty.png"]
    assert "web page" in reasons["page.jpg"]
    assert "too large" in reasons["bomb.png"]
    assert len(data) == 9
    assert any("1 files with other endings" in note for note in data.notes)


def bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_modes_are_brought_to_grey_or_colour(folder: Path) -> None:
    cats = folder / "cats"
    picture(1, (20, 16)).save(cats / "grey.png")
    picture(1).quantize(16).save(cats / "palette.png")
    Image.new("RGBA", (16, 20), (255, 0, 0, 0)).save(cats / "clear.png")
    picture(2).convert("CMYK").save(cats / "cmyk.jpg")
    Image.fromarray(np.full((20, 16), 40_000, dtype=np.uint16)).save(cats / "deep.png")
    picture(3).save(cats / "moving.gif", save_all=True, append_images=[picture(4)])
    data = load(str(folder))
    assert not data.unreadable
    pixels = dict(zip(data.origin, data.inputs, strict=True))
    assert (pixels["cats/clear.png"] == 255).all()
    assert pixels["cats/deep.png"][0, 0, 0] == pytest.approx(40_000 / 65_535 * 255, abs=1)
    assert any("animations" in note for note in data.notes)


def test_grey_pictures_stay_grey(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        picture(ord(label), (10, 10)).save(tmp_path / label / "l.png")
        picture(ord(label), (10, 10)).convert("RGB").save(tmp_path / label / "rgb.png")
    data = load(str(tmp_path))
    assert data.inputs.shape == (4, 1, 10, 10)
    assert data.feature_names == ("grey",)


def test_pictures_are_turned_upright(folder: Path) -> None:
    upright = picture(7, (16, 20, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(folder / "cats" / "turned.png", exif=exif)
    upright.save(folder / "cats" / "upright.png")
    data = load(str(folder), image_size=16)
    pixels = dict(zip(data.origin, data.inputs, strict=True))
    assert (pixels["cats/turned.png"] == pixels["cats/upright.png"]).all()


def test_split_folders_are_respected(tmp_path: Path) -> None:
    for split, n in (("train", 6), ("val", 2), ("test", 2)):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            for i in range(n):
                picture(i, (8, 8)).save(tmp_path / split / label / f"{i}.png")
    splits = make_splits(load(str(tmp_path)), validation=0.3, test=0.3, stratify=True, seed=0)
    assert [len(rows) for _, rows in splits.items()] == [12, 4, 4]


def test_folders_without_classes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable image"):
        load(str(tmp_path))
    (tmp_path / "only").mkdir()
    picture(0).save(tmp_path / "only" / "0.png")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"only one class, 'only'.*1 image files could not be read.*empty"):
        load(str(tmp_path))
