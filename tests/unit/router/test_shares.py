"""What is set aside for whom, and what is counted at the end of a channel."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.purchase.shares import AHEAD_PARTS, choose_counts, decide_allotments
from router.store.database import Database
from router.store.purchases import (
    Channel,
    VoucherTotal,
    buy,
    forget_channel,
    get_available,
    get_committed,
    get_room,
    get_uncommitted,
    list_channels,
    list_totals,
    put_allotment,
    put_channel,
    stop_buying,
)

A, B, C = (bytes([n]) * 33 for n in range(3))
CHANNEL = "aa" * 32


def promise(**totals: int) -> dict[bytes, VoucherTotal]:
    keys = {"a": A, "b": B, "c": C}
    return {keys[name]: VoucherTotal(CHANNEL, keys[name], 1, total, total) for name, total in totals.items()}


def test_whoever_delivers_gets_its_part_ahead() -> None:
    assert decide_allotments(1000, promise(a=3), {}) == {A: 23}
    assert decide_allotments(1000, promise(a=3), {A: 23}) == {}
    assert decide_allotments(1000, promise(a=18), {A: 23}) == {}
    assert decide_allotments(1000, promise(a=19), {A: 23}) == {A: 43}


def test_an_old_promise_is_covered_as_well() -> None:
    assert decide_allotments(1000, promise(a=300), {A: 100}) == {A: 320}


def test_nobody_asked_nobody_gets() -> None:
    assert decide_allotments(1000, {}, {A: 50}) == {}
    assert decide_allotments(1000, promise(a=3, b=3), {}, left_out={A}) == {B: 23}


def test_not_more_than_there_is() -> None:
    assert decide_allotments(1000, promise(a=995), {}) == {A: 1000}
    assert decide_allotments(1000, promise(a=1000), {}) == {}
    assert decide_allotments(1000, promise(a=500), {B: 500}) == {}, "all else is set aside for another"


def test_many_hotspots_get_less_ahead_each() -> None:
    totals = {bytes([n]) * 33: VoucherTotal(CHANNEL, bytes([n]) * 33, 1, 1, 1) for n in range(50)}
    decided = decide_allotments(1000, totals, {})
    assert set(decided) == set(totals)
    assert set(decided.values()) == {1 + 250 // 50}


AMOUNTS = st.dictionaries(st.sampled_from([bytes([n]) * 33 for n in range(8)]), st.integers(0, 60))


@given(st.integers(1, 500), AMOUNTS, AMOUNTS)
def test_the_chain_takes_every_decision(
    amount: int, promised: dict[bytes, int], allotted: dict[bytes, int]
) -> None:
    totals = {hotspot: VoucherTotal(CHANNEL, hotspot, 1, total, 1) for hotspot, total in promised.items()}

    def commit(by_hotspot: dict[bytes, int]) -> int:
        return sum(max(promised.get(h, 0), by_hotspot.get(h, 0)) for h in promised.keys() | by_hotspot.keys())

    if commit(allotted) > amount:
        return
    decided = decide_allotments(amount, totals, allotted)
    assert all(new > allotted.get(hotspot, 0) and new > 0 for hotspot, new in decided.items())
    after = allotted | decided
    assert commit(after) <= amount
    ahead = sum(max(0, after[hotspot] - promised.get(hotspot, 0)) for hotspot in after)
    before = sum(max(0, allotted[hotspot] - promised.get(hotspot, 0)) for hotspot in allotted)
    assert ahead <= max(before, amount // AHEAD_PARTS)


def test_counts() -> None:
    promised = promise(a=30, b=20, c=10)
    assert [total.hotspot for total in choose_counts(promised, {}, 9)] == [A, B, C]
    assert [total.hotspot for total in choose_counts(promised, {A: 30, B: 1}, 9)] == [B, C]
    assert [total.hotspot for total in choose_counts(promised, {A: 25}, 2)] == [B, C]
    assert choose_counts({}, {}, 9) == []


# The store


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "r.db")


def test_what_is_set_aside_for_another_is_not_promised(database: Database) -> None:
    with database.transaction("t") as tx:
        put_channel(tx, CHANNEL, 100, True, 1)
        buy(tx, A, 10, 1)
        put_allotment(tx, CHANNEL, A, 50)
        put_allotment(tx, CHANNEL, A, 40)  # never falls
        put_allotment(tx, CHANNEL, B, 20)
    read = database.read()
    [channel] = list_channels(read)
    assert get_committed(read, CHANNEL) == 70
    assert [get_room(read, channel, key) for key in (A, B, C)] == [70, 50, 30]
    assert (get_available(read), get_uncommitted(read)) == (90, 30)
    with database.transaction("t") as tx:
        put_channel(tx, "bb" * 32, 100, True, 2)
        buy(tx, C, 31, 1)
        buy(tx, A, 1, 1)
    totals = {(total.channel_id[:2], total.hotspot): total.total_data_credits for total in list_totals(read)}
    assert totals == {("aa", A): 10, ("bb", C): 31, ("bb", A): 1}, "the first channel is used up for all"


def test_a_closed_channel_is_bought_from_no_more_and_then_forgotten(database: Database) -> None:
    with database.transaction("t") as tx:
        put_channel(tx, CHANNEL, 100, True, 1)
        buy(tx, A, 10, 1)
        stop_buying(tx, CHANNEL, 77)
        stop_buying(tx, CHANNEL)
        assert list_channels(tx) == [Channel(CHANNEL, 100, False, 77)]
        assert get_available(tx) == get_uncommitted(tx) == 0
        forget_channel(tx, CHANNEL)
        assert not list_channels(tx) and not list_totals(tx)


def test_a_store_of_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    database = Database(path)
    with database.transaction("t") as tx:
        put_channel(tx, CHANNEL, 100, True, 1)
        tx.execute("DROP TABLE allotments")
        tx.execute("ALTER TABLE channels DROP COLUMN closing_at_ms")
        tx.execute("PRAGMA user_version = 1")
    database.close()
    for _ in range(2):
        database = Database(path)
        assert list_channels(database.read()) == [Channel(CHANNEL, 100, True, 0)]
        with database.transaction("t") as tx:
            put_allotment(tx, CHANNEL, A, 5)
        database.close()
