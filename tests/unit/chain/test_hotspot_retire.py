from typing import Any

import pytest
from msgspec.structs import replace

from chain.ledger.bonds import BONDS, release_free_bonds
from chain.ledger.escrow import add_to_escrow, release_escrow
from chain.ledger.tables import HOTSPOTS
from chain.transactions import HotspotAdd, HotspotRetire, LocationAssert, Reason, get_signers
from chain.transactions.bodies_hotspots import DATA_ONLY
from tests.unit.chain.world import CELL, PARAMETERS, World

BOND = PARAMETERS.hotspot_bond_hxt


@pytest.fixture
def world() -> World:
    world = World()
    world.add_hotspot()
    return world


def make(world: World, **changes: Any) -> HotspotRetire:
    body = HotspotRetire(**world.head("alice"), owner=world["alice"], hotspot=world["hotspot"])
    return replace(body, **changes)


def test_it_leaves(world: World) -> None:
    events = world.apply(make(world))
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    assert row.status == 1
    assert events[-1].fields == {
        "hotspot": world["hotspot"],
        "owner": world["alice"],
        "bond_hxt": BOND,
        "free_epoch": world.context.epoch + PARAMETERS.unbonding_epochs,
    }


def test_payer_and_owner_sign(world: World) -> None:
    assert get_signers(make(world, payer=world["bob"])) == (world["bob"], world["alice"])


def test_the_bond_is_free_after_unbonding_and_no_epoch_sooner(world: World) -> None:
    world.apply(make(world))
    free_epoch = world.context.epoch + PARAMETERS.unbonding_epochs
    assert release_free_bonds(world.state, free_epoch - 1) == []
    assert world.state.get(BONDS, world["hotspot"]) is not None
    before = world.account("alice").hxt
    (event,) = release_free_bonds(world.state, free_epoch)
    assert event.fields["hxt"] == BOND
    assert world.account("alice").hxt == before + BOND
    world.commit()


def test_escrow_is_still_paid(world: World) -> None:
    add_to_escrow(world.state, 2, world["hotspot"], 77)
    before = world.account("alice").hxt
    world.apply(make(world))
    paid = world.account("alice").hxt
    assert paid < before
    release_escrow(world.state, 2 + PARAMETERS.escrow_epochs, PARAMETERS)
    assert world.account("alice").hxt == paid + 77
    world.commit()


def test_a_data_only_hotspot_leaves_without_a_bond() -> None:
    world = World()
    body = HotspotAdd(
        **world.head("alice"), owner=world["alice"], hotspot=world["hotspot"], capability=DATA_ONLY
    )
    world.apply(body)
    fields = world.apply(make(world))[-1].fields
    assert (fields["bond_hxt"], fields["free_epoch"]) == (0, world.context.epoch)


def test_once_only(world: World) -> None:
    world.apply(make(world))
    world.refuse(make(world), Reason.HOTSPOT_RETIRED)


def test_its_key_does_not_join_again(world: World) -> None:
    world.apply(make(world))
    again = HotspotAdd(**world.head("alice"), owner=world["alice"], hotspot=world["hotspot"])
    world.refuse(again, Reason.HOTSPOT_RETIRED)


def test_it_is_placed_nowhere_any_more(world: World) -> None:
    world.apply(make(world))
    place = LocationAssert(
        **world.head("alice"),
        owner=world["alice"],
        hotspot=world["hotspot"],
        location=CELL,
        gain_ddbi=20,
        elevation_m=0,
    )
    world.refuse(place, Reason.HOTSPOT_RETIRED)


def test_one_that_a_fault_ended(world: World) -> None:
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    world.state.put(HOTSPOTS, world["hotspot"], replace(row, status=2))
    world.refuse(make(world), Reason.HOTSPOT_FAULTED)


def test_unknown_hotspot(world: World) -> None:
    world.refuse(make(world, hotspot=world["other"]), Reason.UNKNOWN_HOTSPOT)


def test_not_the_owner(world: World) -> None:
    world.refuse(make(world, owner=world["bob"]), Reason.NOT_OWNER)
