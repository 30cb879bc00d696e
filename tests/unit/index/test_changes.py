"""What becomes of a hotspot's row when its owner, key or state changes, and other rare events."""

from __future__ import annotations

from typing import Any

import h3.api.basic_int as h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.index import find_history, find_hotspots
from chain.index.database import IndexDatabase
from chain.index.find_rewards import RewardFilter, sum_all, sum_rewards
from chain.index.find_verdicts import VerdictFilter, find_verdicts
from chain.index.rendering import get_address
from chain.index.rows import IndexedBlock
from chain.index.seeding import list_hotspots, write_hotspots
from chain.index.taking_in import take_in
from chain.ledger.events import Event, StoredEvent
from tests.unit.chain.world import CELL, make_key
from tests.unit.explorer.history import PLACES, History
from tests.unit.index.answers import dump
from tests.unit.index.conftest import GENESIS

OWNER, BUYER, OLD, NEW, ROUTER = (make_key(number).public_key.binary for number in range(70, 75))
CHANNEL = b"c" * 32


def make_blocks(*blocks: list[tuple[str, dict[str, Any]]]) -> list[IndexedBlock]:
    """Each block a list of (kind, fields)."""
    return [
        IndexedBlock(
            height=height,
            hash=bytes([height]) * 32,
            time_ms=height * 1_000,
            producer=OWNER,
            bytes_in_all=100,
            bundle_root=bytes(32),
            transactions=(),
            events=[
                StoredEvent(height=height, index=index, time_ms=height * 1_000, event=Event(kind, fields))
                for index, (kind, fields) in enumerate(events)
            ],
        )
        for height, events in enumerate(blocks, 1)
    ]


def reward(hotspot: bytes, hxt: int, epoch: int = 0) -> tuple[str, dict[str, Any]]:
    fields = {"hotspot": hotspot, "owner": OWNER, "epoch": epoch, "reward": "beacon", "hxt": hxt, "why": {}}
    return ("reward_earned", fields)


JOIN = [
    ("hotspot_added", {"hotspot": OLD, "owner": OWNER, "payer": OWNER}),
    (
        "location_asserted",
        {"hotspot": OLD, "owner": OWNER, "location": CELL, "gain_ddbi": 21, "elevation_m": 5},
    ),
]
REKEY = ("hotspot_rekeyed", {"hotspot": OLD, "new_hotspot": NEW, "owner": OWNER})


def fill(database: IndexDatabase, blocks: list[IndexedBlock], at_once: bool) -> None:
    for part in [blocks] if at_once else [[block] for block in blocks]:
        take_in(database, part)


def get_row(database: IndexDatabase, key: bytes) -> dict[str, Any]:
    with database.reading() as connection:
        row = find_hotspots.get_hotspot(connection, get_address(key))
        assert row is not None
        return row


@pytest.mark.parametrize("at_once", [True, False])
def test_a_new_key_takes_over_what_the_old_one_did_until_then(database: IndexDatabase, at_once: bool) -> None:
    blocks = make_blocks(
        JOIN,
        [reward(OLD, 100)],
        [reward(OLD, 20), REKEY, reward(NEW, 3)],
        # What was in flight for the old key stays its own.
        [reward(OLD, 7, epoch=1), reward(NEW, 50, epoch=1)],
        [("escrow_released", {"hotspot": NEW, "owner": OWNER, "epoch": 0, "hxt": 60})],
    )
    fill(database, blocks, at_once)
    old, new = get_row(database, OLD), get_row(database, NEW)
    assert (old["state"], old["hxt"], old["location"], old["cell"]) == ("replaced", 127, None, None)
    assert (new["state"], new["hxt"], new["released_hxt"]) == ("active", 173, 60)
    assert (new["location"], new["gain_ddbi"], new["added_height"]) == (CELL, 21, 1)
    with database.reading() as connection:
        assert find_hotspots.count_hotspots(connection) == (1, 1)
        assert [row["address"] for row in find_hotspots.get_placed_hotspots(connection)] == [get_address(NEW)]
        assert sum_all(connection, RewardFilter(cell=CELL))["hxt"] == 100 + 20 + 3 + 50
        named = find_history.find_events(connection, None, 10, subject=get_address(NEW)).items
        assert [event["event"] for event in named] == ["escrow_released", "hotspot_rekeyed"]


@pytest.mark.parametrize("at_once", [True, False])
def test_owners_and_ends(database: IndexDatabase, at_once: bool) -> None:
    blocks = make_blocks(
        JOIN,
        [("hotspot_transferred", {"hotspot": OLD, "owner": OWNER, "new_owner": BUYER})],
        [("hotspot_retired", {"hotspot": OLD, "owner": BUYER, "bond_hxt": 5, "free_epoch": 9})],
    )
    fill(database, blocks[:2], at_once)
    assert get_row(database, OLD)["owner"] == get_address(BUYER)
    with database.reading() as connection:
        found = find_hotspots.find_hotspots(connection, None, 5, owner=get_address(BUYER)).items
        assert len(found) == 1
    fill(database, blocks[2:], at_once)
    assert get_row(database, OLD)["state"] == "retired"
    slashed = make_blocks([], [], [], [("hotspot_slashed", {"hotspot": OLD, "owner": BUYER})])[3:]
    fill(database, slashed, at_once)
    assert get_row(database, OLD)["state"] == "faulted"
    with database.reading() as connection:
        assert find_hotspots.count_hotspots(connection) == (0, 0)
        assert find_hotspots.get_placed_hotspots(connection) == []


def test_claims_counts_prices_and_refused_claims(database: IndexDatabase) -> None:
    claimed = {
        "channel": CHANNEL, "router": ROUTER, "hotspot": OLD, "sequence": 4, "data_credits": 30,
        "packets": 12, "total_data_credits": 90, "unpaid_data_credits": 0,
    }  # fmt: skip
    counted = {
        "channel": CHANNEL, "router": ROUTER, "hotspot": OLD, "data_credits": 5, "packets": 2,
        "unpaid_data_credits": 1,
    }  # fmt: skip
    refused = {
        "hotspot": OLD, "round": 3, "received_at_ms": 1, "ok": False, "reason": "claim_late",
        "reason_code": 1, "measured": 2, "limit": 1,
    }  # fmt: skip
    price = {"hxt_price": 250, "previous_hxt_price": 200, "median": 300, "reporters": 3}
    blocks = make_blocks(
        [*JOIN, ("channel_claimed", claimed)],
        [("channel_counted", counted), ("price_changed", price)],
        [("claim_verdict", refused), ("claim_unopened", {**refused, "reason": "claim_unopened"})],
    )
    take_in(database, blocks)
    with database.reading() as connection:
        claims = find_history.find_claims(connection, None, 10, channel=CHANNEL.hex()).items
        assert [(row["sequence"], row["data_credits"]) for row in claims] == [(None, 5), (4, 30)]
        assert claims == find_history.find_claims(connection, None, 10, router=get_address(ROUTER)).items
        assert claims == find_history.find_claims(connection, None, 10, hotspot=get_address(OLD)).items
        of_channel = find_history.find_events(connection, None, 10, subject=CHANNEL.hex()).items
        assert [event["event"] for event in of_channel] == ["channel_counted", "channel_claimed"]
        [told] = find_history.find_prices(connection, None, 10).items
        assert (told["hxt_price"], told["height"]) == (250, 2)
        wanted = VerdictFilter(hotspot=get_address(OLD), ok=False)
        verdicts = find_verdicts(connection, wanted, None, 10).items
        assert [verdict["reason"] for verdict in verdicts] == ["claim_unopened", "claim_late"]
    row = get_row(database, OLD)
    assert (row["data_credits"], row["packets"], row["rejected"]) == (35, 14, 0)


def test_an_event_that_nobody_foresaw_is_kept(database: IndexDatabase) -> None:
    take_in(database, make_blocks([("something_new", {"whom": [OLD, {"and": NEW}], "number": 5})]))
    with database.reading() as connection:
        for key in (OLD, NEW):
            [event] = find_history.find_events(connection, None, 5, subject=get_address(key)).items
            assert (event["event"], event["number"]) == ("something_new", 5)


def test_big_amounts_add_up(database: IndexDatabase) -> None:
    """Sums beyond 53 bits, and beyond what one 32-bit number holds, to the last unit."""
    amounts = [2**60 + 1, 2**60 + 3, 7]
    take_in(database, make_blocks(JOIN, [reward(OLD, hxt) for hxt in amounts]))
    assert get_row(database, OLD)["hxt"] == sum(amounts)
    with database.reading() as connection:
        [row] = sum_rewards(connection, RewardFilter(), "owner", None, 5).items
        assert row["hxt"] == sum(amounts)


def test_after_a_snapshot_the_hotspots_are_the_ledgers(
    database: IndexDatabase, history: History, blocks: list[IndexedBlock]
) -> None:
    take_in(database, blocks)
    whole = dump(database)
    database.clear(GENESIS)
    write_hotspots(database, list_hotspots(history.state))
    take_in(database, blocks[-8:])
    seeded = dump(database)
    assert len(seeded["hotspots"]) == len(PLACES)
    for column in ("address", "name", "owner", "state", "location", "cell", "added_height", "gain_ddbi"):
        assert [row[column] for row in seeded["hotspots"]] == [row[column] for row in whole["hotspots"]]
    assert [row["address"] for row in seeded["map"]] == [row["address"] for row in whole["map"]]
    # It has blocks now: nothing is written over.
    write_hotspots(database, [])
    assert dump(database) == seeded


KEYS = [make_key(number).public_key.binary for number in range(80, 86)]
CELLS = (CELL, int(h3.cell_to_center_child(h3.cell_to_parent(CELL, 4), 12)))


@st.composite
def histories(draw: st.DrawFn) -> list[list[tuple[str, dict[str, Any]]]]:
    """Blocks of a small network in which hotspots come, move, earn, change hands and keys."""
    unused = list(KEYS)
    there: list[bytes] = []
    ended: list[bytes] = []
    blocks = []
    for _ in range(draw(st.integers(1, 8))):
        events: list[tuple[str, dict[str, Any]]] = []
        for _ in range(draw(st.integers(0, 5))):
            what = draw(st.sampled_from(["add", "place", "earn", "earn late", "rekey", "sell", "retire"]))
            if what == "add" and unused:
                there.append(unused.pop())
                events.append(("hotspot_added", {"hotspot": there[-1], "owner": OWNER, "payer": OWNER}))
            elif what == "earn late" and ended:
                events.append(reward(draw(st.sampled_from(ended)), draw(st.integers(1, 99))))
            elif what == "rekey" and there and unused:
                old, new = there.pop(draw(st.integers(0, len(there) - 1))), unused.pop()
                there.append(new)
                ended.append(old)
                events.append(("hotspot_rekeyed", {"hotspot": old, "new_hotspot": new, "owner": OWNER}))
            elif there and what in ("place", "earn", "sell", "retire"):
                hotspot = draw(st.sampled_from(there))
                more = {"hotspot": hotspot, "owner": OWNER}
                if what == "place":
                    place = {"location": draw(st.sampled_from(CELLS)), "gain_ddbi": 9, "elevation_m": 1}
                    events.append(("location_asserted", {**more, **place}))
                elif what == "earn":
                    events.append(reward(hotspot, draw(st.integers(1, 99))))
                elif what == "sell":
                    events.append(("hotspot_transferred", {**more, "new_owner": BUYER}))
                else:
                    events.append(("hotspot_retired", {**more, "bond_hxt": 0, "free_epoch": 0}))
        blocks.append(events)
    return blocks


@settings(max_examples=40, deadline=None)
@given(histories(), st.integers(1, 7))
def test_one_by_one_or_many_at_once_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[tuple[str, dict[str, Any]]]], size: int
) -> None:
    folder, blocks = tmp_path_factory.mktemp("index"), make_blocks(*history)
    answers = []
    for step in (1, size, len(blocks)):
        database = IndexDatabase(folder / f"{step}.db")
        database.open()
        database.clear(GENESIS)
        for start in range(0, len(blocks), step):
            take_in(database, blocks[start : start + step])
        answers.append(dump(database))
        database.close()
    assert answers[0] == answers[1] == answers[2]
