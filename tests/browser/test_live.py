"""The page lives: new blocks arrive by themselves, an empty network says what comes next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, settle
from tests.browser.test_map import Screenshot, assert_drawn, get_drawn
from tests.unit.explorer.stage import Stage

pytestmark = pytest.mark.browser


@pytest.fixture
def empty_stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, rounds=0, hotspots=0)
    yield stage
    stage.stop()


def test_an_empty_network_fills_by_itself(
    empty_stage: Stage, open_page: OpenPage, take_screenshot: Screenshot
) -> None:
    page = open_page(empty_stage.url)
    expect(page.locator("#notice")).to_contain_text("No hotspots yet")
    expect(page.locator("#live")).to_contain_text("Nothing has happened yet")
    page.locator("#tab-hotspots").click()
    expect(page.locator("#hotspot-list")).to_contain_text("hexhaul hotspot setup")
    take_screenshot(page, "empty")
    expect(page.locator("#connection")).to_have_text("live")

    empty_stage.play_rounds(2, new_hotspots=5)
    expect(page.locator("#hotspots")).to_have_text("5")
    page.locator("#tab-live").click()
    names = [key.public_key.name for key in empty_stage.history.keys]
    for name in names:
        expect(page.locator("#live")).to_contain_text(f"hotspot {name} joined")
    expect(page.locator("#live")).to_contain_text(re.compile("beacon of .* witnessed by"))
    expect(page.locator("#notice")).to_be_hidden()
    # The map went there by itself, once.
    page.wait_for_selector("html[data-view=ready]", state="attached")
    expect(page.locator("#hotspot-list tbody tr")).to_have_count(5)
    settle(page)
    assert assert_drawn(page, empty_stage)["hotspots"] == 5


def test_a_reader_who_comes_later_sees_what_was(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url)
    feed = page.locator("#live .feed li")
    expect(feed).to_have_count(50)
    expect(feed.first).to_contain_text(re.compile(r"round \d+ opened"))
    epoch = page.locator("#live .feed li", has_text=re.compile(r"epoch \d+ closed: 14 hotspots"))
    expect(epoch.first).to_be_visible()


def test_an_open_hotspot_follows_the_blocks(stage: Stage, open_page: OpenPage) -> None:
    address = stage.get("/map/hotspots")["features"][0]["properties"]["address"]
    page = open_page(f"{stage.url}/?hotspot={address}")
    before = stage.get(f"/map/hotspots/{address}")
    expect(page.locator("#detail")).to_contain_text(f"{before['beacons_heard']} / {before['beacons']}")
    expect(page.locator("#connection")).to_have_text("live")
    stage.play_rounds(1)
    after = stage.get(f"/map/hotspots/{address}")
    assert after["beacons"] > before["beacons"]
    expect(page.locator("#detail")).to_contain_text(f"{after['beacons_heard']} / {after['beacons']}")
    settle(page)
    assert len(get_drawn(page, ["hotspots"], "address")) == 14
