"""Location assert: the owner says where the hotspot is, how much gain its antenna has and how high it hangs.

Nothing proves an assertion; Proof-of-Coverage judges what the hotspot hears and is heard by from there, and
the fee makes moving about on the map cost something. Precedent: assert_location_v2 (.erl:258-445):
resolution 12 or finer, gain 1.0 to 15.0 dBi; here exactly 12, so that a place has one cell. A hotspot that
only carries data may say where it is as well; it isn't numbered for the draw of challenges.
"""

from __future__ import annotations

import h3.api.basic_int as h3
from msgspec.structs import replace

from chain.coverage.tables import number_placed_hotspot
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import check_owner, get_hotspot_in_service
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS
from chain.transactions.bodies_hotspots import FULL
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import LocationAssert

LOCATION_RESOLUTION = 12


def process_location_assert(state: State, body: LocationAssert, context: BlockContext) -> list[Event]:
    """Write location, gain and elevation. Raises InvalidTransaction."""
    hotspot = get_hotspot_in_service(state, body.hotspot)
    check_owner(hotspot, body.owner)
    check_location(body.location)
    coverage = context.parameters.coverage
    if not coverage.minimum_gain_ddbi <= body.gain_ddbi <= coverage.maximum_gain_ddbi:
        raise InvalidTransaction(
            Reason.INVALID_GAIN,
            f"gain {body.gain_ddbi} dBi x 10: must be {coverage.minimum_gain_ddbi} to "
            f"{coverage.maximum_gain_ddbi}",
        )
    placed = replace(
        hotspot,
        location=body.location,
        gain_ddbi=body.gain_ddbi,
        elevation_m=body.elevation_m,
    )
    if placed == hotspot:
        raise InvalidTransaction(Reason.LOCATION_UNCHANGED, "location, gain and elevation are already these")
    state.put(HOTSPOTS, body.hotspot, replace(placed, location_height=context.height))
    if hotspot.capability == FULL:
        number_placed_hotspot(state, body.hotspot)
    return [
        Event(
            "location_asserted",
            {
                "hotspot": body.hotspot,
                "owner": body.owner,
                "location": body.location,
                "gain_ddbi": body.gain_ddbi,
                "elevation_m": body.elevation_m,
            },
        )
    ]


def check_location(location: int) -> None:
    """A place is an H3 cell of resolution 12. Raises InvalidTransaction (invalid_location,
    wrong_location_resolution).
    """
    if not h3.is_valid_cell(location):
        raise InvalidTransaction(Reason.INVALID_LOCATION, f"{location:x} is no H3 cell")
    resolution = h3.get_resolution(location)
    if resolution != LOCATION_RESOLUTION:
        raise InvalidTransaction(
            Reason.WRONG_LOCATION_RESOLUTION,
            f"H3 cell {location:x} has resolution {resolution}: must be {LOCATION_RESOLUTION}",
        )
