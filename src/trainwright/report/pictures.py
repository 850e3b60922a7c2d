"""Pictures of data and weights as PNG: contact sheets on a dark ground that suits light and dark pages alike."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from trainwright.core import DataError
from trainwright.data.dataset import Kind
from trainwright.logbook.files import write_bytes

GROUND = (23, 28, 34)
INK = (214, 221, 230)
FAINT = (116, 127, 140)
MARK = (255, 148, 77)
BAD = (232, 62, 181)
"""Colour of a cell or pixel that is not a finite number."""

LINES = ((127, 176, 255), (255, 157, 102), (79, 209, 174), (199, 155, 245), (240, 197, 72), (255, 134, 174))

_GAP = 8
_FONT_SIZE = 13
_CELL = 72
_SHEET = 940
"""Widest sheet, in pixels: what a page shows without scaling it down."""

_MAX_STRIP_FEATURES = 400
_MAX_CHANNELS = len(LINES)

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]


def samples_picture(
    inputs: Array,
    labels: Sequence[str],
    kind: Kind | str,
    path: Path,
    *,
    columns: int | None = None,
    highlight: Sequence[bool] | None = None,
    feature_names: Sequence[str] = (),
) -> Path:
    """Samples of any kind with a label each, written as PNG; returns ``path``.

    ``inputs``: images [N, C, H, W] or [N, H, W], tables [N, F] or sequences [N, T, F], in any range, NaN allowed.
    ``highlight`` frames the samples that deserve a look. Raises ``DataError`` when shapes and kind or the lengths do
    not agree, and ``RunFolderError`` when the file cannot be written.
    """
    kind = Kind(kind)
    if kind is Kind.IMAGE:
        return mosaic(inputs, labels, path, columns=columns, highlight=highlight)
    if kind is Kind.SEQUENCE:
        return sequences(inputs, labels, path, columns=columns, highlight=highlight)
    return table_strip(inputs, labels, path, highlight=highlight, feature_names=feature_names)


def mosaic(
    images: Array,
    labels: Sequence[str],
    path: Path,
    *,
    columns: int | None = None,
    scale: int | None = None,
    highlight: Sequence[bool] | None = None,
) -> Path:
    """Images [N, C, H, W] or [N, H, W] side by side, one label below each; returns ``path``.

    Any range: the darkest and brightest value of the whole sheet become black and white (one channel is grey, three
    are RGB, of other counts the mean is shown). Not-finite pixels are magenta. ``scale`` is the whole number of screen
    pixels per pixel; small images are enlarged without blur, large ones are shrunk to fit.
    """
    stack = _checked(images, labels, highlight, dimensions=(3, 4), what="images [N, C, H, W] or [N, H, W]")
    tiles = [Image.fromarray(tile) for tile in _to_rgb(stack)]
    tiles = [_resized(tile, scale) for tile in tiles]
    return _save(_sheet(tiles, labels, columns, highlight), path)


def filters(weights: Array, path: Path, *, columns: int | None = None) -> Path:
    """First-layer filters [O, I, h, w], each scaled by its own largest weight; returns ``path``.

    Three input channels are shown as colour around mid-grey. Otherwise blue is negative and orange positive, one tile
    for each of up to four input channels.
    """
    stack = np.asarray(weights, dtype=np.float64)
    if stack.ndim != 4 or not stack.size:
        raise _wrong_shape(stack, "filters [O, I, h, w]")
    size = np.nanmax(np.abs(np.where(np.isfinite(stack), stack, 0)), axis=(1, 2, 3), keepdims=True)
    scaled = stack / np.where(size > 0, size, 1)
    if stack.shape[1] == 3:
        colors = np.clip((np.nan_to_num(scaled).transpose(0, 2, 3, 1) + 1) * 127.5, 0, 255).astype(np.uint8)
        tiles = [_resized(Image.fromarray(np.ascontiguousarray(f)), None) for f in colors]
    else:
        tiles = [_beside([Image.fromarray(_diverging(channel)) for channel in f[:4]]) for f in scaled]
    return _save(_sheet(tiles, [str(i) for i in range(len(tiles))], columns, None), path)


def _beside(channels: list[Image.Image]) -> Image.Image:
    """The channels of one filter in a row, a narrow gap between them."""
    tiles = [_resized(c, None) for c in channels]
    row = Image.new("RGB", (sum(t.width + 2 for t in tiles) - 2, tiles[0].height), GROUND)
    for i, tile in enumerate(tiles):
        row.paste(tile, (i * (tile.width + 2), 0))
    return row


def table_strip(
    rows: Array,
    labels: Sequence[str],
    path: Path,
    *,
    highlight: Sequence[bool] | None = None,
    feature_names: Sequence[str] = (),
) -> Path:
    """Rows [N, F] of a table as a heat strip, one line each with its label; returns ``path``.

    Colours: standard deviations from the column's mean over the shown rows, blue below and orange above, grey at the
    mean; missing values are magenta. At most 400 features are shown.
    """
    values = _checked(rows, labels, highlight, dimensions=(2,), what="rows [N, F]")[:, :_MAX_STRIP_FEATURES]
    n, features = values.shape
    margin = min(260, max((_text_width(label) for label in labels), default=0)) + 14
    width = int(np.clip((_SHEET - margin - _GAP) // features, 2, 26))
    height = 17 if n <= 40 else 9 if n <= 120 else 4
    cells = _diverging(_standard_scores(values) / 2.5)
    strip = Image.fromarray(np.kron(cells, np.ones((height, width, 1), dtype=np.uint8)))
    if width >= 6 and height >= 9:
        _rule_cells(strip, n, features, width, height)
    names = [str(name) for name in feature_names[:features]] if width >= 13 else []
    head = max((_text_width(name) for name in names), default=0) + 8 if names else 0
    sheet = Image.new("RGB", (margin + strip.width + _GAP, head + strip.height + 2 * _GAP), GROUND)
    _write_upright(sheet, names, margin, width, head + _GAP)
    sheet.paste(strip, (margin, head + _GAP))
    draw = ImageDraw.Draw(sheet)
    every = 1 if height >= 15 else max(1, round(17 / height))
    for i in range(n):
        marked = bool(highlight is not None and highlight[i])
        if i % every == 0 or marked:
            y = head + _GAP + i * height + height / 2
            _write(draw, (margin - 8, y), _shortened(labels[i], margin - 14), MARK if marked else INK, anchor="rm")
        if marked:
            top = head + _GAP + i * height
            draw.rectangle((margin - 2, top - 1, margin + strip.width + 1, top + height), outline=MARK, width=2)
    return _save(sheet, path)


def _rule_cells(strip: Image.Image, n: int, features: int, width: int, height: int) -> None:
    draw = ImageDraw.Draw(strip)
    for i in range(1, n):
        draw.line((0, i * height, strip.width, i * height), fill=GROUND)
    for j in range(1, features):
        draw.line((j * width, 0, j * width, strip.height), fill=GROUND)


def _write_upright(sheet: Image.Image, names: list[str], left: int, width: int, bottom: int) -> None:
    """Column names, turned to read upwards."""
    for j, name in enumerate(names):
        text = Image.new("RGB", (_text_width(name) + 2, _FONT_SIZE + 4), GROUND)
        _write(ImageDraw.Draw(text), (0, (_FONT_SIZE + 4) / 2), name, FAINT, anchor="lm")
        turned = text.transpose(Image.Transpose.ROTATE_90)
        sheet.paste(turned, (left + j * width + (width - turned.width) // 2, bottom - 4 - turned.height))


def sequences(
    samples: Array,
    labels: Sequence[str],
    path: Path,
    *,
    columns: int | None = None,
    highlight: Sequence[bool] | None = None,
) -> Path:
    """Sequences [N, T, F] as small line plots over time, one line a feature (the first six); returns ``path``.

    All plots of a sheet share one vertical scale for each feature, so that amplitudes can be compared. Gaps in a line
    are values that are not finite.
    """
    stack = _checked(samples, labels, highlight, dimensions=(3,), what="sequences [N, T, F]")[:, :, :_MAX_CHANNELS]
    known = np.where(np.isfinite(stack), stack, np.nan)
    low, high = (_ignoring_empty(f, known) for f in (np.nanmin, np.nanmax))
    unit = (known - low) / np.where(high > low, high - low, 1)
    tiles = [_line_plot(sample) for sample in unit]
    return _save(_sheet(tiles, labels, columns, highlight), path)


def _ignoring_empty(reduce: Any, values: Array) -> Array:
    """``reduce`` over samples and time; 0 for a feature without any finite value."""
    empty = ~np.isfinite(values).any(axis=(0, 1))
    filled = np.where(empty, 0.0, values)
    return np.asarray(reduce(filled, axis=(0, 1)))


def _line_plot(sample: Array, size: tuple[int, int] = (168, 84)) -> Image.Image:
    """One sequence [T, F] in units of 0 to 1, drawn at twice the size and shrunk for smooth lines."""
    width, height = size[0] * 2, size[1] * 2
    tile = Image.new("RGB", (width, height), (31, 37, 45))
    draw = ImageDraw.Draw(tile)
    x = np.linspace(8, width - 9, max(len(sample), 2))
    for channel in range(sample.shape[1]):
        y = height - 9 - sample[:, channel] * (height - 18)
        color = LINES[channel]
        for a in range(len(sample) - 1):
            if np.isfinite(y[a]) and np.isfinite(y[a + 1]):
                draw.line((x[a], y[a], x[a + 1], y[a + 1]), fill=color, width=3)
    return tile.resize(size, Image.Resampling.LANCZOS)


# --- numbers to colours ---------------------------------------------------------------------------------------------


def _checked(
    values: Array, labels: Sequence[str], highlight: Sequence[bool] | None, *, dimensions: tuple[int, ...], what: str
) -> npt.NDArray[np.float64]:
    stack = np.asarray(values, dtype=np.float64)
    if stack.ndim not in dimensions or not stack.size:
        raise _wrong_shape(stack, what)
    for name, given in (("labels", labels), ("highlights", highlight)):
        if given is not None and len(given) != len(stack):
            raise DataError(
                f"A picture was given {len(stack)} samples and {len(given)} {name}.",
                expected="One for each sample.",
                todo=f"Pass as many {name} as samples.",
            )
    return stack


def _wrong_shape(stack: Array, what: str) -> DataError:
    return DataError(
        f"A picture was given an array of shape {tuple(stack.shape)}.",
        expected=f"At least one of {what}.",
        todo="Pass the samples with their own shape.",
    )


def _to_rgb(stack: npt.NDArray[np.float64]) -> Bytes:
    """Images of any range to bytes [N, H, W, 3]."""
    channels = stack[:, None] if stack.ndim == 3 else stack
    finite = np.isfinite(channels)
    known = channels[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if known.size and high > low:
        # A few wild pixels must not turn the sheet black: clip the outer 0.1 % where they stretch the range fourfold.
        inner = np.percentile(known, (0.1, 99.9))
        if 0 < 4 * (inner[1] - inner[0]) < high - low:
            low, high = float(inner[0]), float(inner[1])
    unit = np.clip((np.where(finite, channels, low) - low) / ((high - low) or 1.0), 0, 1)
    if unit.shape[1] != 3:
        unit = np.repeat(unit.mean(axis=1, keepdims=True), 3, axis=1)
    pixels: Bytes = np.round(unit * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    pixels = np.ascontiguousarray(pixels)
    pixels[~finite.all(axis=1)] = BAD
    return pixels


def _diverging(values: Array) -> Bytes:
    """Values in -1…1 to colours [..., 3]: blue, grey, orange; not-finite ones magenta."""
    stops = np.array([(92, 150, 255), (44, 84, 148), (46, 54, 64), (166, 88, 38), (255, 164, 96)], dtype=float)
    finite = np.isfinite(values)
    position = (np.clip(np.where(finite, values, 0), -1, 1) + 1) / 2 * (len(stops) - 1)
    grid = np.arange(len(stops))
    colors = np.stack([np.interp(position, grid, stops[:, c]) for c in range(3)], axis=-1).astype(np.uint8)
    colors[~finite] = BAD
    return colors


def _standard_scores(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each column in standard deviations from its mean; NaN stays NaN, a constant column becomes 0."""
    known = np.ma.masked_invalid(values)
    mean, spread = known.mean(axis=0).filled(0.0), known.std(axis=0).filled(0.0)
    scores = (values - mean) / np.where(spread > 0, spread, 1)
    return np.where(np.isfinite(values), scores, np.nan)


# --- sheets ---------------------------------------------------------------------------------------------------------


def _resized(tile: Image.Image, scale: int | None) -> Image.Image:
    longest = max(tile.size)
    if scale is None and longest > 2 * _CELL:
        factor = 2 * _CELL / longest
        size = (max(1, round(tile.width * factor)), max(1, round(tile.height * factor)))
        return tile.resize(size, Image.Resampling.LANCZOS)
    factor = scale or max(1, round(_CELL / longest))
    return tile.resize((tile.width * factor, tile.height * factor), Image.Resampling.NEAREST)


def _sheet(
    tiles: Sequence[Image.Image], labels: Sequence[str], columns: int | None, highlight: Sequence[bool] | None
) -> Image.Image:
    """Tiles in rows with their labels below; highlighted ones framed and named in the same colour."""
    tile_width, tile_height = max(t.width for t in tiles), max(t.height for t in tiles)
    wanted = min(max((_text_width(label) for label in labels), default=0) + 2, max(tile_width, 128))
    cell_width = max(tile_width, wanted) + _GAP
    line = _FONT_SIZE + 7 if any(labels) else 0
    cell_height = tile_height + line + _GAP
    across = columns or max(1, (_SHEET - _GAP) // cell_width)
    down = -(-len(tiles) // across)
    if columns is None:
        across = -(-len(tiles) // down)  # rows of about equal length look better than a full sheet with a stub
    sheet = Image.new("RGB", (across * cell_width + _GAP, down * cell_height + _GAP), GROUND)
    draw = ImageDraw.Draw(sheet)
    for i, tile in enumerate(tiles):
        left = _GAP + (i % across) * cell_width + (cell_width - _GAP - tile.width) // 2
        top = _GAP + (i // across) * cell_height
        marked = bool(highlight is not None and highlight[i])
        sheet.paste(tile, (left, top))
        if marked:
            draw.rectangle((left - 3, top - 3, left + tile.width + 2, top + tile.height + 2), outline=MARK, width=3)
        text = _shortened(labels[i], cell_width - 4)
        _write(draw, (left + tile.width / 2, top + tile_height + line / 2 + 1), text, MARK if marked else INK, "mm")
    return sheet


@lru_cache(maxsize=1)
def _font() -> Any:
    """DejaVu Sans where it is installed (it knows arrows and most scripts), otherwise Pillow's own font."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return ImageFont.load_default(size=_FONT_SIZE)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, color: Any, anchor: str) -> None:
    draw.text(place, _one_line(text), fill=color, font=_font(), anchor=anchor)


def _text_width(text: str) -> int:
    return int(np.ceil(_font().getlength(_one_line(text))))


def _one_line(text: str) -> str:
    """The label without line breaks and without signs that no font can draw."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def _shortened(text: str, width: int) -> str:
    """The text on one line, cut with an ellipsis where it is wider than ``width`` pixels."""
    line = _one_line(text)
    if _text_width(line) <= width:
        return line
    while line and _text_width(line + "…") > width:
        line = line[:-1]
    return line + "…"


def _save(picture: Image.Image, path: Path) -> Path:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
    return path
