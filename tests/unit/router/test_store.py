"""The store: durable when it says so, DevNonces and counters once only, books that add up."""

import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.network.values import Device, QueueItem, Session
from router.store import devices, purchases, queue
from router.store.database import Database, StoreError
from router.store.events import (
    add_event,
    get_unpublished,
    list_events,
    mark_published,
    offer_recent_again,
)

DEVICE = Device(dev_eui=b"\1" * 8, name="d")
SESSION = Session(
    dev_eui=b"\1" * 8, dev_addr=b"\1\2\3\4", nwk_s_key=bytes(16), app_s_key=bytes(16), started_at_ms=1
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "router.db")


def test_durable_private_and_versioned(database: Database, tmp_path: Path) -> None:
    read = database.read()
    assert read.get("PRAGMA synchronous")[0] == 2  # type: ignore[index]
    assert read.get("PRAGMA journal_mode")[0] == "wal"  # type: ignore[index]
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    with database.transaction("t") as tx:
        devices.add_device(tx, DEVICE)
    assert sqlite3.connect(database.path).execute("SELECT count(*) FROM devices").fetchone() == (1,)
    database.close()
    sqlite3.connect(database.path).execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="version 99"):
        Database(database.path)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"nothing like a database" * 100)
    with pytest.raises(StoreError, match=r"damaged\.db"):
        Database(damaged)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction("t") as tx:
        devices.add_device(tx, DEVICE)
        1 / 0  # noqa: B018
    assert devices.list_devices(database.read()) == []


def test_a_dev_nonce_serves_once(database: Database) -> None:
    with database.transaction("t") as tx:
        assert devices.use_dev_nonce(tx, b"\1" * 8, b"\2" * 8, 7, 0)
        assert not devices.use_dev_nonce(tx, b"\1" * 8, b"\2" * 8, 7, 0)
        assert devices.use_dev_nonce(tx, b"\1" * 8, b"\3" * 8, 7, 0)


def test_sessions(database: Database) -> None:
    with database.transaction("t") as tx:
        old = devices.add_session(tx, SESSION)
        pending = Session(
            dev_eui=b"\1" * 8,
            dev_addr=b"\5" * 4,
            nwk_s_key=bytes(16),
            app_s_key=bytes(16),
            started_at_ms=2,
            is_pending=True,
        )
        devices.add_session(tx, pending)
        new = devices.add_session(tx, pending)
    assert [s.session_id for s in devices.get_sessions_of_device(database.read(), b"\1" * 8)] == [new, old]
    session = devices.get_session(database.read(), new)
    assert session is not None
    after = Session(
        **{
            **{f: getattr(session, f) for f in session.__struct_fields__},
            "f_cnt_up": 1,
            "seen_mask": 2**64 - 1,
        }
    )
    with database.transaction("t") as tx:
        assert devices.put_uplink_counter(tx, session, after)
        assert not devices.put_uplink_counter(tx, session, after), "somebody was first"
        assert [devices.reserve_f_cnt_down(tx, new) for _ in range(3)] == [0, 1, 2]
    [active] = devices.get_sessions_of_device(database.read(), b"\1" * 8)
    assert (active.session_id, active.is_pending, active.seen_mask) == (new, False, 2**64 - 1)


def test_a_repeated_command_adds_nothing(database: Database) -> None:
    item = QueueItem(item_id="a", dev_eui=b"\1" * 8, confirmed=False, f_port=1, data=b"x")
    with database.transaction("t") as tx:
        assert queue.add_item(tx, item)
        assert not queue.add_item(tx, item)
        queue.finish_item(tx, "a", 5)
        assert not queue.add_item(tx, item)
        assert queue.list_items(tx, b"\1" * 8) == []


def test_the_outbox(database: Database) -> None:
    with database.transaction("t") as tx:
        for number in range(4):
            add_event(tx, b"\1" * 8, "up", "topic", str(number).encode(), number)
        mark_published(tx, [1], 1_000)
        mark_published(tx, [2], 50_000)
        mark_published(tx, [3], 55_000)
    assert [event.seq for event in get_unpublished(database.read(), 9)] == [4]
    with database.transaction("t") as tx:
        assert offer_recent_again(tx, 10_000) == 2
    assert [event.seq for event in get_unpublished(database.read(), 9)] == [2, 3, 4]
    assert [event.seq for event in list_events(database.read(), b"\1" * 8, 1, 2)] == [2, 3]
    assert [event.seq for event in list_events(database.read(), b"\1" * 8, -1, 2, "up")] == [3, 4]
    assert list_events(database.read(), b"\2" * 8, 0, 2) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("buy"), st.integers(0, 2), st.integers(1, 11)),
            st.tuples(st.just("open"), st.integers(20, 60), st.just(0)),
            st.tuples(st.just("settle"), st.just(0), st.just(0)),
        ),
        max_size=40,
    )
)
def test_the_books_add_up(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, int]]
) -> None:
    """Bought = vouchered + owed; no channel promises more than it holds; a sequence has one total."""
    database = Database(tmp_path_factory.mktemp("books") / "router.db")
    bought, opened = 0, 0
    totals_by_sequence: dict[tuple[str, bytes, int], int] = {}
    for action, first, second in actions:
        with database.transaction("t") as tx:
            if action == "buy":
                purchases.buy(tx, bytes([first]), second, 1)
                bought += second
            elif action == "open":
                opened += 1
                purchases.put_channel(tx, f"{opened:04}", first, True, opened)
            else:
                purchases.settle_debts(tx)
        read = database.read()
        for channel in purchases.list_channels(read):
            assert purchases.get_spent(read, channel.channel_id) <= channel.amount
        for total in purchases.list_totals(read):
            key = (total.channel_id, total.hotspot, total.sequence)
            assert totals_by_sequence.setdefault(key, total.total_data_credits) == total.total_data_credits
        vouchered = sum(total.total_data_credits for total in purchases.list_totals(read))
        assert vouchered + purchases.get_owed(read) == bought
    database.close()
