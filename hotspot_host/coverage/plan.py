"""What a round asks of this hotspot: its own beacon, and which of the others' to listen for. Pure.

A board hears one data rate at a time, so it leaves the home channel for each beacon it listens to. It does so
for the hotspots near enough to be heard, a choice seeded by the round's entropy, for at most 2 % of the round
but always for a few: in the short rounds of a demonstration 2 % would be less than one beacon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import h3

from chain import api
from chain.coverage.beacon import BEACON_PHY_PAYLOAD_BYTES
from hardware.lora.airtime import compute_time_on_air_us
from hardware.lora.modulation import DataRate

#: The clocks of two hosts, and the board's way to the other channel and back.
LISTEN_MARGIN_US = 60_000
#: Nothing farther is believed by the chain (maximum_distance_m).
FARTHEST_KM = 100.0
AWAY_PPM = 20_000
LEAST_WINDOWS = 4


@dataclass(frozen=True)
class BeaconOrder:
    """Transmit this hotspot's beacon: it starts at ``at_ms`` (Unix time)."""

    at_ms: int
    frequency_hz: int
    data_rate: DataRate
    conducted_power_dbm: int
    time_on_air_us: int


@dataclass(frozen=True)
class ListenOrder:
    """Listen for another's beacon from ``start_us`` (Unix time, microseconds) for ``duration_us``."""

    hotspot: str
    start_us: int
    duration_us: int
    frequency_hz: int
    data_rate: DataRate


@dataclass(frozen=True)
class RoundPlan:
    beacon: BeaconOrder | None
    listens: tuple[ListenOrder, ...]


def compute_plan(poc_round: api.PocRound, hotspot: str, cell: str | None) -> RoundPlan:
    """What ``hotspot`` (address), placed in ``cell``, does in this round."""
    beacon = None
    others: list[api.Challenge] = []
    for challenge in poc_round.challenges:
        if challenge.hotspot == hotspot:
            rate = DataRate(challenge.spreading_factor, challenge.bandwidth_hz)
            beacon = BeaconOrder(
                challenge.at_ms,
                challenge.frequency_hz,
                rate,
                challenge.conducted_power_dbm,
                _compute_beacon_time_us(rate),
            )
        elif cell is None or _compute_distance_km(cell, challenge.location) <= FARTHEST_KM:
            others.append(challenge)
    round_us = (poc_round.closes_at_ms - poc_round.opens_at_ms) * 1000
    chosen = _choose(others, bytes.fromhex(poc_round.entropy), hotspot, round_us * AWAY_PPM // 1_000_000)
    return RoundPlan(beacon, tuple(sorted(chosen, key=lambda order: order.start_us)))


def _choose(
    challenges: Iterable[api.Challenge], entropy: bytes, hotspot: str, budget_us: int
) -> list[ListenOrder]:
    def compute_rank(challenge: api.Challenge) -> bytes:
        return sha256(b"hexhaul listen 1" + entropy + hotspot.encode() + challenge.hotspot.encode()).digest()

    chosen: list[ListenOrder] = []
    used_us = 0
    for challenge in sorted(challenges, key=compute_rank):
        rate = DataRate(challenge.spreading_factor, challenge.bandwidth_hz)
        duration_us = _compute_beacon_time_us(rate) + 2 * LISTEN_MARGIN_US
        if len(chosen) >= LEAST_WINDOWS and used_us + duration_us > budget_us:
            break
        used_us += duration_us
        start_us = challenge.at_ms * 1000 - LISTEN_MARGIN_US
        chosen.append(ListenOrder(challenge.hotspot, start_us, duration_us, challenge.frequency_hz, rate))
    return chosen


def _compute_beacon_time_us(rate: DataRate) -> int:
    return compute_time_on_air_us(BEACON_PHY_PAYLOAD_BYTES, rate.spreading_factor, rate.bandwidth_hz)


def _compute_distance_km(cell: str, other: str) -> float:
    distance = h3.great_circle_distance(h3.cell_to_latlng(cell), h3.cell_to_latlng(other), unit="km")
    return float(distance)
