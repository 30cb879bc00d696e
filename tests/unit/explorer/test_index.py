"""The index says what the chain's events say, however it got there."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import pytest

from chain.explorer import views
from chain.explorer.index import ExplorerIndex, get_address
from chain.ledger.events import Event, StoredEvent
from chain.ledger.tables import HOTSPOTS
from tests.unit.explorer.history import PLACES, History

BEGIN_MS = 1_700_000_000_000
GENESIS = b"g" * 32


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    history = History(tmp_path_factory.mktemp("chain"), BEGIN_MS)
    history.add_hotspots()
    history.play_rounds(6)
    return history


@pytest.fixture(scope="module")
def events(history: History) -> list[StoredEvent]:
    return history.home.store.get_events(0, 1_000_000)


def fill(path: Path, events: list[StoredEvent]) -> ExplorerIndex:
    index = ExplorerIndex(path)
    index.clear(GENESIS)
    index.apply(events, events[-1].height)
    return index


def dump(index: ExplorerIndex) -> dict[str, Any]:
    """All that the index answers."""
    hotspots = index.get_hotspots()
    return {
        "height": index.get_height(),
        "hotspots": hotspots,
        "coverage": {resolution: index.get_coverage(resolution) for resolution in (8, 7, 4, 2)},
        "links": index.get_links(),
        "pages": [views.view_hotspot_page(index, row, 50) for row in hotspots],
        "sentences": index.get_sentences(500),
    }


def test_sums_are_those_of_the_events(tmp_path: Path, history: History, events: list[StoredEvent]) -> None:
    index = fill(tmp_path / "x.db", events)
    earned, witnessed, rejected, beacons = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for event in events:
        address = get_address(event.fields.get("hotspot"))
        if event.kind == "reward_earned":
            earned[address] += event.fields["hxt"]
        elif event.kind == "witness_verdict":
            (witnessed if event.fields["ok"] else rejected)[address] += 1
        elif event.kind == "beacon_verdict":
            (beacons if event.fields["ok"] else rejected)[address] += 1
    rows = index.get_hotspots()
    assert len(rows) == len(PLACES) == index.count_hotspots()[1]
    for row in rows:
        address = row["address"]
        assert row["hxt"] == earned[address] > 0
        assert row["witnessed"] == witnessed[address]
        assert row["rejected"] == rejected[address]
        assert row["beacons"] == beacons[address] == row["beacons_heard"] == 5
    assert sum(link["heard"] for link in index.get_links()) == sum(witnessed.values())
    assert sum(link["rejected"] for link in index.get_links()) == sum(rejected.values()) > 0
    # A beacon that was heard and an accepted witness are a contact each of their cell, at any resolution.
    contacts = sum(witnessed.values()) + sum(beacons.values())
    for resolution in (8, 7, 5, 2):
        cells = index.get_coverage(resolution)
        assert sum(cell["beacons_heard"] + cell["witnessed"] for cell in cells) == contacts
        assert all(h3.get_resolution(cell["cell"]) == resolution for cell in cells)
        assert sum(cell["hotspots"] for cell in cells) == len(PLACES)
    assert len(index.get_coverage(8)) == len(PLACES) - 1  # two share one


def test_in_pieces_and_after_restarts_it_is_the_same(tmp_path: Path, events: list[StoredEvent]) -> None:
    whole = dump(fill(tmp_path / "whole.db", events))
    path = tmp_path / "pieces.db"
    index = ExplorerIndex(path)
    index.clear(GENESIS)
    for height in range(1, events[-1].height + 1):
        index.apply([event for event in events if event.height == height], height)
        if height % 7 == 0:
            index.close()
            index = ExplorerIndex(path)
            assert index.get_height() == height
    assert dump(index) == whole


def test_a_block_that_fails_leaves_no_trace(tmp_path: Path, events: list[StoredEvent]) -> None:
    index = fill(tmp_path / "x.db", [event for event in events if event.height < 30])
    before = dump(index)
    later = [event for event in events if event.height >= 30]
    broken = StoredEvent(height=99, index=0, time_ms=1, event=Event("reward_earned", {"hotspot": b""}))
    with pytest.raises(KeyError):
        index.apply([*later, broken], 99)
    assert dump(index) == before


def test_an_index_of_another_chain_is_not_taken(tmp_path: Path, events: list[StoredEvent]) -> None:
    index = fill(tmp_path / "x.db", events)
    head = events[-1].height
    assert index.belongs_to(GENESIS, head)
    assert index.belongs_to(GENESIS, head + 5)
    assert not index.belongs_to(b"other" * 6, head)
    assert not index.belongs_to(GENESIS, head - 1)  # ahead of its chain: the chain's store is an older copy
    index.clear(b"other" * 6)
    assert index.get_height() == 0
    assert index.get_hotspots() == index.get_links() == index.get_coverage(8) == []


def test_a_file_that_is_no_database_is_made_anew(tmp_path: Path, events: list[StoredEvent]) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database" * 100)
    whole = dump(fill(path, events))
    assert len(whole["hotspots"]) == len(PLACES)


def test_nothing_shows_the_asserted_place(
    tmp_path: Path, history: History, events: list[StoredEvent]
) -> None:
    """The ledger knows cells of resolution 12, some 20 m wide: a map for everybody shows resolution 8."""
    text = json.dumps(dump(fill(tmp_path / "x.db", events)))
    places = [row.location for _, row in history.state.iterate(HOTSPOTS)]
    assert len(places) == len(PLACES)
    for place in places:
        assert h3.int_to_str(place) not in text
        assert str(place) not in text
    assert not re.search(r"\b8[9a-f][0-9a-f]{13}\b", text)


def test_find(tmp_path: Path, events: list[StoredEvent]) -> None:
    index = fill(tmp_path / "x.db", events)
    row = index.get_hotspots()[3]
    for words in (row["name"], row["name"].replace("-", " ").upper(), row["name"][2:-2], row["address"][:12]):
        assert row["address"] in [found["address"] for found in index.find_hotspots(words, 10)]
    assert index.find_hotspots("%", 50) != []  # no wildcard of its own, but an empty name is part of any
    assert index.find_hotspots("no such animal", 10) == []
    assert index.find_hotspots("'; DROP TABLE hotspot; --", 10) == []


def test_old_rows_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.explorer.index.KEPT_SENTENCES", 10)
    monkeypatch.setattr("chain.explorer.index.PRUNE_EVERY_EVENTS", 5)
    index = ExplorerIndex(tmp_path / "x.db")
    index.clear(GENESIS)
    for height in range(1, 41):
        fields = {"round": height, "entropy": b"", "opened_at_ms": 0, "closes_at_ms": 1, "challenges": 0}
        event = StoredEvent(height=height, index=0, time_ms=height, event=Event("round_opened", fields))
        assert [row["height"] for row in index.apply([event], height)] == [height]
    kept = [row["height"] for row in index.get_sentences(100)]
    assert kept == list(range(40, 30, -1))
