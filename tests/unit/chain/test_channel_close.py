from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.data import process_due_channels as due_channels
from chain.data.calendar import compute_due_time
from chain.data.process_channel_open import process_channel_open
from chain.data.process_due_channels import compute_count_payments
from chain.data.tables import CALENDAR, CHANNEL_COUNTS, CLOSED_CHANNELS, DUE
from chain.ledger.balances import get_supply, mint_data_credits
from chain.ledger.state import Table
from chain.ledger.tables import (
    CHANNEL_CLAIMS,
    CHANNELS,
    DATA_CREDITS,
    ONLY,
    ROUTERS,
    iterate_carried_data,
)
from chain.transactions import ChannelOpen, HotspotCredits, HotspotRekey, InvalidTransaction, Reason
from tests.unit.chain.channel_world import ChannelWorld
from tests.unit.chain.world import PARAMETERS

WINDOW_MS = PARAMETERS.channel_claim_window_ms
STEP_MS = PARAMETERS.epoch_ms // 24


def test_close_keeps_the_time_to_claim_and_returns_the_rest() -> None:
    world = ChannelWorld(1000)
    world.apply(world.claim("hotspot", 100))
    before = world.account("carol").data_credits
    [_, closing] = world.apply(world.close())
    assert closing.fields["why"] == "router"
    assert WINDOW_MS <= world.channel.closing_at_ms - world.context.time_ms < WINDOW_MS + STEP_MS
    world.apply(world.claim("hotspot", 150))
    [settled] = world.end_window()
    assert (settled.fields["claimed_data_credits"], settled.fields["returned_data_credits"]) == (150, 850)
    assert world.account("carol").data_credits == before + 850
    assert get_supply(world.state, DATA_CREDITS).locked == 0


def test_one_millisecond_before_its_end_a_channel_still_pays() -> None:
    world = ChannelWorld(1000)
    world.apply(world.close())
    assert world.pass_time(world.channel.closing_at_ms - 1 - world.context.time_ms) == []
    world.apply(world.claim("hotspot", 1))
    assert [event.kind for event in world.pass_time(1)] == ["channel_settled"]


def test_a_block_at_the_end_still_takes_claims() -> None:
    """Its transactions come first, then what is due: what got into the last block counts."""
    world = ChannelWorld(1000)
    world.apply(world.close())
    world.context = replace(world.context, time_ms=world.channel.closing_at_ms)
    world.apply(world.claim("hotspot", 7))
    [settled] = world.pass_time(0)
    assert settled.fields["claimed_data_credits"] == 7


def test_after_settlement() -> None:
    world = ChannelWorld(1000)
    world.apply(world.close())
    world.end_window()
    world.refuse(world.claim("hotspot", 1), Reason.CHANNEL_CLOSED)
    world.refuse(world.close(), Reason.CHANNEL_CLOSED)
    router = world.state.get(ROUTERS, world["carol"])
    assert router is not None
    assert router.open_channels == 0


def test_who_closes() -> None:
    world = ChannelWorld(1000)
    for key in ("alice", "voucher", "hotspot"):
        world.refuse(world.close(key), Reason.NOT_CHANNEL_ROUTER)
    world.apply(world.close())
    world.refuse(world.close(), Reason.CHANNEL_CLOSING)


def test_a_channel_that_never_was() -> None:
    world = ChannelWorld(1000)
    world.channel_id = bytes(32)
    world.refuse(world.close(), Reason.UNKNOWN_CHANNEL)


# Counts


def test_counts_pay_stock_gateways() -> None:
    world = ChannelWorld(1000)
    world.apply(world.close(hotspot=300, second=200))
    counted = world.end_window()
    assert [event.kind for event in counted] == ["channel_counted", "channel_counted", "channel_settled"]
    carried = dict(iterate_carried_data(world.state, world.context.epoch))
    assert carried[world["hotspot"]].data_credits == 300
    assert (carried[world["second"]].data_credits, carried[world["second"]].packets) == (200, 200)
    assert counted[-1].fields["returned_data_credits"] == 500
    assert not list(world.state.iterate(CHANNEL_COUNTS))


def test_of_count_and_vouchers_the_higher_is_paid_not_the_sum() -> None:
    world = ChannelWorld(1000)
    world.apply(world.claim("hotspot", 100))
    world.apply(world.close(hotspot=150, second=10))
    world.apply(world.claim("second", 40))
    events = world.end_window()
    assert [event.fields["data_credits"] for event in events[:2]] == [50, 0]
    assert events[-1].fields["claimed_data_credits"] == 190


def test_vouchers_come_before_counts() -> None:
    world = ChannelWorld(1000)
    world.apply(world.close(second=1000))
    world.apply(world.claim("hotspot", 900))
    events = world.end_window()
    assert (events[0].fields["data_credits"], events[0].fields["unpaid_data_credits"]) == (100, 900)


def test_overdrawn_counts_are_paid_in_proportion_after_reserves() -> None:
    world = ChannelWorld(1000)
    world.apply(world.allot(second=50))
    world.apply(world.close(second=200, third=300))
    world.apply(world.claim("hotspot", 900))
    events = world.end_window()
    # 100 are left: 50 are second's own; 50 for the 150 + 300 that are still owed, rounded down
    assert [event.fields["data_credits"] for event in events[:2]] == [50 + 16, 33]
    assert events[-1].fields["returned_data_credits"] == 1


@pytest.mark.parametrize("claimed", [0, 400])
def test_counts_beyond_what_is_left(claimed: int) -> None:
    world = ChannelWorld(1000)
    if claimed:
        world.apply(world.claim("hotspot", claimed))
    world.refuse(world.close(hotspot=500, second=501), Reason.COUNT_EXCEEDS_CHANNEL)
    world.apply(world.close(hotspot=500, second=500))


def test_counts_of_strangers_and_of_one_hotspot_twice() -> None:
    world = ChannelWorld(1000)
    world.refuse(world.close(stranger=1), Reason.UNKNOWN_HOTSPOT)
    body = world.close(hotspot=1)
    twice = replace(body, counts=(*body.counts, HotspotCredits(world["hotspot"], 2)))
    world.refuse(twice, Reason.DUPLICATE_HOTSPOT)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8), st.integers(0, 300)
)
def test_count_payments(parts: Sequence[tuple[int, int]], more: int) -> None:
    """Nobody more than owed, nobody less than owed and safe, never more than there is, little left over."""
    owed, reserves = [part[0] for part in parts], [part[1] for part in parts]
    left = sum(reserves) + more
    payments = compute_count_payments(owed, reserves, left)
    assert sum(payments) <= left
    for paid, wanted, safe in zip(payments, owed, reserves, strict=True):
        assert min(wanted, safe) <= paid <= wanted
    assert min(sum(owed), left) - sum(payments) < len(parts)


# Hotspots with a new key


def test_a_replaced_hotspot_claims_what_its_old_key_was_promised() -> None:
    world = ChannelWorld(1000)
    world.apply(world.allot(hotspot=100))
    world.apply(world.claim("hotspot", 10))
    rekey = HotspotRekey(
        **world.head("alice"), owner=world["alice"], hotspot=world["hotspot"], new_hotspot=world["new key"]
    )
    world.apply(rekey)
    voucher = world.make_voucher(world.channel_id, sequence=2, total_data_credits=100, total_packets=10)
    world.refuse(world.make_claim(voucher, "second"), Reason.VOUCHER_OF_OTHER_HOTSPOT)
    [event] = world.apply(world.make_claim(voucher, "new key"))[1:]
    assert (event.fields["hotspot"], event.fields["data_credits"]) == (world["new key"], 90)
    older = world.make_voucher(world.channel_id, sequence=3, total_data_credits=110, total_packets=10)
    world.apply(world.make_claim(older, "hotspot"))  # the old key's signature serves too
    world.apply(world.close(hotspot=150))
    counted = world.end_window()[0]
    assert (counted.fields["hotspot"], counted.fields["data_credits"]) == (world["new key"], 40)
    carried = dict(iterate_carried_data(world.state, world.context.epoch))
    assert carried[world["new key"]].data_credits == 150


# Age


def test_a_forgotten_channel_closes_by_itself() -> None:
    world = ChannelWorld(1000)
    expires_at_ms = world.channel.expires_at_ms
    assert world.pass_time(expires_at_ms - 1 - world.context.time_ms) == []
    [closing] = world.pass_time(1)
    assert (closing.kind, closing.fields["why"]) == ("channel_closing", "expired")
    world.refuse(world.close(), Reason.CHANNEL_CLOSING)
    world.apply(world.claim("hotspot", 3))
    [settled] = world.end_window()
    assert settled.fields["returned_data_credits"] == 997


def test_a_late_block_does_it_late() -> None:
    world = ChannelWorld(1000)
    [closing] = world.pass_time(10 * PARAMETERS.channel_max_epochs * PARAMETERS.epoch_ms)
    assert closing.fields["closing_at_ms"] >= world.context.time_ms + WINDOW_MS


def test_nothing_of_a_channel_remains() -> None:
    world = ChannelWorld(1000)
    for hotspot in ("hotspot", "second"):
        world.apply(world.claim(hotspot, 5))
    world.apply(world.allot(third=5))
    world.apply(world.close(third=7))
    world.end_window()
    assert world.state.get(CLOSED_CHANNELS, world.channel_id) is not None
    assert world.pass_time(PARAMETERS.evidence_epochs * PARAMETERS.epoch_ms) == []
    assert world.state.get(CLOSED_CHANNELS, world.channel_id) is not None
    world.pass_time(STEP_MS)
    tables: tuple[Table[Any], ...] = (CHANNELS, CHANNEL_CLAIMS, CHANNEL_COUNTS, CLOSED_CHANNELS, DUE)
    for table in tables:
        assert not list(world.state.iterate(table)), table
    world.pass_time(PARAMETERS.channel_max_epochs * PARAMETERS.epoch_ms)  # when it would have expired
    calendar = world.state.get(CALENDAR, ONLY)
    assert calendar is not None
    assert calendar.times_ms == ()
    world.refuse(world.claim("hotspot", 9), Reason.UNKNOWN_CHANNEL)


def test_work_of_a_block_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_channels, "MAX_UNITS_PER_BLOCK", 2)
    world = ChannelWorld(1000)
    for hotspot in ("hotspot", "second", "third"):
        world.apply(world.claim(hotspot, 5))
    ids = [world.channel_id, *(world.open_channel(100) for _ in range(4))]
    for world.channel_id in ids:
        world.apply(world.close())
    settled = [len(world.pass_time(WINDOW_MS + STEP_MS)), len(world.pass_time(1)), len(world.pass_time(1))]
    assert settled == [2, 2, 1]
    world.pass_time(PARAMETERS.evidence_epochs * PARAMETERS.epoch_ms + STEP_MS)
    assert list(world.state.iterate(CHANNEL_CLAIMS)), "three rows are more than one block's work"
    for _ in range(8):
        world.pass_time(1)
    assert not list(world.state.iterate(CLOSED_CHANNELS)) and not list(world.state.iterate(CHANNEL_CLAIMS))


@given(st.integers(0, 2**42), st.integers(1, 10**8))
def test_due_times_are_never_early(time_ms: int, epoch_ms: int) -> None:
    due_ms = compute_due_time(time_ms, replace(PARAMETERS, epoch_ms=epoch_ms))
    assert time_ms <= due_ms < time_ms + max(epoch_ms // 24, 1)


# Limits


def test_so_many_channels_and_no_more() -> None:
    world = ChannelWorld(1000)
    world.change_parameters(max_router_channels=2)
    second = world.open_channel(10)
    with pytest.raises(Exception, match="too_many_channels"):
        world.open_channel(10)
    world.channel_id = second
    world.apply(world.close())
    with pytest.raises(Exception, match="too_many_channels"):
        world.open_channel(10)
    world.end_window()
    world.open_channel(10)


def test_the_refund_brings_back_what_had_burnt() -> None:
    world = ChannelWorld(10)
    mint_data_credits(world.state, world["carol"], 0, burnt_hxt=0)
    carol = world.account("carol")
    assert carol.burnt_hxt == 0
    mint_data_credits(world.state, world["carol"], 11, burnt_hxt=1000)
    held = world.account("carol")
    world.channel_id = world.open_channel(held.data_credits)
    assert world.channel.burnt_hxt == 1000
    world.apply(world.claim("hotspot", held.data_credits // 2))
    left = world.channel.burnt_hxt
    world.apply(world.close())
    world.end_window()
    assert world.account("carol").burnt_hxt == left
    [(_, carried)] = iterate_carried_data(world.state, world.context.epoch)
    assert carried.burnt_hxt + left == 1000


def test_an_id_opens_one_channel() -> None:
    """Not to be had by a transaction, whose id has its nonce in it; the rule holds all the same."""
    world = ChannelWorld(10)
    body = ChannelOpen(**world.head("alice"), router=world["carol"], data_credits=1)
    for _ in ("open", "settled"):
        with pytest.raises(InvalidTransaction) as caught:
            process_channel_open(world.state, body, world.channel_id, world.context)
        assert caught.value.code is Reason.CHANNEL_EXISTS
        if world.state.get(CHANNELS, world.channel_id) is not None:
            world.apply(world.close())
            world.end_window()
