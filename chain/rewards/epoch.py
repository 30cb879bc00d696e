"""An epoch's rewards as a pure function of what happened in it: the definition that other ways are held to.

``compute_epoch_rewards(inputs)`` needs no state, no order and no history: plain mappings in, payments with
their derivations and the epoch's figures out. The node's close (``process.py``), the check of an epoch
from its blocks and the columnar path for millions of hotspots all answer to it, payment by payment.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chain.coverage.tables import BeaconTotal, WitnessTotal
from chain.ledger.parameters import Parameters
from chain.rewards.coverage_shares import CoverageShares, Shares, compute_coverage_shares
from chain.rewards.demand import (
    Carried,
    HexDemand,
    Offer,
    compute_data_claims_micro,
    compute_demand,
)
from chain.rewards.hex_density import read_limits
from chain.rewards.pools import PPM, Pools, PoolShares, compute_pools, divide_pool

BEACON, WITNESS, DATA, DEMAND = "beacon", "witness", "data", "demand"
REWARDS = (BEACON, WITNESS, DATA, DEMAND)


class EpochInputs(msgspec.Struct, frozen=True, kw_only=True):
    """All that an epoch's rewards depend on. Keys of hotspots are 33 bytes; only hotspots that no fault
    has ended are in ``active``, ``audited`` and ``carried``."""

    epoch: int
    scheduled_hxt: int
    """Base units of the emission schedule."""
    net_hxt: int
    """Base units that burnt for fees and are minted again."""
    active: Mapping[bytes, int]
    """Hotspot that takes part in coverage and was heard, or heard others -> its H3 cell (resolution 12)."""
    beacons: Mapping[bytes, BeaconTotal]
    """Hotspot -> what its beacons came to. Those of hotspots that aren't active count for nobody."""
    witnesses: Mapping[tuple[bytes, bytes], WitnessTotal]
    """(witness, beaconer) -> what the one heard of the other."""
    audited: frozenset[bytes]
    """Active hotspots whose coverage is paid."""
    carried: Mapping[bytes, Carried]
    """Hotspot -> the data it was paid for by vouchers."""
    offers: Sequence[Offer]
    """What coverage requests would burn in this epoch; one of an uncovered hexagon doesn't burn."""
    hxt_price: int
    """USD per HXT x 10^8: told in the figures only, values are in ``carried`` and ``offers`` already."""
    parameters: Parameters


class RewardPayment(msgspec.Struct, frozen=True):
    """What one hotspot earned of one pool."""

    hotspot: bytes
    reward: str
    """One of REWARDS."""
    hxt: int
    """Base units, above 0."""
    why: Mapping[str, int]
    """Enough to compute ``hxt`` again: pool x share / shares, rounded down; of demand, pool x hex_claim x
    share / (hex_claims x shares)."""


class EpochRewards(msgspec.Struct, frozen=True):
    """An epoch's outcome."""

    payments: Sequence[RewardPayment]
    """By REWARDS, then by hotspot."""
    burns: Sequence[Offer]
    """The offers that burn: those whose hexagon claims demand."""
    figures: Mapping[str, int]
    """emission = paid + unaudited + unpaid + reserved, and what they are made of; base units."""


def compute_epoch_rewards(inputs: EpochInputs) -> EpochRewards:
    """Divides the emission of an epoch. Pure; equal inputs give equal payments in equal order."""
    parameters = inputs.parameters
    coverage = compute_coverage_shares(
        inputs.active,
        inputs.beacons,
        inputs.witnesses,
        inputs.audited,
        read_limits(parameters.hex_limits),
    )
    demand = compute_demand(
        inputs.active,
        _get_weights(coverage),
        inputs.carried,
        inputs.offers,
        parameters.demand_resolution,
        parameters.data_return_ppm,
        parameters.burn_fee_ppm,
    )
    claims = sum(hexagon.claim_hxt for hexagon in demand.values())
    emission = inputs.scheduled_hxt + inputs.net_hxt
    pools = compute_pools(
        emission,
        compute_data_claims_micro(inputs.carried, parameters.data_return_ppm),
        claims * PPM,
        get_pool_shares(parameters),
    )
    payments = [
        *_pay_coverage(BEACON, pools.beacon_micro, coverage.beacon, parameters.unaudited_share_ppm),
        *_pay_coverage(WITNESS, pools.witness_micro, coverage.witness, parameters.unaudited_share_ppm),
        *_pay_data(pools.data_micro, inputs.carried),
        *_pay_demand(pools.demand_micro, demand, claims),
    ]
    burns = [offer for offer in inputs.offers if offer.hex in demand] if pools.demand_micro else []
    return EpochRewards(payments, burns, _get_figures(inputs, coverage, pools, payments, demand, burns))


def get_pool_shares(parameters: Parameters) -> PoolShares:
    """The network's shares."""
    return PoolShares(
        beacon_ppm=parameters.beacon_share_ppm,
        witness_ppm=parameters.witness_share_ppm,
        data_ppm=parameters.data_share_ppm,
        demand_ppm=parameters.demand_share_ppm,
    )


def _get_weights(coverage: CoverageShares) -> dict[bytes, int]:
    """Beacon and witness shares together: a beacon heard by four is a unit to it and one to each of them."""
    weights = dict(coverage.beacon.audited)
    for hotspot, share in coverage.witness.audited.items():
        weights[hotspot] = weights.get(hotspot, 0) + share
    return weights


def _get_pool_why(pool_micro: int) -> dict[str, int]:
    return {"pool": pool_micro // PPM, "pool_millionths": pool_micro % PPM}


def _pay_coverage(
    reward: str, pool_micro: int, shares: Shares, unaudited_share_ppm: int
) -> list[RewardPayment]:
    total = shares.compute_total(unaudited_share_ppm)
    return [
        RewardPayment(
            hotspot,
            reward,
            hxt,
            {
                **shares.why[hotspot],
                "share": shares.audited[hotspot],
                "shares": total,
                **_get_pool_why(pool_micro),
            },
        )
        for hotspot, hxt in sorted(divide_pool(pool_micro, shares.audited, total).items())
        if hxt
    ]


def _pay_data(pool_micro: int, carried: Mapping[bytes, Carried]) -> list[RewardPayment]:
    """By value, not by credits: cheap credits must not draw on what dear ones may claim."""
    values = {hotspot: row.value_hxt for hotspot, row in carried.items()}
    total = sum(values.values())
    return [
        RewardPayment(
            hotspot,
            DATA,
            hxt,
            {
                "data_credits": carried[hotspot].data_credits,
                "packets": carried[hotspot].packets,
                "share": values[hotspot],
                "shares": total,
                **_get_pool_why(pool_micro),
            },
        )
        for hotspot, hxt in sorted(divide_pool(pool_micro, values).items())
        if hxt
    ]


def _pay_demand(pool_micro: int, demand: Mapping[int, HexDemand], claims: int) -> list[RewardPayment]:
    payments = []
    for cell, hexagon in demand.items():
        total = sum(hexagon.weights.values())
        for hotspot, weight in hexagon.weights.items():
            hxt = pool_micro * hexagon.claim_hxt * weight // (claims * total * PPM)
            why = {
                "hex": cell,
                "hex_claim": hexagon.claim_hxt,
                "hex_claims": claims,
                "hex_data_credits": hexagon.data_credits,
                "hex_bounty_data_credits": hexagon.bounty_data_credits,
                "share": weight,
                "shares": total,
                **_get_pool_why(pool_micro),
            }
            if hxt:
                payments.append(RewardPayment(hotspot, DEMAND, hxt, why))
    return sorted(payments, key=lambda payment: payment.hotspot)


def _get_figures(
    inputs: EpochInputs,
    coverage: CoverageShares,
    pools: Pools,
    payments: Sequence[RewardPayment],
    demand: Mapping[int, HexDemand],
    burns: Sequence[Offer],
) -> dict[str, int]:
    paid = {reward: sum(p.hxt for p in payments if p.reward == reward) for reward in REWARDS}
    unaudited = _get_held_back(
        pools.beacon_micro, coverage.beacon, inputs.parameters.unaudited_share_ppm
    ) + _get_held_back(pools.witness_micro, coverage.witness, inputs.parameters.unaudited_share_ppm)
    total = sum(paid.values())
    figures: dict[str, Any] = {
        "emission": pools.emission,
        "scheduled_emission": inputs.scheduled_hxt,
        "net_emission": inputs.net_hxt,
        "paid": total,
        "unaudited": unaudited,
        "unpaid": pools.emission - pools.reserved - total - unaudited,
        "reserved": pools.reserved,
    }
    by_reward = (pools.beacon_micro, pools.witness_micro, pools.data_micro, pools.demand_micro)
    for reward, pool_micro in zip(REWARDS, by_reward, strict=True):
        figures[f"{reward}_pool"] = pool_micro // PPM
        figures[f"{reward}_paid"] = paid[reward]
    return figures | {
        "data_credits": sum(row.data_credits for row in inputs.carried.values()),
        "data_value": sum(row.value_hxt for row in inputs.carried.values()),
        "demand_claims": sum(hexagon.claim_hxt for hexagon in demand.values()),
        "demand_hexes": len(demand),
        "bounty_data_credits": sum(offer.data_credits for offer in burns),
        "hxt_price": inputs.hxt_price,
        "hotspots": len({payment.hotspot for payment in payments}),
        "active": len(inputs.active),
        "audited": len(inputs.audited),
    }


def _get_held_back(pool_micro: int, shares: Shares, unaudited_share_ppm: int) -> int:
    """What of a pool is kept for coverage that isn't audited yet: base units, rounded down."""
    total = shares.compute_total(unaudited_share_ppm)
    held_back = total - sum(shares.audited.values())
    return pool_micro * held_back // (total * PPM) if total else 0
