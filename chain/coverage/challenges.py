"""Who beacons, when, on which channel, at which data rate and power.

All of it follows from the round's public entropy and the placed hotspots, so nobody coordinates and
everybody can check: the beaconer learns its order when the round opens, its neighbours retune in time,
and a beacon outside its order earns nothing.

- **Who.** ``draw.py``: each placed hotspot once in ``beacon_period_rounds`` rounds on average, never
  foreseeable before the round opens.
- **When.** Drawn hotspots are taken in the order of the draw; each gets the first slot that no drawn
  hotspot of its neighbourhood has. Where all slots of a neighbourhood are taken the rest sit this round
  out.
- **How.** The channel is its region's home channel. Spreading factor and power are dealt by the entropy: who
  invents a report can't know them before others do, and over many beacons an honest receiver's signal follows
  the power that was ordered. Power and asserted gain together are the same for everybody, at most what the
  region allows and a board with a stub antenna can do: asserting a bigger gain only lowers one's own power.

Precedent: Helium's beacons are drawn by the hotspot itself within six hours, frequency from the payload;
HIP-127 asked for ordered data rate and power.
"""

import hashlib
from collections.abc import Iterable

import h3.api.basic_int as h3
import msgspec

from chain.coverage.parameters import CoverageParameters
from chain.coverage.region import get_beacon_radio

CHALLENGE_DOMAIN = b"hexhaul challenge 2"


class PlacedHotspot(msgspec.Struct, frozen=True):
    """A hotspot whose location is on the chain."""

    hotspot: bytes
    """Public key, 33 bytes."""
    location: int
    """H3 cell, resolution 12."""
    gain_ddbi: int
    """Antenna gain, dBi x 10."""
    elevation_m: int = 0


class Challenge(msgspec.Struct, frozen=True, array_like=True):
    """The order to one hotspot to beacon once."""

    hotspot: bytes
    """Public key, 33 bytes."""
    at_ms: int
    """Unix time of the start of the transmission, milliseconds."""
    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int
    conducted_power_dbm: int
    """Power at the board's antenna connector."""
    location: int
    """H3 cell of the beaconer, resolution 12."""
    gain_ddbi: int
    """Antenna gain that the power was computed for, dBi x 10."""


def compute_challenge_hash(entropy: bytes, hotspot: bytes) -> bytes:
    """32 bytes that deal spreading factor and power to a hotspot in a round."""
    return hashlib.sha256(CHALLENGE_DOMAIN + entropy + hotspot).digest()


def compute_slots(parameters: CoverageParameters, round_ms: int) -> int:
    """How many slots a round of this length has: from ``first_slot_ms`` on, none within
    ``closing_margin_ms`` of its opening part.

    At least one where the first slot's beacon leaves the air before the opening part, so that a network of
    very short rounds still beacons; none in what is left of a round that opened too late.
    """
    air_ms = round_ms - parameters.opening_ms
    airtime_ms = parameters.compute_longest_airtime_ms() + 1
    if parameters.first_slot_ms + airtime_ms > air_ms:
        return 0
    room_ms = air_ms - parameters.first_slot_ms - max(parameters.closing_margin_ms, airtime_ms)
    return max(room_ms // max(parameters.slot_interval_ms, 1) + 1, 1)


def compute_ordered_eirp_ddbm(parameters: CoverageParameters, max_eirp_ddbm: int) -> int:
    """Radiated power before any seeded step, dBm x 10, the same for every hotspot of a region: the law's
    limit, or what a board gives at most with the least antenna."""
    return min(max_eirp_ddbm, parameters.board_max_power_dbm * 10 + parameters.minimum_gain_ddbi)


def compute_conducted_power_dbm(
    gain_ddbi: int, parameters: CoverageParameters, max_eirp_ddbm: int | None = None, lowered_db: int = 0
) -> int:
    """Power at the connector, whole dBm: the ordered EIRP less the antenna's gain, rounded down so that the
    sum never exceeds the law, at most what the board gives; then ``lowered_db`` less, though not below what
    the board gives at least."""
    limit_ddbm = parameters.max_eirp_ddbm if max_eirp_ddbm is None else max_eirp_ddbm
    eirp_ddbm = compute_ordered_eirp_ddbm(parameters, limit_ddbm)
    full_dbm = min((eirp_ddbm - gain_ddbi) // 10, parameters.board_max_power_dbm)
    return max(full_dbm - lowered_db, min(full_dbm, parameters.board_min_power_dbm))


def compute_challenges(
    entropy: bytes,
    drawn: Iterable[PlacedHotspot],
    parameters: CoverageParameters,
    opens_at_ms: int,
    closes_at_ms: int | None = None,
) -> tuple[Challenge, ...]:
    """The challenges of the round that opens at ``opens_at_ms`` (Unix ms) with this entropy (32 bytes) to the
    hotspots it drew, in the order of the draw; by time.

    A round whose block came late is shorter than ``round_ms``: ``closes_at_ms`` says when it ends. A hotspot
    that stands in no region of the network is left out.
    """
    slots = compute_slots(
        parameters, parameters.round_ms if closes_at_ms is None else closes_at_ms - opens_at_ms
    )
    taken: dict[int, set[int]] = {}
    challenges: list[Challenge] = []
    for placed in drawn:
        radio = get_beacon_radio(placed.location, parameters)
        if radio is None:
            continue
        home = h3.cell_to_parent(placed.location, parameters.slot_reuse_resolution)
        busy = taken.setdefault(home, set())
        slot = next((candidate for candidate in range(slots) if candidate not in busy), None)
        if slot is None:
            continue
        for neighbour in h3.grid_disk(home, 1):
            taken.setdefault(neighbour, set()).add(slot)
        dealt = compute_challenge_hash(entropy, placed.hotspot)
        factors = parameters.beacon_spreading_factors
        lowered_db = int.from_bytes(dealt[16:], "big") % (parameters.beacon_power_range_db + 1)
        challenges.append(
            Challenge(
                hotspot=placed.hotspot,
                at_ms=opens_at_ms + parameters.first_slot_ms + slot * parameters.slot_interval_ms,
                frequency_hz=radio.frequency_hz,
                spreading_factor=factors[int.from_bytes(dealt[:16], "big") % len(factors)],
                bandwidth_hz=radio.bandwidth_hz,
                conducted_power_dbm=compute_conducted_power_dbm(
                    placed.gain_ddbi, parameters, radio.max_eirp_ddbm, lowered_db
                ),
                location=placed.location,
                gain_ddbi=placed.gain_ddbi,
            )
        )
    challenges.sort(key=lambda challenge: (challenge.at_ms, challenge.hotspot))
    return tuple(challenges)
