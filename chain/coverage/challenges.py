"""Who beacons, when, on which channel, at which data rate and power.

All of it follows from the round's public entropy and the placed hotspots, so nobody coordinates and
everybody can check: the beaconer learns its order when the round opens, its neighbours retune in time,
and a beacon outside its order earns nothing.

- **Who.** A hotspot is drawn when its hash with the entropy falls on one of ``beacon_period_rounds``
  chances: once in so many rounds on average, and never foreseeable before the round opens.
- **When.** Drawn hotspots are taken in order of their hashes; each gets the first slot that no drawn
  hotspot of its neighbourhood has. Where all slots of a neighbourhood are taken the rest sit this round out.
- **How.** Channel and data rate are the network's; power is what the region's EIRP leaves for the asserted
  antenna, at most what the board can give.

Precedent: Helium's beacons are drawn by the hotspot itself within six hours, frequency from the payload;
HIP-127 asked for ordered data rate and power.
"""

import hashlib
from collections.abc import Iterable

import h3.api.basic_int as h3
import msgspec

from chain.coverage.parameters import CoverageParameters

CHALLENGE_DOMAIN = b"hexhaul challenge 1"


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
    """32 bytes that draw and order a hotspot in a round."""
    return hashlib.sha256(CHALLENGE_DOMAIN + entropy + hotspot).digest()


def is_drawn(challenge_hash: bytes, beacon_period_rounds: int) -> bool:
    """Whether this hash is one of the ``beacon_period_rounds``-th part that beacons. The draw takes the
    hash's tail and the order its head, so that early slots aren't bound to being drawn."""
    return int.from_bytes(challenge_hash[16:], "big") % max(beacon_period_rounds, 1) == 0


def compute_slots(parameters: CoverageParameters, round_ms: int) -> int:
    """How many slots a round of this length has: from ``first_slot_ms`` on, none within
    ``closing_margin_ms`` of its end.

    At least one where the first slot begins before the end, so that a network of very short rounds still
    beacons; none in what is left of a round that opened too late.
    """
    if round_ms <= parameters.first_slot_ms:
        return 0
    room_ms = round_ms - parameters.first_slot_ms - parameters.closing_margin_ms
    return max(room_ms // max(parameters.slot_interval_ms, 1) + 1, 1)


def compute_conducted_power_dbm(gain_ddbi: int, parameters: CoverageParameters) -> int:
    """Power at the connector, whole dBm: the region's EIRP less the antenna's gain, rounded down so that the
    sum never exceeds the law, at most what the board gives."""
    return min((parameters.max_eirp_ddbm - gain_ddbi) // 10, parameters.board_max_power_dbm)


def compute_challenges(
    entropy: bytes,
    hotspots: Iterable[PlacedHotspot],
    parameters: CoverageParameters,
    opens_at_ms: int,
    closes_at_ms: int | None = None,
) -> tuple[Challenge, ...]:
    """The challenges of the round that opens at ``opens_at_ms`` (Unix ms) with this entropy (32 bytes),
    by time.

    A round whose block came late is shorter than ``round_ms``: ``closes_at_ms`` says when it ends.
    The order in which ``hotspots`` come doesn't matter; a hotspot given twice counts once.
    """
    drawn = sorted(
        (challenge_hash, placed)
        for challenge_hash, placed in {
            placed.hotspot: (compute_challenge_hash(entropy, placed.hotspot), placed) for placed in hotspots
        }.values()
        if is_drawn(challenge_hash, parameters.beacon_period_rounds)
    )
    slots = compute_slots(
        parameters, parameters.round_ms if closes_at_ms is None else closes_at_ms - opens_at_ms
    )
    taken: dict[int, set[int]] = {}
    challenges: list[Challenge] = []
    for _, placed in drawn:
        home = h3.cell_to_parent(placed.location, parameters.slot_reuse_resolution)
        busy = taken.setdefault(home, set())
        slot = next((candidate for candidate in range(slots) if candidate not in busy), None)
        if slot is None:
            continue
        for neighbour in h3.grid_disk(home, 1):
            taken.setdefault(neighbour, set()).add(slot)
        challenges.append(
            Challenge(
                hotspot=placed.hotspot,
                at_ms=opens_at_ms + parameters.first_slot_ms + slot * parameters.slot_interval_ms,
                frequency_hz=parameters.beacon_frequency_hz,
                spreading_factor=parameters.beacon_spreading_factor,
                bandwidth_hz=parameters.beacon_bandwidth_hz,
                conducted_power_dbm=compute_conducted_power_dbm(placed.gain_ddbi, parameters),
                location=placed.location,
                gain_ddbi=placed.gain_ddbi,
            )
        )
    challenges.sort(key=lambda challenge: (challenge.at_ms, challenge.hotspot))
    return tuple(challenges)
