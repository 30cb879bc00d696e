from typing import Any

import pytest
from msgspec.structs import replace

from chain.ledger.balances import get_supply
from chain.ledger.tables import CHANNELS, DATA_CREDITS, EuiFilter, iterate_carried_data
from chain.transactions import ChannelOpen, Reason, RouterUpdate
from tests.unit.chain.world import World, make_world_with_channel

# Opening


def test_opening_locks() -> None:
    world, channel_id = make_world_with_channel(1000)
    assert world.account("carol").data_credits == 1_000_000 - 1000
    books = get_supply(world.state, DATA_CREDITS)
    assert books.locked == 1000
    channel = world.state.get(CHANNELS, channel_id)
    assert channel is not None
    assert (channel.data_credits, channel.claimed_data_credits) == (1000, 0)


def make_open(world: World, data_credits: int, router: str = "carol") -> ChannelOpen:
    return ChannelOpen(**world.head("alice"), router=world[router], data_credits=data_credits)


def test_open_without_a_router() -> None:
    world = World()
    world.refuse(make_open(world, 10), Reason.UNKNOWN_ROUTER)


def test_open_with_nothing() -> None:
    world, _ = make_world_with_channel()
    world.refuse(make_open(world, 0), Reason.ZERO_AMOUNT)


def test_open_with_more_than_there_is() -> None:
    world, _ = make_world_with_channel(1000)
    world.refuse(make_open(world, 999_001), Reason.INSUFFICIENT_DATA_CREDITS)
    world.apply(make_open(world, 999_000))


# Claiming


def claim(world: World, channel_id: bytes, **changes: Any) -> Any:
    return world.make_claim(world.make_voucher(channel_id, **changes))


def test_claims_pay_the_difference() -> None:
    world, channel_id = make_world_with_channel()
    burnt = get_supply(world.state, DATA_CREDITS).burnt
    first = world.apply(claim(world, channel_id, sequence=3, total_data_credits=10, total_packets=5))
    second = world.apply(claim(world, channel_id, sequence=9, total_data_credits=25, total_packets=12))
    fees = first[0].fields["data_credits"] + second[0].fields["data_credits"]
    assert [e.fields["data_credits"] for e in (first[-1], second[-1])] == [10, 15]
    assert get_supply(world.state, DATA_CREDITS).burnt == burnt + 25 + fees
    assert get_supply(world.state, DATA_CREDITS).locked == 1000 - 25
    [(hotspot, carried)] = iterate_carried_data(world.state, 2)
    assert hotspot == world["hotspot"]
    assert (carried.data_credits, carried.packets) == (25, 12)


def test_an_overdrawn_channel_pays_what_is_left_and_no_more() -> None:
    world, channel_id = make_world_with_channel(100)
    world.add_hotspot("second")
    world.apply(claim(world, channel_id, total_data_credits=70))
    other = world.make_voucher(channel_id, hotspot=world["second"], total_data_credits=70)
    events = world.apply(world.make_claim(other, "second"))
    assert (events[-1].fields["data_credits"], events[-1].fields["unpaid_data_credits"]) == (30, 40)
    assert get_supply(world.state, DATA_CREDITS).locked == 0
    more = claim(world, channel_id, sequence=2, total_data_credits=71)
    world.refuse(more, Reason.CHANNEL_OVERDRAWN)


def test_a_channel_keeps_the_voucher_key_it_was_opened_with() -> None:
    world, channel_id = make_world_with_channel()
    world["new voucher key"]
    update = RouterUpdate(
        **world.head("alice"),
        owner=world["carol"],
        voucher_key=world["new voucher key"],
        grpc="h:1",
        dev_addr_ranges=(),
        eui_filters=(EuiFilter(0, 0),),
    )
    world.apply(update)
    world.refuse(claim(world, channel_id, signer="new voucher key"), Reason.VOUCHER_BAD_SIGNATURE)
    world.apply(claim(world, channel_id, signer="voucher"))


def test_voucher_of_another_chain() -> None:
    world, channel_id = make_world_with_channel()
    world.refuse(claim(world, channel_id, chain_id="elsewhere"), Reason.VOUCHER_OF_OTHER_CHAIN)


def test_only_the_named_hotspot_claims() -> None:
    world, channel_id = make_world_with_channel()
    world.add_hotspot("thief")
    voucher = world.make_voucher(channel_id)
    world.refuse(world.make_claim(voucher, "thief"), Reason.VOUCHER_OF_OTHER_HOTSPOT)


def test_unknown_hotspot() -> None:
    world, channel_id = make_world_with_channel()
    voucher = world.make_voucher(channel_id, hotspot=world["stranger"])
    world.refuse(world.make_claim(voucher, "stranger"), Reason.UNKNOWN_HOTSPOT)


def test_unknown_channel() -> None:
    world, _ = make_world_with_channel()
    world.refuse(claim(world, bytes(32)), Reason.UNKNOWN_CHANNEL)


@pytest.mark.parametrize("signer", ["alice", "carol", "hotspot"])
def test_voucher_signed_by_another(signer: str) -> None:
    world, channel_id = make_world_with_channel()
    world.refuse(claim(world, channel_id, signer=signer), Reason.VOUCHER_BAD_SIGNATURE)


def test_altered_voucher() -> None:
    world, channel_id = make_world_with_channel()
    good = world.make_voucher(channel_id)
    more = replace(good, voucher=replace(good.voucher, total_data_credits=11))
    world.refuse(world.make_claim(more), Reason.VOUCHER_BAD_SIGNATURE)


@pytest.mark.parametrize("sequence", [1, 4, 5])
def test_stale_voucher(sequence: int) -> None:
    world, channel_id = make_world_with_channel()
    world.apply(claim(world, channel_id, sequence=5))
    stale = claim(world, channel_id, sequence=sequence, total_data_credits=99)
    world.refuse(stale, Reason.VOUCHER_STALE)


@pytest.mark.parametrize(("data_credits", "packets"), [(9, 5), (10, 4), (0, 0)])
def test_totals_that_fell(data_credits: int, packets: int) -> None:
    world, channel_id = make_world_with_channel()
    world.apply(claim(world, channel_id))
    fallen = claim(world, channel_id, sequence=2, total_data_credits=data_credits, total_packets=packets)
    world.refuse(fallen, Reason.VOUCHER_TOTAL_FELL)


def test_a_voucher_that_claims_nothing() -> None:
    world, channel_id = make_world_with_channel()
    world.apply(claim(world, channel_id))
    world.refuse(claim(world, channel_id, sequence=2), Reason.VOUCHER_CLAIMS_NOTHING)
