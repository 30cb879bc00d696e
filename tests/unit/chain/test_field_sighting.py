from typing import Any

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.coverage.parameters import RegionArea
from chain.ledger.audits import is_audited
from chain.ledger.tables import AUDITORS, HOTSPOTS, MET, Auditor, Met
from chain.transactions import FieldSighting, HotspotRetire, Reason, get_signers
from tests.unit.chain.world import CELL, World

LATITUDE, LONGITUDE = 52.5, 13.4
#: About 3.3 km south of the hotspot.
NEAR = h3.latlng_to_cell(LATITUDE - 0.03, LONGITUDE, 12)


@pytest.fixture
def world() -> World:
    world = World()
    world.add_hotspot()
    world.place_hotspot()
    world.state.put(AUDITORS, world["tester"], Auditor(kind=1, until_epoch=3))
    return world


def make(world: World, **changes: Any) -> FieldSighting:
    body = FieldSighting(
        **world.head("alice"),
        tester=world["tester"],
        hotspot=world["hotspot"],
        location=NEAR,
        rssi_dbm=-105,
        evidence=b"\x07" * 32,
    )
    return replace(body, **changes)


def test_it_is_met(world: World) -> None:
    assert not is_audited(world.state, world["hotspot"], 2, world.context.parameters)
    (event,) = world.apply(make(world))[1:]
    assert world.state.get(MET, world["hotspot"]) == Met(epoch=2, by=world["tester"])
    assert is_audited(world.state, world["hotspot"], 2, world.context.parameters)
    distance_m = event.fields.pop("distance_m")
    assert 3_290 < distance_m < 3_340
    assert event.fields == {
        "hotspot": world["hotspot"],
        "tester": world["tester"],
        "location": NEAR,
        "rssi_dbm": -105,
        "epoch": 2,
        "evidence": b"\x07" * 32,
    }


def test_payer_and_tester_sign(world: World) -> None:
    assert get_signers(make(world)) == (world["alice"], world["tester"])


def test_who_is_no_tester(world: World) -> None:
    world.refuse(make(world, tester=world["bob"]), Reason.NOT_AUDITOR)


def test_an_audited_hotspot_is_no_tester(world: World) -> None:
    world.state.put(AUDITORS, world["tester"], Auditor(kind=0, until_epoch=3))
    world.refuse(make(world), Reason.NOT_AUDITOR)


def test_a_tester_whose_time_is_up(world: World) -> None:
    world.context = replace(world.context, epoch=3)
    world.refuse(make(world), Reason.NOT_AUDITOR)


def test_a_tester_does_not_vouch_for_its_own(world: World) -> None:
    world.state.put(AUDITORS, world["alice"], Auditor(kind=1, until_epoch=9))
    world.refuse(make(world, tester=world["alice"]), Reason.NOT_AUDITOR)
    world.state.put(AUDITORS, world["hotspot"], Auditor(kind=1, until_epoch=9))
    world.refuse(make(world, tester=world["hotspot"]), Reason.NOT_AUDITOR)


def test_unknown_hotspot(world: World) -> None:
    world.refuse(make(world, hotspot=world["other"]), Reason.UNKNOWN_HOTSPOT)


def test_a_hotspot_without_a_place(world: World) -> None:
    world.add_hotspot("other")
    world.refuse(make(world, hotspot=world["other"]), Reason.INVALID_LOCATION)


def test_hotspots_that_have_ended(world: World) -> None:
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    world.apply(HotspotRetire(**world.head("alice"), owner=world["alice"], hotspot=world["hotspot"]))
    world.refuse(make(world), Reason.HOTSPOT_RETIRED)
    world.state.put(HOTSPOTS, world["hotspot"], replace(row, status=2))
    world.refuse(make(world), Reason.HOTSPOT_FAULTED)


@pytest.mark.parametrize("location", [0, 1, NEAR + 1])
def test_no_cell(world: World, location: int) -> None:
    world.refuse(make(world, location=location), Reason.INVALID_LOCATION)


def test_another_resolution(world: World) -> None:
    world.refuse(make(world, location=h3.cell_to_parent(NEAR, 11)), Reason.WRONG_LOCATION_RESOLUTION)


def test_a_hotspot_in_no_region(world: World) -> None:
    elsewhere = RegionArea("US915", (h3.latlng_to_cell(40, -75, 4),))
    coverage = replace(world.context.parameters.coverage, region_areas=(elsewhere,))
    world.change_parameters(coverage=coverage)
    world.refuse(make(world), Reason.INVALID_LOCATION)


def test_the_largest_distance(world: World) -> None:
    (event,) = world.apply(make(world))[1:]
    distance_m = event.fields["distance_m"]
    world.change_parameters(sighting_maximum_distance_m=distance_m)
    world.apply(make(world))
    world.change_parameters(sighting_maximum_distance_m=distance_m - 1)
    world.refuse(make(world), Reason.SIGHTING_TOO_FAR)


def test_free_space_is_the_limit(world: World) -> None:
    """16.1 dBm EIRP, 9 dBi granted, 3 dB of tolerance, 101.6 dB over 3.3 km: -73.5 dBm."""
    world.apply(make(world, rssi_dbm=-74))
    world.refuse(make(world, rssi_dbm=-73), Reason.SIGHTING_IMPOSSIBLE)


def test_in_the_hotspots_own_cell_a_strong_signal_is_possible(world: World) -> None:
    world.apply(make(world, location=CELL, rssi_dbm=-4))
    world.refuse(make(world, location=CELL, rssi_dbm=0), Reason.SIGHTING_IMPOSSIBLE)


def test_nothing_is_heard_below_the_noise(world: World) -> None:
    """-137.03 dBm at SF12, 6 dB of tolerance."""
    world.apply(make(world, rssi_dbm=-143))
    world.refuse(make(world, rssi_dbm=-144), Reason.SIGHTING_IMPOSSIBLE)
