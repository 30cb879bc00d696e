from typing import Any

import pytest
from msgspec.structs import replace

from chain.ledger.bonds import BONDS, release_free_bonds
from chain.ledger.escrow import add_to_escrow, get_escrow, release_escrow
from chain.ledger.tables import HOTSPOTS
from chain.transactions import HotspotRetire, HotspotTransfer, LocationAssert, Reason, get_signers
from tests.unit.chain.world import CELL, PARAMETERS, World


@pytest.fixture
def world() -> World:
    world = World()
    world.add_hotspot()
    return world


def make(world: World, **changes: Any) -> HotspotTransfer:
    body = HotspotTransfer(
        **world.head("alice"), owner=world["alice"], hotspot=world["hotspot"], new_owner=world["dave"]
    )
    return replace(body, **changes)


def test_it_changes_hands(world: World) -> None:
    before = world.state.get(HOTSPOTS, world["hotspot"])
    assert before is not None
    events = world.apply(make(world))
    assert world.state.get(HOTSPOTS, world["hotspot"]) == replace(before, owner=world["dave"])
    assert events[-1].fields == {
        "hotspot": world["hotspot"],
        "owner": world["alice"],
        "new_owner": world["dave"],
    }


def test_payer_and_old_owner_sign(world: World) -> None:
    assert get_signers(make(world, payer=world["bob"])) == (world["bob"], world["alice"])


def test_the_old_owner_has_no_say_any_more(world: World) -> None:
    world.apply(make(world))
    place = LocationAssert(
        **world.head("alice"),
        owner=world["alice"],
        hotspot=world["hotspot"],
        location=CELL,
        gain_ddbi=20,
        elevation_m=0,
    )
    world.refuse(place, Reason.NOT_OWNER)
    world.apply(replace(place, owner=world["dave"]))
    world.refuse(make(world), Reason.NOT_OWNER)


def test_the_bond_stays_and_goes_back_to_who_paid_it(world: World) -> None:
    bond = world.state.get(BONDS, world["hotspot"])
    world.apply(make(world))
    assert world.state.get(BONDS, world["hotspot"]) == bond
    world.apply(HotspotRetire(**world.head("bob"), owner=world["dave"], hotspot=world["hotspot"]))
    before = world.account("alice").hxt
    release_free_bonds(world.state, world.context.epoch + PARAMETERS.unbonding_epochs)
    assert world.account("alice").hxt == before + PARAMETERS.hotspot_bond_hxt
    world.commit()


def test_escrow_is_paid_to_whoever_owns_it_then(world: World) -> None:
    add_to_escrow(world.state, 2, world["hotspot"], 1_000)
    world.apply(make(world))
    assert get_escrow(world.state, 2, world["hotspot"]) == 1_000
    release_escrow(world.state, 2 + PARAMETERS.escrow_epochs, PARAMETERS)
    assert world.account("dave").hxt == 1_000
    world.commit()


def test_a_retired_one_still_changes_hands(world: World) -> None:
    """Its escrow waits, and an owner's key must be replaceable."""
    world.apply(HotspotRetire(**world.head("alice"), owner=world["alice"], hotspot=world["hotspot"]))
    world.apply(make(world))
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    assert (row.owner, row.status) == (world["dave"], 1)


def test_one_that_a_fault_ended_does_not(world: World) -> None:
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    world.state.put(HOTSPOTS, world["hotspot"], replace(row, status=2))
    world.refuse(make(world), Reason.HOTSPOT_FAULTED)


def test_unknown_hotspot(world: World) -> None:
    world.refuse(make(world, hotspot=world["other"]), Reason.UNKNOWN_HOTSPOT)


def test_not_the_owner(world: World) -> None:
    world.refuse(make(world, owner=world["bob"]), Reason.NOT_OWNER)


def test_to_itself(world: World) -> None:
    world.refuse(make(world, new_owner=world["alice"]), Reason.OWNER_UNCHANGED)


def test_to_the_hotspot(world: World) -> None:
    world.refuse(make(world, new_owner=world["hotspot"]), Reason.HOTSPOT_IS_OWNER)


def test_to_a_key_of_another_network(world: World) -> None:
    key = world["dave"]
    world.refuse(make(world, new_owner=bytes([key[0] & 0x0F]) + key[1:]), Reason.WRONG_NETWORK)


def test_to_no_key(world: World) -> None:
    world.refuse(make(world, new_owner=b"\x1f" + bytes(32)), Reason.INVALID_KEY)
