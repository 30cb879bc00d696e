"""The map's API over a socket, as the page and other programs ask it."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h3
import httpx
import pytest
from msgspec.structs import replace

from chain.explorer.live import LiveFeed, TooManyListeners
from chain.explorer.page import StaticFiles, build_content_policy
from chain.keys.address import NETWORK_MAIN
from chain.ledger.tables import HOTSPOTS
from tests.unit.explorer.stage import Stage

OBSERVATION = {
    "observed_at": "2022-01-02T03:04:05Z", "latitude": 45.19, "longitude": 5.72, "hotspot": "somebody",
    "rssi_dbm": -101, "snr_db": 4.5, "frequency_hz": 868_100_000, "spreading_factor": 7, "source": "test",
}  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("chain"), rounds=4)
    yield stage
    stage.stop()


@pytest.fixture
def http(stage: Stage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stage.url, trust_env=False, timeout=20) as client:
        yield client


def test_a_view_holds_what_touches_it(stage: Stage) -> None:
    everything = stage.get("/map/hotspots")
    assert everything["meta"]["count"] == 14 == len(everything["features"])
    assert everything["meta"]["network"]["bounds"][0] == pytest.approx(7.41, abs=0.02)
    lng, lat = everything["features"][0]["geometry"]["coordinates"]
    box = f"bbox={lng - 1e-5},{lat - 1e-5},{lng + 1e-5},{lat + 1e-5}"
    assert stage.get(f"/map/hotspots?{box}")["meta"]["count"] == 1
    # Its hexagon, which it shares with another, reaches far beyond that box, and so do its links.
    assert [f["properties"]["hotspots"] for f in stage.get(f"/map/hexes?{box}")["features"]] == [2]
    address = everything["features"][0]["properties"]["address"]
    links = stage.get(f"/map/links?{box}")["features"]
    assert links
    assert all(address in (f["properties"]["beaconer"], f["properties"]["witness"]) for f in links)
    nothing = "bbox=0,0,1,1"
    assert all(stage.get(f"/map/{of}?{nothing}")["features"] == [] for of in ("hexes", "hotspots", "links"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/map/hexes?bbox=1,2,3", 400),
        ("/map/hexes?bbox=0,50,10,40", 400),
        ("/map/hexes?resolution=9", 400),  # finer than what is public
        ("/map/hexes?resolution=12", 400),
        ("/map/hotspots/nobody", 404),
        ("/map/search", 400),
    ],
)
def test_what_cannot_be_answered_is_said(http: httpx.Client, path: str, status: int) -> None:
    answer = http.get(f"/v1{path}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_nothing_shows_the_asserted_place(stage: Stage) -> None:
    """The ledger knows cells of resolution 12, some 20 m wide: a map for everybody shows resolution 8."""
    hotspots = stage.get("/map/hotspots")
    pages = [stage.get(f"/map/hotspots/{f['properties']['address']}") for f in hotspots["features"]]
    assert all(page["verdicts"] and page["rewards"] for page in pages)
    with httpx.stream("GET", f"{stage.url}/v1/live", trust_env=False) as stream:
        hello = read_events(stream.iter_lines(), 1)
    answers = [hotspots, stage.get("/map/hexes"), stage.get("/map/links"), pages, hello]
    text = json.dumps(answers)
    places = [row.location for _, row in stage.history.state.iterate(HOTSPOTS)]
    assert len(places) == 14
    for place in places:
        assert h3.int_to_str(place) not in text
        assert str(place) not in text
    assert not re.search(r"\b8[9a-f][0-9a-f]{13}\b", text)


def test_search(stage: Stage) -> None:
    hotspot = stage.get("/map/hotspots")["features"][0]
    found = stage.get(f"/map/search?q={hotspot['properties']['name'].split('-')[0]}")["results"]
    assert {"kind": "hotspot", "address": hotspot["properties"]["address"]}.items() <= found[0].items()
    assert [found[0]["lng"], found[0]["lat"]] == hotspot["geometry"]["coordinates"]
    cell = hotspot["properties"]["cell"]
    [found_cell] = stage.get(f"/map/search?q={cell}")["results"]
    assert {"kind": "cell", "cell": cell, "resolution": 8}.items() <= found_cell.items()
    assert h3.latlng_to_cell(found_cell["lat"], found_cell["lng"], 8) == cell
    assert stage.get("/map/search?q=fffffffffffffff")["results"] == []
    assert stage.get("/map/search?q=%20")["results"] == []


def test_a_views_answer_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.explorer.routes.MAX_FEATURES", 5)
    answer = stage.get("/map/hotspots")
    assert len(answer["features"]) == 5
    assert answer["meta"]["left_out"] == 9


def read_events(lines: Iterator[str], count: int) -> list[tuple[str, Any]]:
    events: list[tuple[str, Any]] = []
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            events.append((kind, json.loads(line.removeprefix("data: "))))
        if len(events) == count:
            break
    return events


def test_live(stage: Stage, http: httpx.Client) -> None:
    with http.stream("GET", "/v1/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        [(kind, hello)] = read_events(lines, 1)
        assert kind == "hello"
        assert hello["height"] == stage.get("/status")["height"]
        assert len(hello["sentences"]) == 50
        order = [(row["height"], row["number"]) for row in hello["sentences"]]
        assert order == sorted(order, reverse=True)
        stage.play_rounds(1)
        [(first_kind, first), (kind, block)] = read_events(lines, 2)
    # Two blocks: one took reports in and decided nothing yet, one closed the round.
    assert (first_kind, first["height"]) == ("block", hello["height"] + 1)
    assert not any("verdict" in kind for kind in first["kinds"])
    assert (kind, block["height"]) == ("block", hello["height"] + 2)
    assert {"beacon_verdict", "witness_verdict", "round_opened"} <= set(block["kinds"])
    assert any("witnessed by" in sentence["text"] for sentence in block["sentences"])
    assert {sentence["height"] for sentence in block["sentences"]} == {block["height"]}


def test_a_quiet_stream_stays_open(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.explorer.routes.KEEP_ALIVE_S", 0.01)
    with http.stream("GET", "/v1/live") as stream:
        lines = stream.iter_lines()
        read_events(lines, 1)
        assert [next(lines) for _ in range(4)] == ["", ": still here", "", ": still here"]


def test_live_listeners_are_limited(
    http: httpx.Client, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http.stream("GET", "/v1/live") as first:
        next(first.iter_lines())
        monkeypatch.setattr(LiveFeed, "join", raise_full)
        assert http.get("/v1/live").status_code == 503


def raise_full(_: LiveFeed) -> None:
    raise TooManyListeners("200 listen already: try again later")


def test_imports(stage: Stage, http: httpx.Client) -> None:
    supply = stage.get("/supply")
    answer = http.post("/v1/observations", json=[OBSERVATION, {**OBSERVATION, "latitude": 95}])
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 1, "known_already": 0, "refused": {"position_off_the_map": 1}}
    assert http.post("/v1/observations", json=[OBSERVATION]).json()["known_already"] == 1
    hexes = stage.get("/observations/hexes")
    assert hexes["meta"]["imported"] is hexes["features"][0]["properties"]["imported"] is True
    assert hexes["meta"]["sources"][0]["source"] == "test"
    assert stage.get("/observations/hotspots")["features"] == []  # nobody said where it stands
    # Beside the ledger: nothing else changed.
    assert stage.get("/supply") == supply
    assert stage.get("/map/search?q=somebody")["results"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[{}]", 400),
        (b"not json", 400),
        (b'{"latitude": 1}', 400),
        (json.dumps([OBSERVATION] * 1_001).encode(), 400),
        (b"[" + b" " * 1_100_000 + b"]", 413),
    ],
)
def test_bad_imports(http: httpx.Client, body: bytes, status: int) -> None:
    answer = http.post("/v1/observations", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_thousand_at_once_fit(http: httpx.Client) -> None:
    batch = [{**OBSERVATION, "frequency_hz": 868_000_000 + at, "hotspot": "x" * 52} for at in range(1_000)]
    assert http.post("/v1/observations", json=batch).json()["accepted"] == 1_000
    # Other routes keep their smaller limit.
    assert http.post("/v1/transactions", json={"transaction": "A" * 70_000}).status_code == 413


def test_no_imports_on_a_main_network(
    stage: Stage, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.node, "chain", replace(stage.node.chain, network=NETWORK_MAIN))
    assert http.post("/v1/observations", json=[OBSERVATION]).status_code == 403


def test_the_page_and_its_headers(http: httpx.Client) -> None:
    if StaticFiles().find_missing():
        pytest.skip("the map's libraries are missing: npm ci, python -m chain.explorer.assets")
    page = http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert page.headers["cache-control"] == "no-cache"
    again = http.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    # All that the page names is there, and from here.
    for name in re.findall(r'(?:href|src)="([^"#]+)"', page.text):
        assert name.startswith("/")
        assert http.get(name).status_code == 200, name
    library = http.get("/static/vendor/maplibre-gl.js")
    assert library.headers["content-encoding"] == "gzip"
    assert library.headers["cache-control"] == "public, max-age=86400"
    assert http.get("/favicon.ico").headers["content-type"].startswith("image/svg+xml")


def test_missing_libraries_are_said(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StaticFiles, "find_missing", lambda _: ["h3-js.umd.js"])
    answer = http.get("/")
    assert answer.status_code == 503
    assert "make setup" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "../index.db",
        "..%2f..%2froutes.py",
        "%2e%2e/page.py",
        "/etc/passwd",
        "page/../../page.py",
        "x" * 3000,
    ],
)
def test_no_path_leads_out(stage: Stage, path: str) -> None:
    """Sent raw: a client would tidy the path first."""
    host, _, port = stage.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"GET /static/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split(b" ")[1] in (b"404", b"400")


def test_the_policy_lets_the_owner_reach_the_router_beside() -> None:
    assert "connect-src 'self' http://127.0.0.1:* http://localhost:* https:" in build_content_policy(
        "127.0.0.1:80"
    )
    assert " http://192.168.1.5:* " in build_content_policy("192.168.1.5:8080")
    for host in ("evil.example; script-src *", "[::1]:80", "", "a b"):
        policy = build_content_policy(host)
        assert "script-src 'self';" in policy
        assert "script-src *" not in policy


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    files = StaticFiles(tmp_path)
    first = files.get("a.js")
    assert first is not None
    assert files.get("a.js") is first
    (tmp_path / "a.js").write_text("22")
    os.utime(tmp_path / "a.js", ns=(1, first.changed_ns + 1_000_000))
    second = files.get("a.js")
    assert second is not None
    assert (second.raw, second.etag != first.etag) == (b"22", True)
    assert files.get("b.js") is None
