"""How an epoch's emission is divided: pools for beaconers, witnesses and data, and the shares of each.

Data is paid before the rest, and never more than the data credits that were burnt for it are worth at the
oracle price: otherwise whoever sends packets to himself buys tokens below their price (on Helium $21,000
for $145 of data credits, HIP-10). What the data pool doesn't use goes to beaconers and
witnesses in the proportion of their own shares.

Every division rounds down. What rounding leaves, and a pool that nobody has a share of, is not minted; it is
named ``unpaid``, so that emission = paid + unpaid + reserved to the last unit.
Source: helium/oracles-iot ``reward_share.rs``; HIP-10, HIP-52.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

PPM = 1_000_000

#: Base units x price (USD per HXT x 10^8) of one data credit at 0.00001 USD.
UNITS_TIMES_PRICE_PER_DATA_CREDIT = 100_000_000_000

Name = TypeVar("Name")


class Pools(msgspec.Struct, frozen=True, kw_only=True):
    """What an epoch may pay. Pools are counted in millionths of a base unit (``_micro``): shares in parts
    per million are exact in it, so that only a pool's last division loses anything."""

    emission: int
    """Base units."""
    beacon_micro: int
    witness_micro: int
    data_micro: int
    data_worth_micro: int
    """What the epoch's burnt data credits are worth; ``data_micro`` never exceeds it."""

    @property
    def reserved(self) -> int:
        """The part of the emission that no pool gets, base units, rounded down."""
        return self.emission - -(-(self.beacon_micro + self.witness_micro + self.data_micro) // PPM)


def compute_data_credits_worth_micro(data_credits: int, hxt_price: int) -> int:
    """Millionths of a base unit of HXT that burnt data credits are worth, rounded down: against those who
    are paid by it."""
    return data_credits * UNITS_TIMES_PRICE_PER_DATA_CREDIT * PPM // hxt_price


def compute_pools(
    emission: int,
    data_credits: int,
    hxt_price: int,
    beacon_share_ppm: int,
    witness_share_ppm: int,
    data_share_ppm: int,
) -> Pools:
    """Divides an epoch's emission. ``data_credits``: burnt in the epoch for data that hotspots delivered;
    ``hxt_price``: USD per HXT x 10^8; shares in parts per million, together at most a million."""
    worth_micro = compute_data_credits_worth_micro(data_credits, hxt_price)
    most_for_data_micro = emission * data_share_ppm
    data_micro = min(worth_micro, most_for_data_micro)
    unused_micro = most_for_data_micro - data_micro
    coverage_ppm = max(beacon_share_ppm + witness_share_ppm, 1)
    return Pools(
        emission=emission,
        beacon_micro=emission * beacon_share_ppm + unused_micro * beacon_share_ppm // coverage_ppm,
        witness_micro=emission * witness_share_ppm + unused_micro * witness_share_ppm // coverage_ppm,
        data_micro=data_micro,
        data_worth_micro=worth_micro,
    )


def divide_pool(pool_micro: int, shares: Mapping[Name, int]) -> dict[Name, int]:
    """Each name's part of the pool by its share, whole base units, rounded down. Less than one unit a name
    remains; all of the pool where nobody has a share."""
    total = sum(shares.values())
    if total == 0:
        return dict.fromkeys(shares, 0)
    return {name: pool_micro * share // (total * PPM) for name, share in shares.items()}
