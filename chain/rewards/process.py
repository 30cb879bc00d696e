"""The close of an epoch: what its coverage and data earned is minted to the hotspots' owners, and why.

    share of a beaconer = reward units x its hex scale
    share of a witness  = sum over beaconers of (reward units x beaconer's hex scale x own hex scale)
    paid                = pool x share / sum of shares, rounded down

Hexes are counted over the hotspots that were active in the epoch. A witness is scaled by its own hexes as
well as by the beaconer's: with the beaconer's alone a crowd earns in full from a lonely beaconer far away.

Every payment's event carries all numbers that it was computed from; anybody can do it again.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from chain.coverage.tables import (
    ACTIVE,
    BEACON_TOTALS,
    WITNESS_TOTALS,
    get_epoch_key,
)
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.balances import credit_minted
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State, Table
from chain.ledger.tables import HOTSPOTS, iterate_carried_data
from chain.rewards.emission import compute_epoch_emission
from chain.rewards.hex_density import HIP104_LIMITS, SCALE, compute_hex_counts, compute_scale
from chain.rewards.pools import PPM, compute_pools, divide_pool

Derivation = dict[bytes, dict[str, int]]


class EpochCoverage(msgspec.Struct, frozen=True):
    """What an epoch's coverage comes to before it is turned into tokens."""

    scales: Mapping[bytes, int]
    """Hex scale x 10^4 of each active hotspot."""
    beacon_shares: Mapping[bytes, int]
    """Reward units x 10^8."""
    beacon_why: Derivation
    witness_shares: Mapping[bytes, int]
    """Reward units x 10^8."""
    witness_why: Derivation


def compute_epoch_coverage(state: State, epoch: int) -> EpochCoverage:
    """Adds up the shares of an epoch from the totals that its rounds left in the state."""
    prefix = get_epoch_key(epoch)
    start = len(prefix)
    locations = {key[start:]: active.location for key, active in state.iterate(ACTIVE, prefix)}
    counts = compute_hex_counts(locations.values(), HIP104_LIMITS)
    scales = {
        hotspot: compute_scale(location, counts, HIP104_LIMITS) for hotspot, location in locations.items()
    }

    beacon_shares: dict[bytes, int] = {}
    beacon_why: Derivation = {}
    for key, total in state.iterate(BEACON_TOTALS, prefix):
        hotspot = key[start:]
        scale = scales.get(hotspot, 0)
        beacon_shares[hotspot] = total.units * scale
        beacon_why[hotspot] = {
            "units": total.units,
            "beacons": total.beacons,
            "witnessed": total.witnessed,
            "scale": scale,
        }

    witness_shares: dict[bytes, int] = defaultdict(int)
    witness_why: Derivation = defaultdict(lambda: {"units": 0, "witnesses": 0, "beaconers": 0})
    for key, heard in state.iterate(WITNESS_TOTALS, prefix):
        hotspot, beaconer = key[start : start + PUBLIC_KEY_BYTES], key[start + PUBLIC_KEY_BYTES :]
        scale = scales.get(hotspot, 0)
        witness_shares[hotspot] += heard.units * scales.get(beaconer, 0) * scale // SCALE
        why = witness_why[hotspot]
        why["units"] += heard.units
        why["witnesses"] += heard.witnesses
        why["beaconers"] += 1
        why["scale"] = scale
    return EpochCoverage(scales, beacon_shares, beacon_why, witness_shares, witness_why)


def process_epoch_close(state: State, context: BlockContext) -> list[Event]:
    """Pays ``context.epoch``: mints to each hotspot's owner, clears the epoch's totals, and says it all in
    reward_paid events and one epoch_closed.

    What is not paid (rounding, a pool that nobody has a share of) is not minted.
    """
    parameters, epoch = context.parameters, context.epoch
    emission = compute_epoch_emission(
        epoch, parameters.epoch_ms, parameters.emission_hxt_per_day, parameters.emission_halving_epochs
    )
    coverage = compute_epoch_coverage(state, epoch)
    carried = dict(iterate_carried_data(state, epoch))
    data_credits = {hotspot: row.data_credits for hotspot, row in carried.items()}
    data_why = {
        hotspot: {"data_credits": row.data_credits, "packets": row.packets}
        for hotspot, row in carried.items()
    }
    pools = compute_pools(
        emission,
        sum(data_credits.values()),
        context.hxt_price,
        parameters.beacon_share_ppm,
        parameters.witness_share_ppm,
        parameters.data_share_ppm,
    )
    events: list[Event] = []
    paid: dict[str, int] = {}
    for kind, pool_micro, shares, why in (
        ("beacon", pools.beacon_micro, coverage.beacon_shares, coverage.beacon_why),
        ("witness", pools.witness_micro, coverage.witness_shares, coverage.witness_why),
        ("data", pools.data_micro, data_credits, data_why),
    ):
        payments = _pay_pool(state, epoch, kind, pool_micro, shares, why)
        paid[kind] = sum(payment.fields["hxt"] for payment in payments)
        events += payments
    total = sum(paid.values())
    receivers = {payment.fields["hotspot"] for payment in events}
    events.append(
        Event(
            "epoch_closed",
            {
                "epoch": epoch,
                "emission": emission,
                "paid": total,
                "unpaid": emission - pools.reserved - total,
                "reserved": pools.reserved,
                "beacon_pool": pools.beacon_micro // PPM,
                "beacon_paid": paid["beacon"],
                "witness_pool": pools.witness_micro // PPM,
                "witness_paid": paid["witness"],
                "data_pool": pools.data_micro // PPM,
                "data_paid": paid["data"],
                "data_credits": sum(data_credits.values()),
                "hxt_price": context.hxt_price,
                "hotspots": len(receivers),
                "active": len(coverage.scales),
            },
        )
    )
    _clear_epoch(state, epoch)
    return events


def _pay_pool(
    state: State, epoch: int, kind: str, pool_micro: int, shares: Mapping[bytes, int], why: Derivation
) -> list[Event]:
    """Mints one pool by its shares; hotspots whose part is less than one base unit get no event."""
    total = sum(shares.values())
    events = []
    for hotspot, hxt in sorted(divide_pool(pool_micro, shares).items()):
        row = state.get(HOTSPOTS, hotspot)
        if hxt == 0 or row is None:
            continue
        credit_minted(state, row.owner, hxt)
        derivation: dict[str, Any] = {
            **why[hotspot],
            "share": shares[hotspot],
            "shares": total,
            "pool": pool_micro // PPM,
            "pool_millionths": pool_micro % PPM,
        }
        events.append(
            Event(
                "reward_paid",
                {
                    "hotspot": hotspot,
                    "owner": row.owner,
                    "epoch": epoch,
                    "reward": kind,
                    "hxt": hxt,
                    "why": derivation,
                },
            )
        )
    return events


def _clear_epoch(state: State, epoch: int) -> None:
    """The epoch is paid: its totals have done their duty, its events keep the numbers."""
    tables: tuple[Table[Any], ...] = (BEACON_TOTALS, WITNESS_TOTALS, ACTIVE)
    for table in tables:
        for key, _ in state.iterate(table, get_epoch_key(epoch)):
            state.delete(table, key)
