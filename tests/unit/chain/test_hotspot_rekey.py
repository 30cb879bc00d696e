from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.coverage.tables import (
    LAST_BEACONS,
    REPORT_COUNTS,
    LastBeacon,
    ReportCount,
    get_placed_hotspot,
    get_placed_hotspots,
)
from chain.ledger.bonds import BONDS
from chain.ledger.escrow import add_to_escrow, get_hotspot_escrow, release_escrow
from chain.ledger.exclusions import put_exclusion
from chain.ledger.tables import (
    AUDITORS,
    CARRIED_DATA,
    EXCLUSIONS,
    HOTSPOTS,
    MET,
    SUCCESSORS,
    Auditor,
    CarriedData,
    Exclusion,
    Hotspot,
    Met,
    get_successor,
)
from chain.transactions import HotspotAdd, HotspotRekey, HotspotRetire, LocationAssert, Reason, get_signers
from tests.unit.chain.world import CELL, PARAMETERS, World

EPOCH = (2).to_bytes(8, "big")


@pytest.fixture
def world() -> World:
    world = World()
    world.add_hotspot()
    return world


def make(world: World, **changes: Any) -> HotspotRekey:
    body = HotspotRekey(
        **world.head("alice"), owner=world["alice"], hotspot=world["hotspot"], new_hotspot=world["newer"]
    )
    return replace(body, **changes)


def test_the_new_key_is_the_hotspot(world: World) -> None:
    world.place_hotspot()
    before = world.state.get(HOTSPOTS, world["hotspot"])
    assert before is not None
    events = world.apply(make(world))
    assert world.state.get(HOTSPOTS, world["hotspot"]) is None
    assert world.state.get(HOTSPOTS, world["newer"]) == replace(before, key_changes=1)
    assert get_successor(world.state, world["hotspot"]) == world["newer"]
    assert events[-1].fields == {
        "hotspot": world["hotspot"],
        "new_hotspot": world["newer"],
        "owner": world["alice"],
    }
    world.commit()


def test_payer_owner_and_new_key_sign_and_the_lost_one_does_not(world: World) -> None:
    signers = get_signers(make(world, payer=world["bob"]))
    assert signers == (world["bob"], world["alice"], world["newer"])


def test_bond_and_escrow_go_with_it(world: World) -> None:
    old, new = world["hotspot"], world["newer"]
    bond = world.state.get(BONDS, old)
    assert bond is not None
    add_to_escrow(world.state, 1, old, 11)
    add_to_escrow(world.state, 2, old, 22)
    world.apply(make(world))
    assert world.state.get(BONDS, old) is None
    assert world.state.get(BONDS, new) == bond
    assert get_hotspot_escrow(world.state, old) == []
    assert get_hotspot_escrow(world.state, new) == [(1, 11), (2, 22)]
    before = world.account("alice").hxt
    release_escrow(world.state, 2 + PARAMETERS.escrow_epochs, PARAMETERS)
    assert world.account("alice").hxt == before + 33
    world.commit()


def test_what_it_was_and_did_goes_with_it(world: World) -> None:
    old, new = world["hotspot"], world["newer"]
    rows = (
        (MET, old, new, Met(1, world["auditor"])),
        (AUDITORS, old, new, Auditor(0, 9)),
        (LAST_BEACONS, old, new, LastBeacon(5)),
        (REPORT_COUNTS, old, new, ReportCount(3, 4)),
        (CARRIED_DATA, EPOCH + old, EPOCH + new, CarriedData(10, 5, 7)),
    )
    for table, key, _, row in rows:
        world.state.put(table, key, row)
    world.apply(make(world))
    for table, key, new_key, row in rows:
        assert world.state.get(table, key) is None
        assert world.state.get(table, new_key) == row


def test_its_number_for_the_draw_is_the_new_keys(world: World) -> None:
    world.place_hotspot()
    world.apply(make(world))
    assert get_placed_hotspots(world.state) == 1
    assert get_placed_hotspot(world.state, 0) == world["newer"]
    place = LocationAssert(
        **world.head("alice"),
        owner=world["alice"],
        hotspot=world["newer"],
        location=CELL,
        gain_ddbi=33,
        elevation_m=0,
    )
    world.apply(place)
    assert get_placed_hotspots(world.state) == 1


def test_exclusions_hold_for_the_new_key_alone_and_in_pairs(world: World) -> None:
    old, new = world["hotspot"], world["newer"]
    low, high = b"\x11" + bytes(32), b"\x11" + b"\xff" * 32
    own, paired = Exclusion(9, 1, bytes(32)), Exclusion(8, 2, bytes(32))
    put_exclusion(world.state, (old,), own)
    put_exclusion(world.state, (low, old), paired)
    put_exclusion(world.state, (old, high), paired)
    put_exclusion(world.state, (low, high), paired)
    world.apply(make(world))
    assert dict(world.state.iterate(EXCLUSIONS)) == {
        new: own,
        low + new: paired,
        new + high: paired,
        low + high: paired,
    }
    # And once more: the marks went along.
    world.apply(make(world, hotspot=new, new_hotspot=world["newest"]))
    newest = world["newest"]
    assert set(dict(world.state.iterate(EXCLUSIONS))) == {newest, low + newest, newest + high, low + high}


def test_exclusions_that_have_run_out_are_dropped(world: World) -> None:
    old, low = world["hotspot"], b"\x11" + bytes(32)
    put_exclusion(world.state, (old,), Exclusion(2, 1, bytes(32)))
    put_exclusion(world.state, (low, old), Exclusion(3, 1, bytes(32)))
    world.apply(make(world))
    assert set(dict(world.state.iterate(EXCLUSIONS))) == {low + world["newer"]}


@given(pairs=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))), moves=st.lists(st.integers(0, 5)))
def test_pairs_are_the_same_pairs_under_any_names(pairs: set[tuple[int, int]], moves: list[int]) -> None:
    world = World()
    names = [f"h{at}" for at in range(6)]
    for a, b in pairs:
        if a != b:
            put_exclusion(world.state, (world[names[a]], world[names[b]]), Exclusion(9, 1, bytes(32)))
    for name in names:
        world.state.put(HOTSPOTS, world[name], Hotspot(world["alice"], 1))
    for count, at in enumerate(moves):
        newer = "n" * (count + 1)
        row = world.state.get(HOTSPOTS, world[names[at]])
        assert row is not None
        if row.key_changes < PARAMETERS.max_hotspot_key_changes:
            world.apply(make(world, hotspot=world[names[at]], new_hotspot=world[newer]))
            names[at] = newer
    expected = {b"".join(sorted((world[names[a]], world[names[b]]))) for a, b in pairs if a != b}
    assert set(dict(world.state.iterate(EXCLUSIONS))) == expected


def test_the_old_key_is_spent(world: World) -> None:
    world.apply(make(world))
    add = HotspotAdd(**world.head("alice"), owner=world["bob"], hotspot=world["hotspot"])
    world.refuse(add, Reason.KEY_IN_USE)
    back = make(world, hotspot=world["newer"], new_hotspot=world["hotspot"])
    world.refuse(back, Reason.KEY_IN_USE)
    world.refuse(make(world), Reason.UNKNOWN_HOTSPOT)


def test_key_changes_are_counted(world: World) -> None:
    world.change_parameters(max_hotspot_key_changes=2)
    world.apply(make(world))
    world.apply(make(world, hotspot=world["newer"], new_hotspot=world["newest"]))
    assert get_successor(world.state, world["hotspot"]) == world["newest"]
    last = make(world, hotspot=world["newest"], new_hotspot=world["last"])
    world.refuse(last, Reason.KEY_CHANGES_USED_UP)


def test_new_keys_that_are_no_new_keys(world: World) -> None:
    world.add_hotspot("other")
    world.refuse(make(world, new_hotspot=world["other"]), Reason.HOTSPOT_EXISTS)
    world.refuse(make(world, new_hotspot=world["hotspot"]), Reason.HOTSPOT_EXISTS)
    world.refuse(make(world, new_hotspot=world["alice"]), Reason.HOTSPOT_IS_OWNER)
    world.apply(HotspotRetire(**world.head("alice"), owner=world["alice"], hotspot=world["other"]))
    world.refuse(make(world, new_hotspot=world["other"]), Reason.HOTSPOT_RETIRED)
    row = world.state.get(HOTSPOTS, world["other"])
    assert row is not None
    world.state.put(HOTSPOTS, world["other"], replace(row, status=2))
    world.refuse(make(world, new_hotspot=world["other"]), Reason.HOTSPOT_FAULTED)
    world.register_router(owner="carol")
    world.refuse(make(world, new_hotspot=world["carol"]), Reason.KEY_IN_USE)
    key = world["newer"]
    world.refuse(make(world, new_hotspot=bytes([key[0] & 0x0F]) + key[1:]), Reason.WRONG_NETWORK)
    world.refuse(make(world, new_hotspot=b"\x1f" + key[1:]), Reason.INVALID_KEY)
    assert world.state.get(SUCCESSORS, world["hotspot"]) is None


def test_not_the_owner(world: World) -> None:
    world.refuse(make(world, owner=world["bob"]), Reason.NOT_OWNER)


def test_unknown_hotspot(world: World) -> None:
    world.refuse(make(world, hotspot=world["other"]), Reason.UNKNOWN_HOTSPOT)


@pytest.mark.parametrize(("status", "reason"), [(1, Reason.HOTSPOT_RETIRED), (2, Reason.HOTSPOT_FAULTED)])
def test_one_that_has_ended(world: World, status: int, reason: Reason) -> None:
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    world.state.put(HOTSPOTS, world["hotspot"], replace(row, status=status))
    world.refuse(make(world), reason)
