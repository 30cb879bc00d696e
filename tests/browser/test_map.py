"""What the map draws is what the API answers, and it can be used by mouse, by keyboard and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, settle
from tests.unit.explorer.stage import Stage

pytestmark = pytest.mark.browser

Screenshot = Callable[[Page, str], Path]

#: source of the map: (its layers, what makes a feature unique, its address)
DRAWN = {
    "hexes": (["hexes"], "cell", "/map/hexes"),
    "hotspots": (["hotspots"], "address", "/map/hotspots"),
    "links": (["links", "links-rejected"], "id", "/map/links"),
}


def get_drawn(page: Page, layers: list[str], name: str) -> set[str]:
    """What the map has really drawn in its window, each once."""
    found = page.evaluate(
        """([layers, name]) => window.hexhaulMap.queryRenderedFeatures({ layers })
            .map((feature) => feature.properties[name])""",
        [layers, name],
    )
    return set(found)


def ask_for_view(page: Page, stage: Stage, path: str) -> dict[str, Any]:
    """The API's answer for the map's window, asked by the test and not by the page."""
    bounds = page.evaluate("() => window.hexhaulMap.getBounds().toArray().flat()")
    query = f"bbox={','.join(map(str, bounds))}"
    if path == "/map/hexes":
        zoom = page.evaluate("() => window.hexhaulMap.getZoom()")
        query += f"&resolution={8 if zoom >= 10 else 7 if zoom >= 8 else 6 if zoom >= 7 else 5}"
    answer: dict[str, Any] = stage.get(f"{path}?{query}")
    return answer


def assert_drawn(page: Page, stage: Stage) -> dict[str, int]:
    counts = {}
    for source, (layers, name, path) in DRAWN.items():
        answered = {feature["properties"][name] for feature in ask_for_view(page, stage, path)["features"]}
        assert get_drawn(page, layers, name) == answered, source
        counts[source] = len(answered)
    return counts


def test_draws_what_the_api_answers(stage: Stage, open_page: OpenPage, take_screenshot: Screenshot) -> None:
    page = open_page(stage.url)
    settle(page)
    counts = assert_drawn(page, stage)
    # The first view holds the whole network.
    assert counts == {
        "hexes": stage.get("/map/hexes")["meta"]["count"],
        "hotspots": 14,
        "links": stage.get("/map/links")["meta"]["count"],
    }
    assert counts["hexes"] == 13
    assert counts["links"] > 50
    expect(page.locator("#hotspots")).to_have_text("14")
    expect(page.locator("#height")).to_have_text(str(stage.get("/status")["height"]))
    expect(page.locator("#epoch")).to_have_text(re.compile(r"^3 · \d:\d\d left$"))
    expect(page.locator("#supply")).to_have_text(re.compile(r"HXT$"))
    assert take_screenshot(page, "map_light").stat().st_size > 50_000


@pytest.mark.parametrize("zoom", [13.2, 9.0, 7.2])
def test_draws_what_the_api_answers_for_a_part(stage: Stage, open_page: OpenPage, zoom: float) -> None:
    page = open_page(stage.url)
    settle(page)
    page.evaluate("(zoom) => { window.hexhaulMap.jumpTo({ center: [7.4640, 46.9440], zoom }); }", zoom)
    assert page.locator("html").get_attribute("data-view") != "ready"
    settle(page)
    counts = assert_drawn(page, stage)
    if zoom > 13:
        assert 0 < counts["hotspots"] < 14
        assert counts["links"] > counts["hotspots"]  # links that only pass through count too
    else:
        assert counts["hotspots"] == 14
        assert counts["hexes"] < 13  # coarser hexagons add up


def test_click_opens_a_hotspot(stage: Stage, open_page: OpenPage, take_screenshot: Screenshot) -> None:
    page = open_page(stage.url)
    settle(page)
    hotspot = stage.get("/map/hotspots")["features"][2]
    name, address = hotspot["properties"]["name"], hotspot["properties"]["address"]
    point = page.evaluate("(place) => window.hexhaulMap.project(place)", hotspot["geometry"]["coordinates"])
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + point["x"], box["y"] + point["y"])
    detail = page.locator("#detail")
    expect(detail.locator("h2")).to_have_text(name)
    assert address in page.url
    answer = stage.get(f"/map/hotspots/{address}")
    expect(detail.locator(f'[title="{address}"]')).to_be_visible()
    expect(detail).to_contain_text(answer["cell"])
    assert answer["rewards"]
    for reward in answer["rewards"]:
        expect(detail.locator("#part-earned")).to_contain_text(reward["sentence"])
    # It claims signals that free space doesn't allow; each rejection is told with its numbers.
    assert answer["rejected"] > 0
    detail.locator("#part-rejected summary").click()
    for report in answer["rejected_reports"]:
        expect(detail.locator("#part-rejected")).to_contain_text(report["sentence"])
        expect(detail.locator("#part-rejected")).to_contain_text(f"{report['reason']}: measured")
    for link in answer["heard_by"]:
        expect(detail.locator("#part-heard-by")).to_contain_text(link["witness_name"])
    take_screenshot(page, "hotspot")
    # A reload shows the same hotspot; Escape closes it.
    page.reload()
    expect(page.locator("#detail h2")).to_have_text(name)
    page.keyboard.press("Escape")
    expect(page.locator("#lists")).to_be_visible()
    assert address not in page.url


def test_lists_are_the_maps_twin(stage: Stage, open_page: OpenPage) -> None:
    """By keyboard alone: the lists hold what is drawn, and open it."""
    page = open_page(stage.url)
    settle(page)
    page.locator("#tab-live").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-hotspots")).to_be_focused()
    rows = page.locator("#hotspot-list tbody tr")
    drawn = get_drawn(page, ["hotspots"], "name")
    assert set(rows.locator("th").all_text_contents()) == drawn
    page.keyboard.press("ArrowRight")
    assert page.locator("#link-list tbody tr").count() == len(get_drawn(page, *DRAWN["links"][:2]))
    page.keyboard.press("ArrowRight")
    assert set(page.locator("#hex-list tbody th").all_text_contents()) == get_drawn(page, ["hexes"], "cell")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    rows.first.locator("button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#detail h2")).to_have_text(sorted(drawn)[0])


def test_search(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url)
    settle(page)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    hotspot = stage.get("/map/hotspots")["features"][0]["properties"]
    page.keyboard.type(hotspot["name"].replace("-", " ")[:-2])
    expect(page.locator("#found [role=option]").first).to_contain_text(hotspot["name"])
    page.keyboard.press("Enter")
    expect(page.locator("#detail h2")).to_have_text(hotspot["name"])
    page.locator("#search").fill("zurich")
    expect(page.locator("#found [role=option]").first).to_contain_text("Zürich")
    page.locator("#search").fill("no such thing")
    expect(page.locator("#found")).to_contain_text("Nothing found")


def test_dark_and_back(stage: Stage, open_page: OpenPage, take_screenshot: Screenshot) -> None:
    page = open_page(stage.url, scheme="dark")
    settle(page)
    color = "() => window.hexhaulMap.getPaintProperty('water', 'background-color')"
    dark = page.evaluate(color)
    assert_drawn(page, stage)
    take_screenshot(page, "map_dark")
    page.locator("#theme").click()
    assert page.evaluate(color) != dark
    page.reload()
    settle(page)
    assert page.evaluate("() => document.documentElement.dataset.theme") == "light"


def test_on_a_phone(stage: Stage, open_page: OpenPage, take_screenshot: Screenshot) -> None:
    page = open_page(stage.url, width=390, height=844)
    settle(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert_drawn(page, stage)
    # All hotspots are above the sheet with the lists.
    top = page.evaluate("() => document.getElementById('panel').getBoundingClientRect().top")
    offset = page.evaluate("() => document.getElementById('map').getBoundingClientRect().top")
    for feature in stage.get("/map/hotspots")["features"]:
        point = page.evaluate(
            "(place) => window.hexhaulMap.project(place)", feature["geometry"]["coordinates"]
        )
        assert 0 < point["x"] < 390
        assert 0 < point["y"] + offset < top
    take_screenshot(page, "phone")
    page.locator("#fold").click()
    expect(page.locator("#panel")).to_have_attribute("data-folded", "true")


def test_layers_can_be_hidden(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(stage.url)
    settle(page)
    page.get_by_role("checkbox", name="Links").uncheck()
    settle(page)
    assert get_drawn(page, ["links", "links-rejected"], "id") == set()
    assert get_drawn(page, ["hotspots"], "address") != set()
