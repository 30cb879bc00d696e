"""The index says what the chain's events say, however it got there and whichever database it lies in."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.index import find_history, find_hotspots
from chain.index.database import IndexDatabase, IndexUnavailable
from chain.index.find_hexes import get_coverage, get_hex
from chain.index.find_rewards import RewardFilter, find_rewards, sum_all, sum_rewards
from chain.index.find_verdicts import VerdictFilter, find_verdicts
from chain.index.rendering import get_address
from chain.index.rows import IndexedBlock
from chain.index.taking_in import WrongBlock, take_in
from chain.ledger.events import Event, StoredEvent, render_event
from chain.ledger.tables import HOTSPOTS
from tests.unit.explorer.history import PLACES, History
from tests.unit.index.answers import LISTS, dump, read_all
from tests.unit.index.conftest import GENESIS


@pytest.fixture
def events(blocks: list[IndexedBlock]) -> list[StoredEvent]:
    return [event for block in blocks for event in block.events]


def test_sums_are_those_of_the_events(
    database: IndexDatabase, blocks: list[IndexedBlock], events: list[StoredEvent]
) -> None:
    take_in(database, blocks)
    earned, witnessed, rejected, beacons = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for event in events:
        address = get_address(event.fields.get("hotspot"))
        if event.kind == "reward_earned":
            earned[address] += event.fields["hxt"]
        elif event.kind == "witness_verdict":
            (witnessed if event.fields["ok"] else rejected)[address] += 1
        elif event.kind == "beacon_verdict":
            (beacons if event.fields["ok"] else rejected)[address] += 1
    with database.reading() as connection:
        rows = find_hotspots.get_placed_hotspots(connection)
        assert len(rows) == len(PLACES) == find_hotspots.count_hotspots(connection)[1]
        for row in rows:
            address = row["address"]
            assert row["hxt"] == earned[address]
            assert row["witnessed"] == witnessed[address]
            assert row["rejected"] == rejected[address]
            assert row["beacons"] == beacons[address] == row["beacons_heard"] == 5
        links = find_hotspots.get_map_links(connection)
        assert sum(link["heard"] for link in links) == sum(witnessed.values())
        assert sum(link["rejected"] for link in links) == sum(rejected.values()) > 0
        # A beacon that was heard and an accepted witness are a contact each of their cell, at any resolution.
        contacts = sum(witnessed.values()) + sum(beacons.values())
        for resolution in (8, 7, 5, 2):
            cells = get_coverage(connection, resolution)
            assert sum(cell["beacons_heard"] + cell["witnessed"] for cell in cells) == contacts
            assert all(h3.get_resolution(cell["cell"]) == resolution for cell in cells)
            assert sum(cell["hotspots"] for cell in cells) == len(PLACES)
        assert len(get_coverage(connection, 8)) == len(PLACES) - 1  # two share one


def test_every_event_is_there(
    database: IndexDatabase, blocks: list[IndexedBlock], events: list[StoredEvent]
) -> None:
    take_in(database, blocks)
    with database.reading() as connection:
        found = [
            *read_all(connection, LISTS["events"], 1_000),
            *read_all(connection, LISTS["rewards"], 1_000),
            *read_all(connection, LISTS["verdicts"], 1_000),
        ]
    found.sort(key=lambda event: (event["height"], event["index"]))
    assert found == [render_event(stored) for stored in events]


def test_in_pieces_and_after_restarts_it_is_the_same(url: str, blocks: list[IndexedBlock]) -> None:
    database = IndexDatabase(url)
    database.open()
    database.clear(GENESIS)
    take_in(database, blocks)
    whole = dump(database)
    database.clear(GENESIS)
    choose = random.Random(7)
    at = 0
    while at < len(blocks):
        step = choose.choice((1, 1, 2, 9))
        take_in(database, blocks[at : at + step])
        at += step
        if choose.random() < 0.2:
            database.close()
            database = IndexDatabase(url)
            database.open()
    assert dump(database) == whole
    database.close()


def test_both_databases_answer_the_same(tmp_path: Path, postgres: str, blocks: list[IndexedBlock]) -> None:
    answers = []
    for url in (str(tmp_path / "index.db"), postgres):
        database = IndexDatabase(url)
        database.open()
        database.clear(GENESIS)
        take_in(database, blocks)
        answers.append(dump(database))
        database.close()
    assert answers[0] == answers[1]


def test_pages_of_any_size_hold_the_same(database: IndexDatabase, blocks: list[IndexedBlock]) -> None:
    take_in(database, blocks)
    with database.reading() as connection:
        for name, ask in LISTS.items():
            whole = read_all(connection, ask, 100_000)
            for limit in (1, 3, 50) if len(whole) < 200 else (50,):
                assert read_all(connection, ask, limit) == whole, name


@pytest.mark.parametrize("name", ["blocks", "transactions", "events", "rewards", "verdicts"])
def test_pages_stay_what_they_are_under_new_blocks(
    database: IndexDatabase, blocks: list[IndexedBlock], name: str
) -> None:
    take_in(database, blocks[:-3])
    with database.reading() as connection:
        before = read_all(connection, LISTS[name], 100_000)
        first = LISTS[name](connection, None, 5)
    take_in(database, blocks[-3:])
    with database.reading() as connection:
        rest = LISTS[name](connection, first.after, 100_000)
    assert [*first.items, *rest.items] == before


def test_a_batch_that_fails_leaves_no_trace(database: IndexDatabase, blocks: list[IndexedBlock]) -> None:
    take_in(database, blocks[:30])
    before = dump(database)
    broken = StoredEvent(height=99, index=0, time_ms=1, event=Event("reward_earned", {"hotspot": b""}))
    with pytest.raises(KeyError):
        take_in(database, [*blocks[30:34], replace(blocks[34], events=[broken])])
    # One that the database refuses: the same transaction twice.
    twice = replace(blocks[34], transactions=blocks[0].transactions)
    with pytest.raises(IndexUnavailable):
        take_in(database, [*blocks[30:34], twice])
    assert dump(database) == before


def test_blocks_that_do_not_follow_are_refused(database: IndexDatabase, blocks: list[IndexedBlock]) -> None:
    take_in(database, blocks[:30])
    before = dump(database)
    for wrong in (blocks[29:31], blocks[:1], [blocks[30], blocks[32]], [blocks[31], blocks[30]]):
        with pytest.raises(WrongBlock, match="don't follow on 30"):
            take_in(database, wrong)
    take_in(database, [])
    assert dump(database) == before


def test_after_a_snapshot_there_is_a_gap(database: IndexDatabase, blocks: list[IndexedBlock]) -> None:
    take_in(database, blocks[20:])
    with database.reading() as connection:
        assert database.get_standing(connection).height == blocks[-1].height
        assert [b["height"] for b in read_all(connection, LISTS["blocks"])][-1] == 21


def test_old_verdicts_go_at_the_close_of_an_epoch(
    database: IndexDatabase, blocks: list[IndexedBlock], events: list[StoredEvent]
) -> None:
    closings = [event.time_ms for event in events if event.kind == "epoch_closed"]
    take_in(database, blocks, verdicts_kept_ms=60_000)
    kept = [event for event in events if "verdict" in event.kind and event.time_ms >= closings[-1] - 60_000]
    assert 0 < len(kept) < sum("verdict" in event.kind for event in events)
    whole = dump(database)
    assert len(whole["verdicts"]) == len(kept)
    database.clear(GENESIS)
    for block in blocks:
        take_in(database, [block], verdicts_kept_ms=60_000)
    assert dump(database) == whole


def test_transactions_by_whom_they_name(
    database: IndexDatabase, blocks: list[IndexedBlock], history: History
) -> None:
    take_in(database, blocks)
    hotspot = history.keys[3].public_key.address
    owner = history.owner.public_key.address
    with database.reading() as connection:

        def find(**by: object) -> list[tuple[str, str]]:
            ask = find_history.find_transactions
            rows = read_all(connection, lambda c, after, limit: ask(c, after, limit, **by))  # type: ignore[arg-type]
            return [(row["kind"], row["body"].get("hotspot")) for row in rows]

        assert find(address=hotspot) == [("location_assert", hotspot), ("hotspot_add", hotspot)]
        assert find(address=hotspot, role="hotspot") == find(address=hotspot)
        assert find(address=hotspot, role="payer") == []
        assert len(find(address=owner)) == len(find(address=owner, role="owner")) == 2 * len(PLACES)
        assert len(find(address=owner, kind="hotspot_add")) == len(PLACES)
        assert find(address="nobody") == []
        [one] = find_history.find_transactions(connection, None, 5, height=1).items
        assert find_history.get_transaction(connection, one["id"]) == one
        assert one["body"]["type"] == "hotspot_add"
        assert find_history.get_transaction(connection, "00" * 32) is None
        assert find_history.find_block_at(connection, 0) is None
        last = find_history.find_block_at(connection, blocks[7].time_ms + 1)
        assert last is not None and last["height"] == 8


def test_hotspots(database: IndexDatabase, blocks: list[IndexedBlock], history: History) -> None:
    take_in(database, blocks)
    rows = dict(history.state.iterate(HOTSPOTS))
    key = history.keys[12].public_key
    place = rows[key.binary].location
    with database.reading() as connection:

        def find(**by: object) -> list[str]:
            ask = find_hotspots.find_hotspots
            found = read_all(connection, lambda c, after, limit: ask(c, after, limit, **by))  # type: ignore[arg-type]
            return [row["address"] for row in found]

        everyone = find()
        assert everyone == sorted(key.public_key.address for key in history.keys)
        for words in (key.name, key.name.replace("-", " ").upper(), key.name[2:-2]):
            assert key.address in find(name=words)
        assert find(name="no such animal") == find(name="'; DROP TABLE hotspot; --") == find(name="%_") == []
        assert find(prefix=key.address[:12]) == [key.address]
        assert find(prefix=key.address[:12].swapcase()) == find(prefix="%") == []
        assert find(owner=history.owner.public_key.address) == everyone
        assert find(owner=key.address) == []
        for resolution in range(13):
            cell = h3.cell_to_parent(place, resolution)
            inside = [
                get_address(address)
                for address, row in rows.items()
                if h3.cell_to_parent(row.location, resolution) == cell
            ]
            assert find(cell=cell) == sorted(inside)
            assert get_hex(connection, cell, resolution)["hotspots"] == len(inside)
        assert get_hex(connection, h3.cell_to_parent(place, 8), 8)["beacons_heard"] == 10  # of two hotspots
        assert get_hex(connection, place, 12)["beacons_heard"] == 10
        assert get_hex(connection, h3.cell_to_parent(place, 4), 4)["beacons_heard"] == 5 * len(PLACES)
        row = find_hotspots.get_hotspot(connection, key.address)
        assert row is not None
        assert (row["location"], row["owner"]) == (place, history.owner.public_key.address)
        assert find_hotspots.get_hotspot(connection, "nobody") is None
        [shown] = find_hotspots.search_hotspots(connection, key.name, 5)
        assert shown == find_hotspots.get_map_hotspot(connection, key.address)
        placed = {row["address"]: row for row in find_hotspots.get_placed_hotspots(connection)}
        assert shown == placed[key.address]
        assert shown["crowd"] == 2


def test_rewards(database: IndexDatabase, blocks: list[IndexedBlock], history: History) -> None:
    take_in(database, blocks)
    paid = [event for block in blocks for event in block.events if event.kind == "reward_earned"]
    places = {get_address(key): row.location for key, row in history.state.iterate(HOTSPOTS)}
    total = sum(event.fields["hxt"] for event in paid)
    with database.reading() as connection:
        for by in ("hour", "day", "week", "epoch", "hotspot", "owner", "reward"):
            sums = sum_rewards(connection, RewardFilter(), by, None, 1_000).items
            assert sum(row["hxt"] for row in sums) == total > 0
            assert sum(row["payments"] for row in sums) == len(paid)
        for row in sum_rewards(connection, RewardFilter(), "hour", None, 1_000).items:
            start = row["key"]
            assert start % 3_600_000 == 0
            wanted = RewardFilter(from_ms=start, until_ms=start + 3_600_000)
            assert row["hxt"] == sum_all(connection, wanted)["hxt"]
            assert start <= row["first_ms"] <= row["last_ms"] < start + 3_600_000
        [week] = sum_rewards(connection, RewardFilter(), "week", None, 10).items
        assert week["key"] == 1_699_833_600_000  # Monday, 2023-11-13
        for resolution in range(13):
            expected: Counter[str] = Counter()
            for event in paid:
                cell = h3.cell_to_parent(places[get_address(event.fields["hotspot"])], resolution)
                expected[h3.int_to_str(cell)] += event.fields["hxt"]
            sums = sum_rewards(connection, RewardFilter(), "hex", None, 1_000, resolution).items
            assert {row["key"]: row["hxt"] for row in sums} == expected
            for name, hxt in expected.items():
                assert sum_all(connection, RewardFilter(cell=h3.str_to_int(name)))["hxt"] == hxt
        one = paid[5]
        wanted = RewardFilter(
            hotspot=get_address(one.fields["hotspot"]),
            owner=get_address(one.fields["owner"]),
            epoch=one.fields["epoch"],
            reward=one.fields["reward"],
        )
        assert find_rewards(connection, wanted, None, 10).items == [render_event(one)]
        assert find_rewards(connection, RewardFilter(until_ms=0), None, 10).items == []


def test_verdicts(database: IndexDatabase, blocks: list[IndexedBlock]) -> None:
    take_in(database, blocks)
    said = [event for block in blocks for event in block.events if "verdict" in event.kind]
    by: dict[tuple[str, object], int] = defaultdict(int)
    for event in said:
        fields = event.fields
        by["hotspot", get_address(fields["hotspot"])] += 1
        by["beaconer", get_address(fields.get("beaconer"))] += 1
        for name in ("round", "ok", "reason"):
            by[name, fields[name]] += 1
        by["kind", event.kind] += 1
    with database.reading() as connection:
        for (name, value), number in by.items():
            found = find_verdicts(connection, VerdictFilter(**{name: value}), None, 100_000).items  # type: ignore[arg-type]
            if (name, value) != ("beaconer", ""):
                assert len(found) == number, (name, value)
        both = VerdictFilter(ok=False, reason="bad_rssi", kind="witness_verdict")
        found = find_verdicts(connection, both, None, 100_000).items
        assert 0 < len(found) == sum(event.fields["reason"] == "bad_rssi" for event in said)


def test_an_index_of_another_version_is_made_anew(url: str, blocks: list[IndexedBlock]) -> None:
    database = IndexDatabase(url)
    database.open()
    database.clear(GENESIS)
    take_in(database, blocks[:20])
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE standing SET version = 1")
        connection.exec_driver_sql("ALTER TABLE hotspot RENAME COLUMN owner TO whose")
    database.close()
    database = IndexDatabase(url)
    database.open()
    with database.reading() as connection:
        assert database.get_standing(connection).height == 0
    database.clear(GENESIS)
    take_in(database, blocks)
    assert len(dump(database)["hotspots"]) == len(PLACES)
    database.close()


def test_a_file_that_is_no_database_is_made_anew(tmp_path: Path, blocks: list[IndexedBlock]) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database" * 100)
    database = IndexDatabase(path)
    database.open()
    database.clear(GENESIS)
    take_in(database, blocks)
    assert len(dump(database)["hotspots"]) == len(PLACES)
    database.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://somebody:secret@db/x", "mysql is not known here"),
        ("postgresql://somebody:secret@db:port/x", "no URL"),
        ("postgresql://somebody:secret@127.0.0.1:9/x", "127.0.0.1"),
        ("/proc/nothing/index.db", "unable to open"),
    ],
)
def test_a_database_that_cannot_be_is_told_without_its_password(url: str, words: str) -> None:
    with pytest.raises(IndexUnavailable) as caught:
        IndexDatabase(url).open()
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_dropped_it_is_empty_and_fills_again(url: str, blocks: list[IndexedBlock]) -> None:
    database = IndexDatabase(url)
    database.open()
    database.clear(GENESIS)
    take_in(database, blocks)
    whole = dump(database)
    assert database.measure_bytes() > 100_000
    database.drop()
    database.close()
    database = IndexDatabase(url)
    database.open()
    with database.reading() as connection:
        assert database.get_standing(connection).height == 0
    database.clear(GENESIS)
    take_in(database, blocks)
    assert dump(database) == whole
    database.close()
