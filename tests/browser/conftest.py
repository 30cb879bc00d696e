"""A browser without a screen, pages that note what they must not do, and the served town."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from chain.explorer.page import StaticFiles
from tests.unit.explorer.stage import Stage

CHROMIUM = Path("/usr/bin/chromium")
OUTPUT = Path(__file__).resolve().parents[1] / "output"
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
READY = "html[data-view=ready][data-basemap=done]"

OpenPage = Callable[..., Page]

expect.set_options(timeout=30_000)  # Chromium draws in software here


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt install chromium")
    missing = StaticFiles().find_missing()
    if missing:
        pytest.skip(
            f"the map's libraries are missing ({missing[0]}, ...): npm ci, python -m chain.explorer.assets"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A town of 14 hotspots after six rounds and three epochs."""
    stage = Stage(tmp_path_factory.mktemp("chain"), rounds=6)
    yield stage
    stage.stop()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address as a reader would. Afterwards: no error on any page, no request to the outside."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []
    requests: list[str] = []

    def open_page(
        url: str,
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
        wait_for: str = READY,
        absent: bool = False,
    ) -> Page:
        """``absent``: the node has to answer 404 to something, which browsers log as an error."""
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()

        def note(message: ConsoleMessage) -> None:
            if message.type == "error" and not (absent and "404" in message.text):
                errors.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(url)
        page.wait_for_selector(wait_for, state="attached", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
    allowed = ("http://127.0.0.1:", "blob:http://127.0.0.1:", "data:")
    assert [url for url in requests if not url.startswith(allowed)] == []


@pytest.fixture
def take_screenshot() -> Callable[[Page, str], Path]:
    """Writes tests/output/<name>.png once the map has come to rest."""

    def take(page: Page, name: str) -> Path:
        settle(page)
        OUTPUT.mkdir(exist_ok=True)
        path = OUTPUT / f"{name}.png"
        page.screenshot(path=path)
        return path

    return take


def settle(page: Page) -> None:
    """Wait until the view is loaded and the map has drawn all of it."""
    page.wait_for_selector(READY, state="attached", timeout=60_000)
    page.evaluate(
        """() => new Promise((done) => {
            const map = window.hexhaulMap;
            map.once("idle", () => done());
            map.triggerRepaint();
        })"""
    )
    page.wait_for_selector(READY, state="attached", timeout=60_000)
