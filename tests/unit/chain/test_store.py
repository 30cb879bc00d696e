from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.blocks.block_events import encode_events
from chain.ledger.events import Event, render_event
from chain.store.chain_store import (
    BlockCommit,
    ChainStore,
    Head,
    Outcome,
    Pending,
    StoredBundle,
    StoreError,
    _get_prefix_end,
)

HOTSPOT = b"\x11" * 33


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChainStore]:
    store = ChainStore(tmp_path / "chain.db")
    store.write_genesis(bytes(32), Head(0, bytes(32), 5, bytes(32)), [(b"a", b"1"), (b"b", b"2")])
    yield store
    store.close()


def commit(store: ChainStore, height: int, *events: Event, **more: object) -> None:
    head = Head(height, height.to_bytes(32, "big"), 1000 * height, bytes(32))
    changes = more.pop("changes", [])
    store.commit_block(
        BlockCommit(
            head=head,
            raw=b"block %d" % height,
            changes=changes,
            events=len(events),
            encoded_events=encode_events(events),
            **more,
        )
    )


def test_state_rows(store: ChainStore) -> None:
    commit(
        store, 1, changes=[(b"a", None), (b"b", b"3"), (b"ba", b"4"), (b"\xff", b"5"), (b"\xff\xff", b"6")]
    )
    for reader in (store.committed, store.readable):
        assert reader.get(b"a") is None
        assert reader.get(b"b") == b"3"
        assert list(reader.iterate(b"b")) == [(b"b", b"3"), (b"ba", b"4")]
        assert list(reader.iterate(b"\xff")) == [(b"\xff", b"5"), (b"\xff\xff", b"6")]
        assert len(list(reader.iterate(b""))) == 4


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_prefix_ends(prefix: bytes, key: bytes) -> None:
    end = _get_prefix_end(prefix)
    assert key.startswith(prefix) == (prefix <= key and (end is None or key < end))


def test_a_failed_block_leaves_nothing(store: ChainStore) -> None:
    commit(store, 1, changes=[(b"b", b"3")])
    with pytest.raises(sqlite3.IntegrityError):
        commit(store, 1, Event("x", {}), changes=[(b"b", b"4")])
    assert store.committed.get(b"b") == b"3"
    assert store.get_head().height == 1
    assert store.get_events(0, 10) == []


def test_outcomes_settle_what_was_pending(store: ChainStore) -> None:
    one, two = Pending(b"1" * 32, b"raw 1"), Pending(b"2" * 32, b"raw 2")
    report = Pending(b"3" * 32, b"report")
    store.add_pending([one, two], [report])
    store.add_pending([one], [report])
    assert store.get_pending_transactions() == [one, two]
    assert store.get_pending_reports() == [report]
    rejected = Outcome(two.id, 1, None, "nonce_gap", "why")
    commit(store, 1, outcomes=[Outcome(one.id, 1, 0), rejected], settled_reports=[report.id])
    assert store.get_pending_transactions() == store.get_pending_reports() == []
    assert store.get_outcome(two.id) == rejected
    # What was rejected may be sent again and get in; what is in stays in, whatever is said later.
    commit(store, 2, outcomes=[Outcome(two.id, 2, 7)])
    commit(store, 3, outcomes=[Outcome(two.id, 3, None, "nonce_used", "again")])
    assert store.get_outcome(two.id) == Outcome(two.id, 2, 7)
    assert store.get_outcome(bytes(32)) is None


def test_events_by_height_come_in_whole_blocks(store: ChainStore) -> None:
    commit(store, 1, Event("x", {"n": 0}), Event("x", {"n": 1}))
    commit(store, 2)
    commit(store, 3, Event("x", {"n": 2}), Event("x", {"n": 3}), Event("x", {"n": 4}))
    assert [e.fields["n"] for e in store.get_events(0, 100)] == [0, 1, 2, 3, 4]
    assert [e.fields["n"] for e in store.get_events(0, 1)] == [0, 1]
    assert [e.fields["n"] for e in store.get_events(0, 3)] == [0, 1, 2, 3, 4]
    assert [e.fields["n"] for e in store.get_events(2, 1)] == [2, 3, 4]
    assert store.get_events(4, 10) == []
    assert [(e.height, e.index, e.time_ms) for e in store.get_events(3, 1)] == [
        (3, 0, 3000),
        (3, 1, 3000),
        (3, 2, 3000),
    ]


def test_old_bundles_go_a_few_a_block(store: ChainStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.store.chain_store._BUNDLES_PRUNED_PER_BLOCK", 2)
    roots = [bytes([height]) * 32 for height in range(7)]
    for height in range(1, 6):
        bundle = StoredBundle(epoch=height // 3, root=roots[height], raw=b"bundle %d" % height)
        commit(store, height, bundle=bundle)
    assert [store.get_bundle(root) is not None for root in roots] == [False] + [True] * 5 + [False]
    assert store.get_bundle(roots[3]) == b"bundle 3"
    commit(store, 6, oldest_bundle_epoch=1)
    assert [store.get_bundle(root) is not None for root in roots] == [False] * 3 + [True] * 3 + [False]
    commit(store, 7, oldest_bundle_epoch=1)
    commit(store, 8, oldest_bundle_epoch=2)
    commit(store, 9, oldest_bundle_epoch=2)
    assert not any(store.get_bundle(root) for root in roots)


def test_a_whole_state_and_back(store: ChainStore, tmp_path: Path) -> None:
    commit(store, 1, changes=[(b"c", b"3"), (b"\x00", b"4")])
    with store.open_view() as view:
        commit(store, 2, changes=[(b"a", None), (b"d", b"later")])
        assert view.head.height == 1
        assert view.get(b"d") is None
        pairs = list(view.iterate_all())
        head = view.head
    assert pairs == [(b"\x00", b"4"), (b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
    copy = ChainStore(tmp_path / "copy.db")
    copy.write_state(bytes(32), head, iter(pairs))
    assert copy.get_head() == head
    assert list(copy.readable.iterate(b"")) == pairs
    with pytest.raises(StoreError, match="has a state already"):
        copy.write_state(bytes(32), head, pairs)
    copy.close()


def test_a_state_that_breaks_off_is_not_there(tmp_path: Path) -> None:
    def break_off() -> Iterator[tuple[bytes, bytes]]:
        yield b"a", b"1"
        raise OSError("the snapshot's file ends")

    store = ChainStore(tmp_path / "chain.db")
    with pytest.raises(OSError, match="ends"):
        store.write_state(bytes(32), Head(7, bytes(32), 5, bytes(32)), break_off())
    assert store.get_genesis_hash() is None
    assert list(store.readable.iterate(b"")) == []
    store.write_state(bytes(32), Head(7, bytes(32), 5, bytes(32)), [(b"a", b"1")])
    store.close()


def test_rendering_of_an_event(store: ChainStore) -> None:
    fields = {"hotspot": HOTSPOT, "data": b"\x01\x02", "location": 2**60, "why": {"n": 1}, "list": [b"\x03"]}
    commit(store, 1, Event("reward_earned", fields))
    [stored] = store.get_events(1, 1)
    rendered = render_event(stored)
    assert rendered["event"] == "reward_earned"
    assert rendered["hotspot"].startswith("1")
    assert (rendered["data"], rendered["location"]) == ("0102", "1000000000000000")
    assert (rendered["why"], rendered["list"]) == ({"n": 1}, ["03"])


def test_only_one_process_may_have_it_open(store: ChainStore) -> None:
    with pytest.raises(StoreError, match="another node runs"):
        ChainStore(store.path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "chain.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="restore it from a backup"):
        ChainStore(tmp_path / "chain.db")


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chain.db"
    ChainStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema 99"):
        ChainStore(path)


def test_before_the_genesis_there_is_no_head(tmp_path: Path) -> None:
    store = ChainStore(tmp_path / "chain.db")
    assert store.get_genesis_hash() is None
    with pytest.raises(StoreError, match="no genesis"):
        store.get_head()
    store.close()
