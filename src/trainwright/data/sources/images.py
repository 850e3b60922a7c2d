"""Images from a folder with one folder per class."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainwright.core.errors import DataError
from trainwright.data.dataset import Dataset, Kind, Task, UnreadableFile

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
MIN_SIDE, MAX_SIDE = 4, 64
GREY_MODES = ("1", "L", "I", "I;16", "I;16L", "I;16B", "F")
DEEP = ("I;16", "I;16L", "I;16B", "I", "F")
"""Grey modes with more than 8 bits; brought to 0–255 by their own range."""


@dataclass(frozen=True)
class _File:
    path: Path
    split: str
    label: str


@dataclass(frozen=True)
class _Picture:
    file: _File
    pixels: npt.NDArray[np.uint8]  # [H, W] or [H, W, 3]
    size: tuple[int, int]  # width and height in the file
    remark: str


def load_image_folder(root: Path, *, image_size: int | None = None) -> Dataset:
    """Images [N, C, S, S] with pixels 0 to 255 from ``root/<class>/…``, or ``root/<split>/<class>/…``.

    All images are brought to ``image_size`` by ``image_size``; where None, images of one small size stay as they are
    and others are brought to their median side, at most 64. Files are turned upright by their EXIF mark. Transparency
    is laid over white, of animations the first frame is taken. Grey where every image is grey, RGB otherwise.
    A file that cannot be decoded to its end is listed in ``unreadable``.

    Raises ``DataError`` for a folder without two classes of readable images.
    """
    files = list(_find(root))
    n_other = sum(1 for f in root.rglob("*") if f.is_file() and not _hidden(f, root)) - len(files)
    shape = _common_shape(files, image_size)
    pictures: list[_Picture] = []
    unreadable: list[UnreadableFile] = []
    for file in files:
        try:
            pictures.append(_read(file, shape))
        except _UnreadableError as error:
            unreadable.append(UnreadableFile(str(file.path.relative_to(root)), str(error)))
    class_names = tuple(sorted({p.file.label for p in pictures}))
    if len(class_names) < 2:
        _refuse(root, class_names, unreadable)
    inputs, colour_notes = _stack(pictures)
    return Dataset(
        name=root.resolve().name,
        inputs=inputs,
        targets=np.array([class_names.index(p.file.label) for p in pictures], dtype=np.int64),
        kind=Kind.IMAGE,
        task=Task.CLASSIFICATION,
        class_names=class_names,
        feature_names=("grey",) if inputs.shape[1] == 1 else ("red", "green", "blue"),
        target_name="class",
        origin=tuple(str(p.file.path.relative_to(root)) for p in pictures),
        given_splits=_splits(pictures),
        unreadable=tuple(unreadable),
        description=f"{len(pictures):,} images of {len(class_names)} classes from {root}.",
        notes=(*_notes(pictures, shape, n_other), *colour_notes),
    )


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db") for part in path.relative_to(root).parts)


def _find(root: Path) -> Iterator[_File]:
    """Image files by name, with the split and class their folders tell."""
    folders = [f for f in sorted(root.iterdir()) if f.is_dir() and not _hidden(f, root)]
    split = bool(folders) and all(f.name.lower() in SPLIT_FOLDERS for f in folders)
    split = split and any(SPLIT_FOLDERS[f.name.lower()] == "train" for f in folders)
    for folder in folders:
        classes = [f for f in sorted(folder.iterdir()) if f.is_dir() and not _hidden(f, root)] if split else [folder]
        for label in classes:
            for path in sorted(label.rglob("*")):
                if path.is_file() and path.suffix.lower() in SUFFIXES and not _hidden(path, root):
                    yield _File(path, SPLIT_FOLDERS[folder.name.lower()] if split else "", label.name)


def _refuse(root: Path, class_names: tuple[str, ...], unreadable: list[UnreadableFile]) -> None:
    broken = [f" {len(unreadable)} image files could not be read, first {f.path}: {f.reason}." for f in unreadable[:1]]
    found = f"readable images of only one class, '{class_names[0]}'" if class_names else "no readable image in a class"
    raise DataError(
        f"The folder {root} holds {found}.{''.join(broken)}",
        expected="One folder per class with its images, at least two; or such folders below train, val and test.",
        todo=f"Sort the images into folders named after their classes. Read are {', '.join(SUFFIXES)}.",
    )


class _UnreadableError(Exception):
    """Why a file cannot be used."""


def _open(path: Path) -> Image:
    """The decoded first frame, upright; every way a file can be broken ends in ``_UnreadableError``."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                animated = getattr(image, "n_frames", 1) > 1
                upright = ImageOps.exif_transpose(image)
        upright.info["animated"] = animated
        return upright
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _UnreadableError(f"it is too large to be safe: {error}") from None
    except UnidentifiedImageError:
        raise _UnreadableError(_look_inside(path)) from None
    except Exception as error:  # noqa: BLE001 - decoders raise OSError, SyntaxError, struct.error, whatever comes
        raise _UnreadableError(f"it cannot be decoded: {error or type(error).__name__}") from None


def _look_inside(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        return "the file is empty"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "it is a web page, not an image"
    return "it is no image in a known format"


def _common_shape(files: list[_File], image_size: int | None) -> tuple[int, int]:
    """Width and height to bring every image to."""
    from PIL import Image

    if image_size is not None:
        return image_size, image_size
    sizes = []
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(file.path) as image:
                    turned = image.getexif().get(0x0112, 1) >= 5
                    sizes.append(image.size[::-1] if turned else image.size)
        except Exception:  # noqa: BLE001, S112 - whatever is wrong with it is found and named when it is decoded
            continue
    if len(set(sizes)) == 1 and min(sizes[0]) >= MIN_SIDE and max(sizes[0]) <= MAX_SIDE:
        return sizes[0]
    side = int(np.median(np.array(sizes))) if sizes else MAX_SIDE
    return (min(max(side, MIN_SIDE), MAX_SIDE),) * 2


def _read(file: _File, shape: tuple[int, int]) -> _Picture:
    from PIL import Image

    image = _open(file.path)
    remark = "animated" if image.info.get("animated") else ""
    size = image.size
    if image.mode in DEEP:
        image = _to_eight_bits(image)
    elif image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image, remark = _over_white(image), remark or "transparent"
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode in GREY_MODES else "RGB")
    if image.size != shape:
        image = image.resize(shape, Image.Resampling.BOX if min(shape) < min(image.size) else Image.Resampling.BILINEAR)
    return _Picture(file, np.asarray(image, dtype=np.uint8), size, remark)


def _to_eight_bits(image: Image) -> Image:
    from PIL import Image as Images

    values = np.asarray(image, dtype=np.float64)
    values = np.where(np.isfinite(values), values, 0)
    top = 65535.0 if image.mode.startswith("I;16") or values.max() > 255 else 255.0
    return Images.fromarray((values / max(top, values.max()) * 255).clip(0, 255).astype(np.uint8))


def _over_white(image: Image) -> Image:
    from PIL import Image as Images

    grey = image.mode in ("LA", "La", "L", "1")
    coloured = image.convert("RGBA")
    white = Images.new("RGBA", image.size, "white")
    return Images.alpha_composite(white, coloured).convert("L" if grey else "RGB")


def _stack(pictures: list[_Picture]) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """[N, 1 or 3, H, W]; one channel where every picture is grey, be it stored in colour."""
    grey_modes = [p.pixels.ndim == 2 for p in pictures]
    grey = all(p.pixels.ndim == 2 or bool((p.pixels == p.pixels[..., :1]).all()) for p in pictures)
    if grey:
        stacked = np.stack([p.pixels if p.pixels.ndim == 2 else p.pixels[..., 0] for p in pictures])[:, None]
    else:
        rgb = [np.repeat(p.pixels[..., None], 3, axis=2) if p.pixels.ndim == 2 else p.pixels for p in pictures]
        stacked = np.stack(rgb).transpose(0, 3, 1, 2)
    notes: tuple[str, ...] = ()
    if not grey and any(grey_modes):
        notes = (f"{sum(grey_modes)} of {len(pictures)} images are grey and were given three equal channels.",)
    elif grey and not all(grey_modes):
        notes = ("Images stored in colour hold only grey and were read as one channel.",)
    return np.ascontiguousarray(stacked, dtype=np.float32), notes


def _notes(pictures: list[_Picture], shape: tuple[int, int], n_other: int) -> Iterator[str]:
    widths, heights = ({p.size[i] for p in pictures} for i in (0, 1))
    if len(widths) > 1 or len(heights) > 1 or (max(widths), max(heights)) != shape:
        yield (
            f"Images of {min(widths)} to {max(widths)} by {min(heights)} to {max(heights)} pixels were brought to "
            f"{shape[0]} by {shape[1]}."
        )
    for remark, words in (("animated", "animations: the first frame was taken"), ("transparent", "laid over white")):
        n = sum(p.remark == remark for p in pictures)
        if n:
            yield f"{n} images were {words}."
    if n_other:
        yield f"{n_other} files with other endings or outside class folders were passed over."


def _splits(pictures: list[_Picture]) -> dict[str, npt.NDArray[np.int64]] | None:
    names = sorted({p.file.split for p in pictures})
    if names == [""]:
        return None
    of = np.array([p.file.split for p in pictures])
    return {name: np.flatnonzero(of == name).astype(np.int64) for name in names}
