"""Pages and cursors over a socket: every list of the API, walked and abused."""

from __future__ import annotations

import base64
import json
from typing import Any

import h3
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.index.cursors import BadCursor, Question, make_cursor, read_cursor
from tests.unit.explorer.stage import Stage


def walk(http: httpx.Client, path: str, limit: int, **query: Any) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    asked = {**query, "limit": limit}
    while True:
        answer = http.get(f"/v1{path}", params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"items", "cursor"}
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["cursor"] is None:
            return items
        asked["cursor"] = page["cursor"]


@pytest.fixture(scope="module")
def lists(stage: Stage) -> list[str]:
    """All list routes without a value in their path."""
    schema = httpx.get(f"{stage.url}/schema", trust_env=False).json()
    found = []
    for path, methods in schema["paths"].items():
        names = {parameter["name"]: parameter for parameter in methods.get("get", {}).get("parameters", ())}
        if "cursor" in names and "{" not in path:
            by = "?by=hotspot" if "by" in names else ""
            found.append(path.removeprefix("/v1") + by)
    assert len(found) > 15
    return found


def test_pages_of_one_and_of_all_are_the_same(http: httpx.Client, lists: list[str]) -> None:
    filled = 0
    for path in lists:
        path, _, by = path.partition("?by=")
        query = {"by": by} if by else {}
        whole = walk(http, path, 1_000, **query)
        filled += bool(whole)
        limit = 1 if len(whole) < 60 else 37
        assert walk(http, path, limit, **query) == whole, path
    assert filled >= 12


def test_what_the_lists_say(http: httpx.Client, stage: Stage) -> None:
    status = http.get("/v1/status").json()
    blocks = walk(http, "/blocks", 7)
    assert [block["height"] for block in blocks] == list(range(status["height"], 0, -1))
    block = http.get(f"/v1/blocks/{blocks[0]['height']}").json()
    assert (block["hash"], block["time_ms"]) == (blocks[0]["hash"], blocks[0]["time_ms"])
    at = http.get("/v1/blocks/at", params={"time_ms": blocks[3]["time_ms"] + 1}).json()
    assert at == blocks[3]
    hotspots = walk(http, "/hotspots", 3)
    assert len(hotspots) == status["hotspots"] == 14
    one = hotspots[5]
    assert http.get(f"/v1/hotspots/{one['address']}").json() == one
    assert walk(http, "/hotspots", 5, name=one["name"].replace("-", " ").upper()) == [one]
    assert walk(http, "/hotspots", 5, address_prefix=one["address"][:20]) == [one]
    cell = h3.cell_to_parent(one["location"], 9)
    assert one in walk(http, "/hotspots", 5, hex=cell)
    assert walk(http, "/hotspots", 5, owner=one["owner"]) == hotspots
    transactions = walk(http, "/transactions", 4, hotspot=one["address"])
    assert [t["type"] for t in transactions] == ["location_assert", "hotspot_add"]
    included = http.get(f"/v1/transactions/{transactions[0]['id']}").json()
    assert (included["status"], included["height"]) == ("included", transactions[0]["height"])
    rewards = walk(http, "/rewards", 9, hotspot=one["address"])
    sums = walk(http, "/rewards/sums", 5, by="epoch", hotspot=one["address"])
    assert sum(reward["hxt"] for reward in rewards) == sum(row["hxt"] for row in sums) > 0
    statistics = http.get(f"/v1/hotspots/{one['address']}/statistics").json()
    assert statistics["hxt"] == sum(reward["hxt"] for reward in rewards)
    assert statistics["heard_by"] == sum(
        link["heard"] > 0 for link in walk(http, "/witnesses", 50, beaconer=one["address"])
    )
    verdicts = walk(http, "/poc/verdicts", 100, hotspot=one["address"], kind="witness", ok=True)
    assert len(verdicts) == statistics["witnessed"] > 0
    shown = http.get(f"/v1/hexes/{cell}").json()
    assert shown["resolution"] == 9 and shown["hotspots"] >= 1 and shown["beacons_heard"] > 0
    assert walk(http, "/hexes", 2, within=h3.cell_to_parent(cell, 4), resolution=7)
    open_round = http.get("/v1/poc/round").json()
    assert walk(http, "/poc/challenges", 3) == open_round["challenges"]
    entropies = walk(http, "/poc/entropy", 2)
    assert entropies[0]["entropy"] == open_round["entropy"]
    assert http.get(f"/v1/poc/entropy/{open_round['round']}").json() == entropies[0]
    price = http.get("/v1/price").json()
    assert (price["hxt_price"], price["source"]) == (100_000_000, "genesis")
    figures = http.get("/v1/statistics").json()
    assert figures["index_height"] == figures["height"] == status["height"]
    assert figures["transactions_by_type"] == {"hotspot_add": 14, "location_assert": 14}
    assert figures["periods"]["week"]["blocks"] == figures["counts"]["blocks"]
    bonds = walk(http, "/bonds", 5, subject=one["address"])
    assert [(bond["kind"], bond["subject"]) for bond in bonds] == [("hotspot", one["address"])]
    payer = bonds[0]["funder"]
    [account] = [a for a in walk(http, "/accounts", 100) if a["address"] == payer]
    assert account == http.get(f"/v1/accounts/{payer}").json()
    assert walk(http, f"/accounts/{payer}/events", 30, kind="fee_paid")
    escrow = http.get(f"/v1/hotspots/{one['address']}/escrow").json()
    assert sum(row["hxt"] for row in escrow["items"]) == statistics["hxt"] - statistics["released_hxt"]
    assert http.get("/v1/governance").json()["protocol_version"] == 1
    assert http.get("/v1/producer").json()["producer"] == status["producer"]


@pytest.mark.parametrize(
    "path",
    [
        "/hotspots?hex=zz",
        "/hotspots?hex=8f1f8d4b2900000",  # resolution 15
        "/hotspots?owner=x",
        "/hotspots?name=" + "x" * 101,
        "/hotspots?limit=0",
        "/hotspots?limit=1001",
        "/hexes?resolution=9",
        "/hexes?resolution=5&within=881f8d4b29fffff",
        "/hexes/nothing",
        "/rewards?hex=",
        "/rewards?from_ms=-1",
        "/rewards?epoch=9999999999999999999999",
        "/rewards/sums",
        "/rewards/sums?by=colour",
        "/rewards/sums?by=hex&resolution=13",
        "/rewards/sums?by=day&resolution=5",
        "/transactions?type=gift",
        "/transactions?role=payer",
        "/transactions?height=x",
        "/poc/verdicts?kind=rumour",
        "/claims?channel=00",
        "/blocks/at",
        "/blocks/at?time_ms=x",
        "/price/history?cursor=!",
        "/blocks?cursor=" + "A" * 2000,
        "/blocks?cursor=AAAA",
        "/blocks?cursor=",
    ],
)
def test_questions_that_make_no_sense(http: httpx.Client, path: str) -> None:
    answer = http.get(f"/v1{path}")
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] and error["message"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "path", ["/blocks/0", "/epochs/99999", "/poc/entropy/99999", "/routers/{a}", "/hotspots/{a}/statistics"]
)
def test_what_is_not_there(http: httpx.Client, stage: Stage, path: str) -> None:
    answer = http.get(f"/v1{path.format(a=stage.history.owner.public_key.address)}")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"]


def test_a_cursor_belongs_to_its_question(http: httpx.Client) -> None:
    first = http.get("/v1/poc/verdicts", params={"limit": 2, "ok": True}).json()["cursor"]
    assert http.get("/v1/poc/verdicts", params={"limit": 9, "ok": True, "cursor": first}).status_code == 200
    for path, query in (
        ("/v1/poc/verdicts", {}),
        ("/v1/poc/verdicts", {"ok": False}),
        ("/v1/poc/verdicts", {"ok": True, "round": 1}),
        ("/v1/rewards", {}),
        ("/v1/blocks", {}),
        ("/v1/hotspots", {}),
    ):
        answer = http.get(path, params={**query, "cursor": first})
        assert answer.status_code == 400
        assert "another question" in answer.json()["error"]["message"]


def test_a_changed_cursor_is_refused(http: httpx.Client) -> None:
    cursor = http.get("/v1/blocks", params={"limit": 2}).json()["cursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for at in range(len(raw)):
        for bit in (0x01, 0x80):
            changed = bytearray(raw)
            changed[at] ^= bit
            text = base64.urlsafe_b64encode(changed).decode().rstrip("=")
            answer = http.get("/v1/blocks", params={"cursor": text})
            assert answer.status_code == 400, (at, bit)
            assert "cursor" in answer.json()["error"]["message"]
    for text in (cursor[:-2], cursor + "AAAA", cursor.swapcase()):
        assert http.get("/v1/blocks", params={"cursor": text}).status_code == 400


QUESTION = Question(b"g" * 32, "things", {"a": 1, "b": None})
POSITIONS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=60), min_size=1, max_size=3)


@given(POSITIONS)
def test_cursors_come_back(position: list[int | str]) -> None:
    kinds = [type(part) for part in position]
    text = make_cursor(QUESTION, tuple(position))
    assert read_cursor(QUESTION, text, kinds) == tuple(position)
    json.dumps(text)
    for other in (
        QUESTION._replace(resource="others"),
        QUESTION._replace(genesis_hash=b"h" * 32),
        QUESTION._replace(filters={"a": 1, "b": 2}),
        QUESTION._replace(filters={"a": True}),
    ):
        with pytest.raises(BadCursor):
            read_cursor(other, text, kinds)
    with pytest.raises(BadCursor):
        read_cursor(QUESTION, text, [*kinds, int])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(QUESTION, text, [int])
