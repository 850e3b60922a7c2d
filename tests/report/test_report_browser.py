"""The page in a real browser: offline, free of errors, drawn, and never wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainwright.report.html import write_html
from trainwright.report.view import RunView

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"Chromium is missing at {CHROMIUM}"),
]


class Visit:
    """One loaded page with everything it asked for and complained about."""

    def __init__(self, context: Any, path: Path) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("console", lambda m: self.complaints.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", timeout=60_000)

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture(scope="module")
def page_path(view: RunView, run_folder: Path) -> Path:
    return write_html(view, run_folder)


@pytest.fixture(scope="module")
def hostile_path(hostile: RunView, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_html(hostile, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], ids=str)
def context(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    width, scheme = request.param
    yield from opened(browser, width, scheme)


@pytest.fixture
def desk(browser: Any) -> Iterator[Any]:
    yield from opened(browser, 1280, "light")


def opened(browser: Any, width: int, scheme: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield context
    context.close()


def test_the_page_is_whole_and_offline(context: Any, page_path: Path) -> None:
    visit = Visit(context, page_path)
    assert {url.split(":")[0] for url in visit.requests} <= {"file", "data"}
    assert visit.complaints == []
    assert visit.ask("document.querySelectorAll('.plot').length") >= 12
    assert visit.ask("[...document.querySelectorAll('.plot')].every(p => p.querySelector('svg path'))")
    assert visit.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert visit.ask("document.documentElement.scrollWidth - innerWidth") <= 0
    beyond = "p => p.querySelector('svg').getBoundingClientRect().height - p.clientHeight"
    grown = visit.ask(f"[...document.querySelectorAll('.plot')].map({beyond})")
    assert max(grown) <= 1  # a drawn chart fills the place kept for it: nothing jumps


def test_hostile_text_stays_text(context: Any, hostile_path: Path) -> None:
    visit = Visit(context, hostile_path)
    assert visit.complaints == []
    assert visit.ask("document.scripts.length") == 3
    assert visit.ask("document.documentElement.scrollWidth - innerWidth") <= 0
    visit.page.locator("details.numbers summary").first.click()
    assert "<script>" in visit.page.locator("details.numbers table").first.inner_text()


def test_a_series_can_be_singled_out_with_the_keyboard(desk: Any, page_path: Path) -> None:
    visit = Visit(desk, page_path)
    button = visit.page.locator(".series", has_text="validation").first
    button.focus()
    visit.page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    figure = visit.page.locator("figure.chart", has=button).first
    assert figure.locator("svg [opacity='0.08']").count() > 0
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_timeout(100)
    assert figure.locator("svg [opacity='0.08']").count() == 0


def test_charts_follow_a_change_of_colour_scheme(desk: Any, page_path: Path) -> None:
    visit = Visit(desk, page_path)
    for scheme in ("dark", "light"):
        visit.page.emulate_media(color_scheme=scheme)
        visit.page.wait_for_selector(f".plot[data-drawn='{scheme}']", timeout=60_000)
        visit.page.wait_for_timeout(3000)  # the page forbids eval, so Playwright cannot wait for a condition
        assert visit.ask(f"document.querySelectorAll('.plot:not([data-drawn={scheme}])').length") == 0
    assert visit.complaints == []
