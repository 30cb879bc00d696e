"""Which gateway sends a downlink.

Source: ChirpStack v4 ``downlink/helpers.rs`` by behaviour. Gateways that hear the device with enough margin
are all good: one of them is drawn, weighted by how often it heard the device. If none has enough, the best
one sends.
"""

from collections.abc import Hashable, Iterable

import msgspec


class Reception(msgspec.Struct, frozen=True):
    """One gateway's hearing of one uplink. ``margin_db`` is its SNR above what the data rate needs."""

    gateway: Hashable
    margin_db: float
    rssi_dbm: float
    is_allowed: bool = True
    priority: int = 1


class Candidate(msgspec.Struct, frozen=True):
    """A gateway that may send, and its weight in the draw."""

    gateway: Hashable
    weight: int


def select_downlink_gateways(receptions: Iterable[Reception], min_margin_db: float) -> tuple[Candidate, ...]:
    """The gateways to draw from, in the order of their first hearing; empty if none is allowed.

    ``is_allowed`` is False for gateways that send for other tenants only.
    """
    heard: dict[Hashable, list[Reception]] = {}
    for reception in receptions:
        if reception.is_allowed:
            heard.setdefault(reception.gateway, []).append(reception)
    if not heard:
        return ()
    margins = {gateway: _mean([r.margin_db for r in rs]) for gateway, rs in heard.items()}
    good = tuple(
        Candidate(gateway, len(rs) * max(1, rs[-1].priority))
        for gateway, rs in heard.items()
        if margins[gateway] >= min_margin_db
    )
    if good:
        return good
    best = max(heard, key=lambda gateway: (margins[gateway], _mean([r.rssi_dbm for r in heard[gateway]])))
    return (Candidate(best, 1),)


def draw_gateway(candidates: tuple[Candidate, ...], number: float) -> Hashable:
    """One of ``candidates`` (not empty) by ``number``, a random number from 0 up to but not including 1."""
    place = number * sum(candidate.weight for candidate in candidates)
    for candidate in candidates:
        place -= candidate.weight
        if place < 0:
            return candidate.gateway
    return candidates[-1].gateway


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
