"""How an epoch's emission is divided: pools for beaconers, witnesses, data and demand.

    data     = min(what data may claim, data share of the emission)
    coverage = beacon share + witness share + what of the data share isn't claimed
    demand   = min(what demand may claim, demand share of the coverage pool)
    beacon, witness = the rest of the coverage pool, in the proportion of their shares

Data and demand never claim more than what burnt for them (`demand.py` has why and how): otherwise whoever
sends packets to himself buys tokens below their price (on Helium $21,000 for $145 of data credits, HIP-10).

Every division rounds down. What rounding leaves, and a pool that nobody has a share of, is not minted; it is
named ``unpaid``, so that emission = paid + unaudited + unpaid + reserved to the last unit.
Source: helium/oracles-iot ``reward_share.rs``, which this is with a demand share of 0; HIP-10, HIP-52.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

PPM = 1_000_000

#: Base units x price (USD per HXT x 10^8) of one data credit at 0.00001 USD.
UNITS_TIMES_PRICE_PER_DATA_CREDIT = 100_000_000_000

Name = TypeVar("Name")


class PoolShares(msgspec.Struct, frozen=True, kw_only=True):
    """Shares in parts per million: the first three of the emission, together at most a million."""

    beacon_ppm: int
    witness_ppm: int
    data_ppm: int
    demand_ppm: int = 0
    """Of the coverage pool."""


class Pools(msgspec.Struct, frozen=True, kw_only=True):
    """What an epoch may pay. Pools are counted in millionths of a base unit (``_micro``): shares in parts
    per million are exact in it, so that only a pool's last division loses anything."""

    emission: int
    """Base units."""
    beacon_micro: int
    witness_micro: int
    data_micro: int
    demand_micro: int = 0

    @property
    def reserved(self) -> int:
        """The part of the emission that no pool gets, base units, rounded down."""
        in_pools = self.beacon_micro + self.witness_micro + self.data_micro + self.demand_micro
        return self.emission - -(-in_pools // PPM)


def compute_data_credits_worth_micro(data_credits: int, hxt_price: int) -> int:
    """Millionths of a base unit of HXT that data credits are worth, rounded down: against those who are paid
    by it."""
    return data_credits * UNITS_TIMES_PRICE_PER_DATA_CREDIT * PPM // hxt_price


def compute_pools(
    emission: int, data_claims_micro: int, demand_claims_micro: int, shares: PoolShares
) -> Pools:
    """Divides an epoch's emission (base units). Claims: the most that data and demand may get."""
    most_for_data_micro = emission * shares.data_ppm
    data_micro = min(data_claims_micro, most_for_data_micro)
    coverage_ppm = shares.beacon_ppm + shares.witness_ppm
    if coverage_ppm == 0:
        return Pools(emission=emission, beacon_micro=0, witness_micro=0, data_micro=data_micro)
    coverage_micro = emission * coverage_ppm + most_for_data_micro - data_micro
    demand_micro = min(demand_claims_micro, coverage_micro * shares.demand_ppm // PPM)
    alone_micro = coverage_micro - demand_micro
    return Pools(
        emission=emission,
        beacon_micro=alone_micro * shares.beacon_ppm // coverage_ppm,
        witness_micro=alone_micro * shares.witness_ppm // coverage_ppm,
        data_micro=data_micro,
        demand_micro=demand_micro,
    )


def divide_pool(pool_micro: int, shares: Mapping[Name, int], total: int | None = None) -> dict[Name, int]:
    """Each name's part of the pool by its share of ``total``, whole base units, rounded down.

    ``total``: the sum of the shares, or more where some of it is held back. Less than one unit a name
    remains; all of the pool where nobody has a share.
    """
    if total is None:
        total = sum(shares.values())
    if total == 0:
        return dict.fromkeys(shares, 0)
    return {name: pool_micro * share // (total * PPM) for name, share in shares.items()}
