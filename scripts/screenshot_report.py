"""Photograph a report for the README: ``python scripts/screenshot_report.py RUN_FOLDER/report.html``.

Writes ``docs/images/report.png`` (or ``--output``): the top of the page, 1280 pixels wide in light colours, at twice
the density, cropped to ``--height`` pixels. Needs Playwright for Python (``pip install playwright``) and Chromium at
``--chromium``; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
COLORS = 256
"""A palette keeps the file small; the page has few colours."""


def photograph(report: Path, output: Path, *, width: int, height: int, scheme: str, chromium: Path) -> None:
    """Write the top ``height`` pixels of the page, with all charts drawn, as PNG to ``output``."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(
            viewport={"width": width, "height": height},
            device_scale_factor=2,
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    output.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(output, optimize=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path, help="the report.html of a finished run")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "report.png")
    parser.add_argument("--width", type=int, default=1280, help="pixels (default: %(default)s)")
    parser.add_argument("--height", type=int, default=860, help="pixels (default: %(default)s)")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--chromium", type=Path, default=Path("/usr/bin/chromium"))
    given = parser.parse_args()
    photograph(
        given.report,
        given.output,
        width=given.width,
        height=given.height,
        scheme=given.scheme,
        chromium=given.chromium,
    )


if __name__ == "__main__":
    main()
