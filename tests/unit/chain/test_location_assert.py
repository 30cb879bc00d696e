from typing import Any

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.ledger.tables import HOTSPOTS
from chain.transactions import LocationAssert, Reason
from tests.unit.chain.world import CELL, World


@pytest.fixture
def world() -> World:
    world = World()
    world.add_hotspot()
    return world


def make(world: World, **changes: Any) -> LocationAssert:
    body = LocationAssert(
        **world.head("alice"),
        owner=world["alice"],
        hotspot=world["hotspot"],
        location=CELL,
        gain_ddbi=12,
        elevation_m=-3,
    )
    return replace(body, **changes)


def test_hotspot_is_placed(world: World) -> None:
    events = world.apply(make(world))
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    assert (row.location, row.gain_ddbi, row.elevation_m, row.location_height) == (CELL, 12, -3, 7)
    assert events[-1].fields["location"] == CELL


def test_it_can_move(world: World) -> None:
    world.apply(make(world))
    elsewhere = h3.latlng_to_cell(10, 10, 12)
    world.apply(make(world, location=elsewhere))
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    assert row.location == elsewhere


@pytest.mark.parametrize("gain", [10, 150])
def test_gains_at_the_bounds(world: World, gain: int) -> None:
    world.apply(make(world, gain_ddbi=gain))


@pytest.mark.parametrize("gain", [9, 151, -10])
def test_gains_beyond_the_bounds(world: World, gain: int) -> None:
    world.refuse(make(world, gain_ddbi=gain), Reason.INVALID_GAIN)


def test_unknown_hotspot(world: World) -> None:
    world.refuse(make(world, hotspot=world["other"]), Reason.UNKNOWN_HOTSPOT)


def test_not_the_owner(world: World) -> None:
    world.refuse(make(world, owner=world["bob"]), Reason.NOT_OWNER)


@pytest.mark.parametrize("location", [0, 1, CELL + 1, 2**63 - 1])
def test_no_cell(world: World, location: int) -> None:
    world.refuse(make(world, location=location), Reason.INVALID_LOCATION)


@pytest.mark.parametrize("resolution", [8, 11, 13, 15])
def test_other_resolutions(world: World, resolution: int) -> None:
    cell = h3.latlng_to_cell(52.5, 13.4, resolution)
    world.refuse(make(world, location=cell), Reason.WRONG_LOCATION_RESOLUTION)


def test_nothing_new(world: World) -> None:
    world.apply(make(world))
    world.refuse(make(world), Reason.LOCATION_UNCHANGED)
