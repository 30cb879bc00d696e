"""The owner's own sensors, imported observations, and text from outside that would like to be markup."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from hotspot_host.replay.helium_uplinks import iterate_batches, read_records
from tests.browser.conftest import OpenPage, settle
from tests.browser.test_map import Screenshot, get_drawn
from tests.unit.explorer.stage import Stage

pytestmark = pytest.mark.browser

TOKEN = "a-token-of-the-owner"
EVIL = '<img src=x onerror="window.taken=1">'


class RouterApi(ThreadingHTTPServer):
    """What the page asks of a router: /api/positions, with the bearer token, across origins."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.positions: list[dict[str, Any]] = []
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: RouterApi

    def do_OPTIONS(self) -> None:
        self._answer(204, None)

    def do_GET(self) -> None:
        self.server.asked += 1
        allowed = self.headers["authorization"] == f"Bearer {TOKEN}" and self.path == "/api/positions"
        self._answer(200, self.server.positions) if allowed else self._answer(401, {"error": {}})

    def _answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "authorization")
        self.end_headers()
        if body is not None:
            self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """The test's output is no access log."""


@pytest.fixture
def router() -> Iterator[RouterApi]:
    server = RouterApi()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def make_position(lat: float, lng: float, name: str = "collar-1") -> dict[str, Any]:
    place = {"latitude": lat, "longitude": lng, "altitude": 540.2}
    return {"dev_eui": "0011223344556677", "name": name, **place, "heard_at": "2026-11-24T12:00:00Z"}


def get_sensor(page: Page) -> list[float]:
    place: list[float] = page.evaluate(
        """() => window.hexhaulMap.querySourceFeatures("sensors").at(-1)?.geometry.coordinates ?? []"""
    )
    return place


def test_owner_sees_the_collar_walk(
    stage: Stage, open_page: OpenPage, router: RouterApi, take_screenshot: Screenshot
) -> None:
    router.positions = [make_position(46.9460, 7.4480)]
    page = open_page(f"{stage.url}/#router={router.url}&token={TOKEN}")
    sensors = page.locator("#sensor-list")
    expect(sensors).to_contain_text("46.94600, 7.44800")
    # The token is in neither the address bar nor the history, and never went to the node.
    assert TOKEN not in page.url
    settle(page)
    assert get_drawn(page, ["sensors"], "name") == {"collar-1"}
    assert get_drawn(page, ["sensor-trails"], "dev_eui") == set()
    router.positions = [make_position(46.9465, 7.4500)]
    expect(sensors).to_contain_text("46.94650, 7.45000")
    router.positions = [make_position(46.9480, 7.4520)]
    expect(sensors).to_contain_text("46.94800, 7.45200")
    settle(page)
    assert get_drawn(page, ["sensor-trails"], "dev_eui") == {"0011223344556677"}
    assert get_sensor(page) == pytest.approx([7.4520, 46.9480], abs=1e-4)
    take_screenshot(page, "owner")
    page.reload()  # the tab keeps its access
    expect(page.locator("#sensor-list")).to_contain_text("46.94800, 7.45200")
    assert "collar-1" not in json.dumps(stage.get("/map/search?q=collar-1")["results"])


def test_without_a_token_there_are_no_sensors(stage: Stage, open_page: OpenPage, router: RouterApi) -> None:
    router.positions = [make_position(46.9460, 7.4480)]
    page = open_page(stage.url)
    settle(page)
    expect(page.locator("#tab-sensors")).to_be_hidden()
    assert get_drawn(page, ["sensors"], "name") == set()
    assert router.asked == 0


def test_a_router_that_is_none(stage: Stage, open_page: OpenPage) -> None:
    page = open_page(f"{stage.url}/#router=javascript:alert(1)&token={TOKEN}")
    expect(page.locator("#sensor-list")).to_contain_text("is no http(s) address of a router")


def test_names_from_outside_stay_text(stage: Stage, open_page: OpenPage, router: RouterApi) -> None:
    router.positions = [make_position(46.9460, 7.4480, EVIL)]
    observation = {
        "observed_at": "2022-01-01T00:00:00Z", "latitude": 46.9462, "longitude": 7.4482, "hotspot": EVIL,
        "rssi_dbm": -100, "snr_db": 5, "frequency_hz": 868100000, "spreading_factor": 7, "source": EVIL,
        "hotspot_latitude": 46.9900, "hotspot_longitude": 7.4000,
    }  # fmt: skip
    answer = httpx.post(f"{stage.url}/v1/observations", json=[observation], trust_env=False)
    assert answer.json()["accepted"] == 1
    page = open_page(f"{stage.url}/?hotspot={EVIL}#router={router.url}&token={TOKEN}", absent=True)
    expect(page.locator("#sensor-list")).to_contain_text(EVIL)
    expect(page.locator("#legend")).to_contain_text(EVIL)
    expect(page.locator("#detail")).to_contain_text("can't be shown")
    page.locator("#search").fill(EVIL)
    expect(page.locator("#found")).to_contain_text("Nothing found")
    assert page.locator("img").count() == 0
    assert page.evaluate("() => window.taken") is None


@pytest.fixture(scope="module")
def grenoble(shared: Path) -> list[dict[str, Any]]:
    folder = shared / "data" / "helium_uplinks_grenoble"
    if not folder.is_dir():
        pytest.skip(f"no recording at {folder}")
    return read_records([folder / "field_tester_gps_uplinks.ndjson.gz"]).observations


def test_real_observations_are_drawn_and_marked(
    grenoble: list[dict[str, Any]],
    tmp_path: Path,
    open_page: OpenPage,
    take_screenshot: Screenshot,
) -> None:
    stage = Stage(tmp_path, rounds=2)
    try:
        supply = stage.get("/supply")
        for batch in iterate_batches(grenoble, 1_000):
            answer = httpx.post(f"{stage.url}/v1/observations", json=batch, trust_env=False, timeout=30)
            assert answer.json()["accepted"] == len(batch)
        page = open_page(stage.url)
        legend = page.locator("#legend")
        expect(legend).to_contain_text("of other networks, not on this chain")
        expect(legend).to_contain_text("field_tester_gps_uplinks")
        expect(legend).to_contain_text("2 Sept 2021")
        legend.get_by_role("button", name="Show them").click()
        expect(legend.get_by_role("button", name="Show them")).to_be_visible()
        # Over the town of most of them.
        page.evaluate("() => { window.hexhaulMap.jumpTo({ center: [5.7500, 45.1885], zoom: 11.2 }); }")
        settle(page)
        bounds = page.evaluate("() => window.hexhaulMap.getBounds().toArray().flat()")
        bbox = ",".join(map(str, bounds))
        hexes = stage.get(f"/observations/hexes?bbox={bbox}")
        assert hexes["meta"]["imported"] is True
        assert hexes["meta"]["count"] > 10
        cells = {feature["properties"]["cell"] for feature in hexes["features"]}
        assert get_drawn(page, ["imported-hexes"], "cell") == cells
        hotspots = stage.get(f"/observations/hotspots?bbox={bbox}")["features"]
        names = {feature["properties"]["hotspot"] for feature in hotspots}
        assert get_drawn(page, ["imported-hotspots"], "hotspot") == names
        take_screenshot(page, "imported")
        legend.get_by_role("checkbox", name="Imported observations").uncheck()
        settle(page)
        assert get_drawn(page, ["imported-hexes"], "cell") == set()
        assert stage.get("/supply") == supply
        assert stage.get("/map/hotspots")["meta"]["network"]["hotspots"] == 14
        page.close()
    finally:
        stage.stop()
