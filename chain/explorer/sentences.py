"""What the chain decided, in words: why a reward has its amount, and why a report was not believed.

Every sentence carries the numbers of the event it is made from, so that a reader can do the sum again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chain.ledger.amounts import HXT_UNITS
from chain.ledger.events import Event
from chain.node.event_texts import describe_event, format_hxt, name_of
from chain.rewards.hex_density import SCALE
from chain.rewards.reward_units import UNIT

Fields = dict[str, Any]


def describe_for_map(event: Event) -> str | None:
    """The sentence of the live feed. Places are told as the map shows them, not as the ledger has them."""
    if event.kind == "location_asserted":
        return f"hotspot {name_of(event.fields['hotspot'])} has its place on the map"
    return describe_event(event)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _format_fraction(value: int, scale: int) -> str:
    return f"{value / scale:.4f}".rstrip("0").rstrip(".")


def _format_amount(units: int) -> str:
    """HXT for a person; what four decimals would make nothing of is told to the last unit."""
    if 0 < units < HXT_UNITS // 100:
        return f"{units // HXT_UNITS}.{units % HXT_UNITS:08d} HXT"
    return format_hxt(units)


def _format_cell(cell: int | str) -> str:
    return cell if isinstance(cell, str) else f"{cell:x}"


def describe_reward(reward: str, hxt: int, why: Fields) -> str:
    """One sentence and its sum: for what, how many units, scaled by which hex, which part of which pool."""
    amount, pool = _format_amount(hxt), _format_amount(why["pool"])
    part = f"a share of {100 * why['share'] / why['shares']:.1f} % in the {pool} for"
    if reward == "data":
        carried = f"{_count(why['packets'], 'packet')} for {_count(why['data_credits'], 'data credit')}"
        return f"{amount} for carrying {carried}: {part} data"
    if reward == "demand":
        spent = f"{_count(why['hex_data_credits'], 'data credit')} for data"
        bounties = f"{why['hex_bounty_data_credits']:,} of bounties"
        claim = f"{_format_amount(why['hex_claim'])} of the {_format_amount(why['hex_claims'])}"
        share = f"a share of {100 * why['share'] / why['shares']:.1f} % of its coverage"
        return (
            f"{amount} for covering {_format_cell(why['hex'])}, where people spend ({spent}, {bounties}): "
            f"{share}; the hexagon claims {claim} in the {pool} for demand"
        )
    units = f"{_format_fraction(why['units'], UNIT)} reward units"
    scaled = f"{units} × hex scale {_format_fraction(why['scale'], SCALE)}"
    if reward == "beacon":
        did = f"{_count(why['beacons'], 'beacon')}, {why['witnessed']} of them witnessed"
        return f"{amount} for {did}: {scaled}, {part} beacons"
    did = f"witnessing {_count(why['witnesses'], 'beacon')} of {_count(why['beaconers'], 'hotspot')}"
    return f"{amount} for {did}: {scaled} × the beaconers' scales, {part} witnesses"


def _dbm(tenths: int) -> str:
    return f"{tenths / 10:.1f} dBm".replace("-", "−")


def _against_time(words: str) -> Callable[[int, int], str]:
    return lambda measured, limit: f"{words}: {abs(measured - limit) / 1000:.1f} s"


_REASONS: dict[str, str | Callable[[int, int], str]] = {
    "bad_signature": "the signature is not the hotspot's",
    "not_asserted": "the hotspot has no place on the chain yet",
    "entropy_expired": _against_time("it arrived outside of its round, by"),
    "bad_entropy": "it was not made from this round's entropy",
    "irregular_interval": "nobody had ordered a beacon of this hotspot in this round",
    "invalid_capability": "the hotspot takes no part in Proof-of-Coverage: it is for data only, or retired",
    "gateway_not_found": "there is no such hotspot on the chain",
    "denied": lambda epoch, until: f"the hotspot is excluded until epoch {until:,}, this is {epoch:,}",
    "denied_edge": lambda epoch, until: (
        f"what these two say of each other doesn't count until epoch {until:,}; this is epoch {epoch:,}"
    ),
    "invalid_region": "witness and beaconer stand in different regions",
    "invalid_packet": "the bytes are not those that the entropies give",
    "bad_rssi": lambda m, at_most: (
        f"the signal of {_dbm(m)} is stronger than free space allows at that distance ({_dbm(at_most)})"
    ),
    "max_distance_exceeded": lambda m, at_most: (
        f"{m / 1000:,.1f} km apart, more than the {at_most / 1000:,.0f} km that count"
    ),
    "invalid_frequency": lambda m, ordered: (
        f"on {m / 1e6:.3f} MHz, {ordered / 1e6:.3f} MHz were ordered"
        if m > 10_000_000
        else f"heard {m / 1000:.1f} kHz beside the beacon, at most {ordered / 1000:.0f} kHz count"
    ),
    "self_witness": "a hotspot can't witness itself",
    "below_min_distance": lambda m, at_least: (
        f"only {_count(m, 'small cell')} apart, at least {at_least} count as coverage"
    ),
    "duplicate": "another report said this first",
    "too_late": _against_time("it came too late, by"),
    "weak_local_entropy": lambda m, at_least: (
        f"the secret has {_count(m, 'byte')}, at least {at_least} count"
    ),
    "too_early": _against_time("it came before the beacon can have been on the air, by"),
    "invalid_data_rate": lambda m, ordered: f"data rate {m} instead of {ordered} (SF or bandwidth)",
    "invalid_power": lambda m, ordered: f"sent with {m} dBm, {ordered} dBm were ordered",
    "beacon_unknown": "no beaconer of this round reported these bytes",
    "beacon_invalid": "the beacon that was heard was not accepted itself",
    "bad_snr": lambda m, at_least: (
        f"an SNR of {m / 10:.1f} dB is below what this spreading factor can hear ({at_least / 10:.1f} dB)"
    ),
    "below_sensitivity": lambda m, at_least: (
        f"a signal of {_dbm(m)} is below what this spreading factor can hear ({_dbm(at_least)})"
    ),
    "rssi_below_snr": lambda m, at_least: (
        f"a signal of {_dbm(m)} doesn't go with so high an SNR ({_dbm(at_least)} at least)"
    ),
    "claim_missing": "it had not been claimed before it was told",
    "claim_late": _against_time("it was claimed when others were being opened already, late by"),
    "opening_early": _against_time("it was told while claims were still taken, early by"),
    "opening_late": _against_time("it was told after its round, late by"),
    "claim_unopened": "the report that had been claimed never came",
    "witness_too_close": "another rewarded witness stands in the same place",
    "not_drawn": "more hotspots heard it than are rewarded, and the draw took others",
    "malformed": "the bytes are no report",
    "too_many_reports": lambda m, at_most: f"report number {m:,} of the round, {at_most:,} are stored",
}


def describe_rejection(reason: str, measured: int, limit: int) -> str:
    """Why a report was not believed, with what was measured and where the limit is. An unknown reason is told
    by its name."""
    words = _REASONS.get(reason)
    if words is None:
        return f"{reason.replace('_', ' ')} ({measured}, limit {limit})"
    return words if isinstance(words, str) else words(measured, limit)
