from typing import Any

import pytest
from msgspec.structs import replace

from chain.data.process_due_channels import process_due_channels
from chain.ledger.bonds import BONDS, Bond, get_router_subject, release_free_bonds
from chain.ledger.tables import ROUTERS, DevAddrRange, EuiFilter, get_successor
from chain.transactions import (
    ChannelAllot,
    ChannelClose,
    ChannelOpen,
    HotspotCredits,
    Reason,
    RouterRegister,
    RouterRetire,
    RouterTransfer,
    RouterUpdate,
)
from tests.unit.chain.world import PARAMETERS, World, make_world_with_channel

BOND_HXT = PARAMETERS.router_bond_hxt


def make(
    world: World, kind: type[RouterRegister] | type[RouterUpdate] = RouterRegister, **changes: Any
) -> Any:
    body = kind(
        **world.head("alice"),
        owner=world["carol"],
        voucher_key=world["voucher"],
        grpc="router.example.org:9081",
        dev_addr_ranges=(DevAddrRange(0x48000000, 0x4800FFFF),),
        eui_filters=(EuiFilter(0, 0),),
    )
    return replace(body, **changes)


def test_router_registers_and_updates() -> None:
    world = World()
    assert world.apply(make(world))[-1].kind == "router_registered"
    assert world.apply(make(world, RouterUpdate, grpc="[::1]:1", eui_filters=()))[-1].kind == "router_updated"
    row = world.state.get(ROUTERS, world["carol"])
    assert row is not None
    assert (row.grpc, row.eui_filters) == ("[::1]:1", ())


def test_register_twice() -> None:
    world = World()
    world.apply(make(world))
    world.refuse(make(world), Reason.ROUTER_EXISTS)


def test_update_what_is_not_there() -> None:
    world = World()
    world.refuse(make(world, RouterUpdate), Reason.UNKNOWN_ROUTER)


@pytest.mark.parametrize(
    "grpc",
    ["", "host", "host:", ":9081", "host:0", "host:65536", "http://host:1", "a b:1", "host:1\n", "ö:1"],
)
def test_addresses_that_are_none(grpc: str) -> None:
    world = World()
    world.refuse(make(world, grpc=grpc), Reason.INVALID_ADDRESS)


def test_too_many_ranges() -> None:
    world = World()
    world.refuse(make(world, dev_addr_ranges=(DevAddrRange(1, 2),) * 9), Reason.TOO_MANY_RANGES)


def test_too_many_filters() -> None:
    world = World()
    world.refuse(make(world, eui_filters=(EuiFilter(1, 2),) * 9), Reason.TOO_MANY_FILTERS)


def test_empty_range() -> None:
    world = World()
    world.refuse(make(world, dev_addr_ranges=(DevAddrRange(2, 1),)), Reason.EMPTY_RANGE)


def test_no_route() -> None:
    world = World()
    world.refuse(make(world, dev_addr_ranges=(), eui_filters=()), Reason.NO_ROUTE)


def test_voucher_key_that_is_no_key() -> None:
    world = World()
    world.refuse(make(world, voucher_key=b"\x15" * 33), Reason.INVALID_KEY)


# The bond


def get_bond(world: World, owner: str = "carol") -> Bond | None:
    return world.state.get(BONDS, get_router_subject(world[owner]))


def test_registering_locks_the_payers_bond() -> None:
    world = World()
    before = world.account("alice").hxt
    events = world.apply(make(world))
    assert world.account("alice").hxt == before - events[0].fields["hxt"] - BOND_HXT
    assert get_bond(world) == Bond(BOND_HXT, world["alice"])
    assert events[-1].fields["bond_hxt"] == BOND_HXT


def test_a_payer_without_the_bond() -> None:
    world = World()
    body = make(world, payer=world["carol"], nonce=1)  # has data credits for the fee, and no HXT
    world.refuse(body, Reason.INSUFFICIENT_HXT)
    world.change_parameters(router_bond_hxt=0)
    world.apply(make(world, payer=world["carol"], nonce=1))
    assert get_bond(world) is None


def test_keys_that_cannot_own_a_router() -> None:
    world = World()
    world.add_hotspot("hotspot")
    world.refuse(make(world, owner=world["hotspot"]), Reason.KEY_IN_USE)
    world.apply(make(world))
    world.apply(transfer(world))
    world.refuse(make(world), Reason.KEY_IN_USE)


# Leaving


def retire(world: World, owner: str = "carol") -> RouterRetire:
    return RouterRetire(**world.head("alice"), owner=world[owner])


def test_a_router_leaves_and_its_bond_comes_free() -> None:
    world = World()
    world.apply(make(world))
    [_, event] = world.apply(retire(world))
    free_epoch = world.context.epoch + PARAMETERS.unbonding_epochs
    assert (event.kind, event.fields["bond_hxt"], event.fields["free_epoch"]) == (
        "router_retired",
        BOND_HXT,
        free_epoch,
    )
    world.refuse(make(world, RouterUpdate), Reason.UNKNOWN_ROUTER)
    world.refuse(retire(world), Reason.UNKNOWN_ROUTER)
    world.refuse(transfer(world), Reason.UNKNOWN_ROUTER)
    opening = ChannelOpen(**world.head("alice"), router=world["carol"], data_credits=1)
    world.refuse(opening, Reason.UNKNOWN_ROUTER)
    world.refuse(make(world), Reason.UNBONDING)
    before = world.account("alice").hxt
    assert release_free_bonds(world.state, free_epoch - 1) == []
    [released] = release_free_bonds(world.state, free_epoch)
    assert released.fields["subject"] == world["carol"]
    assert world.account("alice").hxt == before + BOND_HXT
    world.commit()
    world.apply(make(world))
    assert get_bond(world) == Bond(BOND_HXT, world["alice"])


def test_promises_first() -> None:
    world, channel_id = make_world_with_channel()
    world.refuse(retire(world), Reason.CHANNELS_OPEN)
    close = ChannelClose(**world.head("alice"), router=world["carol"], channel_id=channel_id)
    world.apply(close)
    world.refuse(retire(world), Reason.CHANNELS_OPEN)
    window_ms = PARAMETERS.channel_claim_window_ms + PARAMETERS.epoch_ms
    process_due_channels(world.state, replace(world.context, time_ms=world.context.time_ms + window_ms))
    world.apply(retire(world))


def test_what_was_never_there_does_not_leave() -> None:
    world = World()
    world.refuse(retire(world), Reason.UNKNOWN_ROUTER)


# A new owner


def transfer(world: World, owner: str = "carol", new_owner: str = "eve") -> RouterTransfer:
    return RouterTransfer(**world.head("alice"), owner=world[owner], new_owner=world[new_owner])


def test_everything_goes_to_the_new_owner() -> None:
    world, channel_id = make_world_with_channel()
    before = world.state.get(ROUTERS, world["carol"])
    assert before is not None
    assert world.apply(transfer(world))[-1].kind == "router_transferred"
    assert world.state.get(ROUTERS, world["carol"]) is None
    assert world.state.get(ROUTERS, world["eve"]) == replace(before, owner_changes=1)
    assert get_bond(world) is None
    assert get_bond(world, "eve") == Bond(BOND_HXT, world["alice"])
    allot = ChannelAllot(
        **world.head("alice"),
        signer=world["carol"],
        channel_id=channel_id,
        allotments=(HotspotCredits(world["hotspot"], 5),),
    )
    world.refuse(allot, Reason.NOT_CHANNEL_ROUTER)
    world.apply(replace(allot, signer=world["eve"]))
    close = ChannelClose(**world.head("alice"), router=world["carol"], channel_id=channel_id)
    world.refuse(close, Reason.NOT_CHANNEL_ROUTER)
    world.apply(replace(close, router=world["eve"]))
    window_ms = PARAMETERS.channel_claim_window_ms + PARAMETERS.epoch_ms
    old_credits = world.account("carol").data_credits
    process_due_channels(world.state, replace(world.context, time_ms=world.context.time_ms + window_ms))
    world.commit()
    assert (world.account("carol").data_credits, world.account("eve").data_credits) == (old_credits, 1000)
    row = world.state.get(ROUTERS, world["eve"])
    assert row is not None
    assert row.open_channels == 0


def test_no_way_back_and_no_circle() -> None:
    world = World()
    world.apply(make(world))
    world.apply(transfer(world))
    world.refuse(transfer(world, "eve", "carol"), Reason.KEY_IN_USE)
    world.apply(transfer(world, "eve", "frank"))
    world.refuse(transfer(world, "frank", "carol"), Reason.KEY_IN_USE)
    assert get_successor(world.state, world["carol"]) == world["frank"]
    world.refuse(transfer(world, "carol", "grace"), Reason.UNKNOWN_ROUTER)


def test_new_owners_that_cannot_be() -> None:
    world = World()
    world.apply(make(world))
    world.apply(make(world, owner=world["bob"]))
    world.add_hotspot("hotspot")
    world.refuse(transfer(world, "carol", "carol"), Reason.OWNER_UNCHANGED)
    world.refuse(transfer(world, "carol", "bob"), Reason.ROUTER_EXISTS)
    world.refuse(transfer(world, "carol", "hotspot"), Reason.KEY_IN_USE)
    world.refuse(transfer(world, "dave", "eve"), Reason.UNKNOWN_ROUTER)
    world.apply(retire(world, "bob"))
    world.refuse(transfer(world, "carol", "bob"), Reason.ROUTER_EXISTS)


def test_so_many_owners_and_no_more() -> None:
    world = World()
    world.change_parameters(max_router_owner_changes=2)
    world.apply(make(world))
    for old, new in (("carol", "o1"), ("o1", "o2")):
        world.apply(transfer(world, old, new))
    world.refuse(transfer(world, "o2", "o3"), Reason.KEY_CHANGES_USED_UP)
