"""Epochs for tests, made by hand or at random: hotspots in a few hexagons, what they heard, who spends
what."""

from collections.abc import Sequence
from typing import Any

import h3.api.basic_int as h3
import msgspec
from hypothesis import strategies as st

from chain.coverage.tables import BeaconTotal, WitnessTotal
from chain.data.carried_data import compute_spent_value
from chain.ledger.net_emission import EpochBurns, compute_net_emission
from chain.ledger.parameters import Parameters
from chain.rewards.demand import Carried, Offer
from chain.rewards.epoch import EpochInputs

RESOLUTION = 8
CENTER = h3.latlng_to_cell(45.1885, 5.7245, RESOLUTION)
#: Hexagons that nobody shares a neighbour with, and neighbours.
HEXES = tuple(sorted(h3.grid_ring(CENTER, 4))[:3]) + tuple(sorted(h3.grid_disk(CENTER, 1))[:3])


def make_hotspot(number: int) -> bytes:
    """A key of 33 bytes."""
    return bytes([1]) + number.to_bytes(32, "big")


def make_place(hex: int, number: int = 0) -> int:
    """The cell (resolution 12) of the hotspot of a number in a hexagon."""
    cells = sorted(h3.cell_to_children(hex, 11))
    return int(h3.cell_to_center_child(cells[7 * number % len(cells)], 12))


class Spending(msgspec.Struct, frozen=True):
    """Data credits that somebody spends: on data that a hotspot carries, or as a bounty for a hexagon."""

    data_credits: int
    burnt_hxt: int
    hotspot: int = 0
    hex: int = 0
    """Not 0: a bounty."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What happens in an epoch beside spending. Hotspots are known by their numbers."""

    places: Sequence[int]
    """Index of HEXES of each hotspot."""
    beacons: dict[int, tuple[int, int]]
    """Hotspot -> (units, reports of witnesses)."""
    witnesses: dict[tuple[int, int], int]
    """(witness, beaconer) -> units."""
    audited: frozenset[int]
    scheduled_hxt: int
    hxt_price: int
    parameters: Parameters
    unplaced: frozenset[int] = frozenset()
    """Hotspots that only carry."""


def make_inputs(story: Story, spendings: Sequence[Spending] = (), fees_hxt: int = 0) -> EpochInputs:
    """The epoch with these spendings and so much burnt for fees."""
    parameters = story.parameters
    active = {
        make_hotspot(number): make_place(HEXES[place], number)
        for number, place in enumerate(story.places)
        if number not in story.unplaced
    }
    carried: dict[bytes, Carried] = {}
    offers = []
    for number, spending in enumerate(spendings):
        value = compute_spent_value(spending.data_credits, spending.burnt_hxt, story.hxt_price)
        if spending.hex:
            if value:
                offers.append(Offer(number.to_bytes(32, "big"), spending.hex, spending.data_credits, value))
            continue
        hotspot = make_hotspot(spending.hotspot)
        known = carried.get(hotspot, Carried(0, 0, 0, active.get(hotspot, 0)))
        carried[hotspot] = Carried(
            known.data_credits + spending.data_credits,
            known.packets + 1,
            known.value_hxt + value,
            known.location,
        )
    net = compute_net_emission(EpochBurns(fees_hxt=fees_hxt), 10**15, parameters.burn_fee_ppm)
    return EpochInputs(
        epoch=7,
        scheduled_hxt=story.scheduled_hxt,
        net_hxt=net.minted_hxt,
        active=active,
        beacons={
            make_hotspot(number): BeaconTotal(units, 1, int(reports > 0))
            for number, (units, reports) in story.beacons.items()
        },
        witnesses={
            (make_hotspot(witness), make_hotspot(beaconer)): WitnessTotal(units, 1)
            for (witness, beaconer), units in story.witnesses.items()
        },
        audited=frozenset(make_hotspot(n) for n in story.audited if n not in story.unplaced),
        carried=carried,
        offers=offers,
        hxt_price=story.hxt_price,
        parameters=parameters,
    )


@st.composite
def make_parameters(draw: st.DrawFn) -> Parameters:
    """Any shares that a network may have."""
    burn_fee = draw(st.sampled_from([0, 1, 50_000, 333_333, 1_000_000]))
    beacon, witness, data = draw(
        st.sampled_from([(60_000, 240_000, 500_000), (0, 0, 900_000), (0, 300_000, 0), (1, 999_998, 1)])
    )
    return Parameters(
        beacon_share_ppm=beacon,
        witness_share_ppm=witness,
        data_share_ppm=data,
        demand_share_ppm=draw(st.sampled_from([0, 1, 300_000, 999_999, 1_000_000])),
        burn_fee_ppm=burn_fee,
        data_return_ppm=draw(st.integers(0, 1_000_000 - burn_fee)),
        unaudited_share_ppm=draw(st.sampled_from([0, 100_000, 999_999])),
    )


@st.composite
def make_story(draw: st.DrawFn) -> Story:
    """A handful of hotspots, some audited, that heard each other or not."""
    places = draw(st.lists(st.integers(0, len(HEXES) - 1), min_size=1, max_size=7))
    numbers = st.integers(0, len(places) - 1)
    edges: dict[tuple[int, int], int] = draw(
        st.dictionaries(
            st.tuples(numbers, numbers).filter(lambda edge: edge[0] != edge[1]),
            st.sampled_from([1, 2_220, 10_000, 70_000]),
            max_size=12,
        )
        if len(places) > 1
        else st.just({})
    )
    reports = {number: sum(beaconer == number for _, beaconer in edges) for number in range(len(places))}
    return Story(
        places=places,
        beacons={n: (2_500 * min(r, 4), r) for n, r in reports.items() if r},
        witnesses=edges,
        audited=frozenset(draw(st.sets(numbers))) if draw(st.booleans()) else frozenset(range(len(places))),
        scheduled_hxt=draw(st.sampled_from([0, 1, 997, 10**6, 10**9 + 7, 8 * 10**12])),
        hxt_price=draw(st.sampled_from([1, 33_333_333, 10**8, 7 * 10**9])),
        parameters=draw(make_parameters()),
        unplaced=frozenset(draw(st.sets(numbers, max_size=1))),
    )


@st.composite
def make_spendings(draw: st.DrawFn, hotspots: int) -> list[Spending]:
    """Somebody's random strategy: on whom and where to spend, of credits that cost much or little."""
    data_credits = st.sampled_from([1, 3, 1_000, 77_777, 10**7, 10**12])
    burnt = st.sampled_from([0, 1, 999, 10**6, 10**10, 10**16])
    on_data: st.SearchStrategy[Any] = st.builds(
        Spending, data_credits, burnt, hotspot=st.integers(0, hotspots - 1)
    )
    on_bounties = st.builds(Spending, data_credits, burnt, hex=st.sampled_from(HEXES))
    return draw(st.lists(on_data | on_bounties, max_size=6))
