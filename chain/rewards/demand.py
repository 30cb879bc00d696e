"""Data and demand: what spent data credits claim of an epoch's emission, and why spending never pays.

A network that pays coverage alone "pays for existing rather than for serving subscribers" (HIP-149, which
ended Proof-of-Coverage on Helium). So part of the coverage pool goes to hexagons where somebody spends:
where hotspots carried data that was paid for, and where a coverage request burns a bounty. Within a
hexagon it is shared by coverage: who covers the place, not who relays the packet.

**Value of a spending.** v = min(base units of HXT that once burnt for these data credits, what they are
worth at the price of the block that spends them), taken for each spending by itself: over a sum, credits
that were bought cheaply would be lifted by others that were bought dearly. Then with the burn fee f and
the data return r, r + f <= 1:

    a hotspot that carried v claims  v x r            of the data pool
    the hexagon it stands in claims  v x (1 - f - r)  of the demand pool
    a bounty burnt for a hexagon     v x (1 - f)      of the demand pool

A hexagon in which nobody audited was heard claims nothing. Where claims exceed a pool, all shrink alike.

**Volume never buys more than it burns.** Let any set of accounts C spend data credits of total value v in
an epoch, in any hexagons, through any hotspots. Then the rewards of all hotspots of C together are at most
v x (1 - f) above what they are if C doesn't spend, whatever everybody else does. Spending changes nothing
of anybody's coverage share, so:

1. Data. A claim is paid c x k, with k = min(1, pool / all claims); spending can only lower k. C's data
   reward rises by at most (its claims before + v r) k' - (its claims before) k <= v r k' <= v r.
2. Demand of a hexagon, likewise, rises by at most q k' <= q where q is what C's spending adds to its
   claim. Those add up to v (1 - f - r) for data and v (1 - f) for bounties; hotspots of C get at most all
   of it. Hexagons where C doesn't spend get less or the same. The demand pool itself can only shrink (3),
   which lowers k' further.
3. Coverage alone. Data that is paid more leaves less unused, so the coverage pool P falls or stays. What
   is left after demand, is the greater of P x (1 - demand share) and P - all claims; neither can rise, so
   nobody's part of it does.

Data and bounties together: v_data (r + 1 - f - r) + v_bounty (1 - f) = v (1 - f). Caps that bind only
lower it. Since v is at most what burnt, spending costs C at least f of what it burns; and since v is at
most what the credits are worth now, old credits that cost more are no claim on today's emission. Base
units: each payment is rounded down, and so is each hexagon's claim, with and without C's spending; so the
difference can exceed the bound by less than one base unit for each payment that C gets without spending,
each hexagon it spends in, and one for what is minted again.

4. **Net emission** (`chain/ledger/net_emission.py`) mints again b x (1 - f) of what b burnt for fees. Each
   pool and with it each payment rises or stays with the emission, and all payments together rise by no
   more than the emission does: C gets back at most b x (1 - f), after any of its other spendings, whose
   bound holds from every state that others have made. What burnt for data and bounties is not minted
   again, and no basis is counted twice: it moves with its credits.

Tested with colluders of random strategies in tests/unit/rewards/test_collusion.py. Precedent of the bound:
HIP-10.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import h3.api.basic_int as h3
import msgspec

from chain.rewards.pools import PPM


class Carried(msgspec.Struct, frozen=True):
    """What one hotspot carried in an epoch."""

    data_credits: int
    packets: int
    value_hxt: int
    """Base units: sum over its claims of v."""
    location: int
    """H3 cell of resolution 12 that it stood in; 0 where it isn't placed: then it makes no demand."""


class Offer(msgspec.Struct, frozen=True):
    """The part of a coverage request that one epoch may burn."""

    request: bytes
    """The request's id, 32 bytes."""
    hex: int
    """H3 cell of the demand resolution."""
    data_credits: int
    value_hxt: int
    """Base units: its v."""


class HexDemand(msgspec.Struct, frozen=True):
    """A hexagon that claims demand: always one with coverage."""

    claim_hxt: int
    """Base units, rounded down."""
    weights: Mapping[bytes, int]
    """Coverage share of each audited hotspot in it, beacons and witnesses together; sum above 0."""
    data_credits: int
    """Spent on data in it."""
    bounty_data_credits: int


def compute_data_claims_micro(carried: Mapping[bytes, Carried], data_return_ppm: int) -> int:
    """Millionths of a base unit that all data may claim."""
    return sum(row.value_hxt for row in carried.values()) * data_return_ppm


def compute_demand(
    active: Mapping[bytes, int],
    weights: Mapping[bytes, int],
    carried: Mapping[bytes, Carried],
    offers: Sequence[Offer],
    demand_resolution: int,
    data_return_ppm: int,
    burn_fee_ppm: int,
) -> dict[int, HexDemand]:
    """The hexagons that claim demand, by H3 cell of ``demand_resolution``, in ascending order.

    ``active``: location (resolution 12) of each hotspot; ``weights``: coverage share of those among them that
    have any.
    """
    covering: dict[int, dict[bytes, int]] = defaultdict(dict)
    for hotspot, weight in weights.items():
        if weight:
            covering[h3.cell_to_parent(active[hotspot], demand_resolution)][hotspot] = weight

    claims_micro: dict[int, int] = defaultdict(int)
    data_credits: dict[int, int] = defaultdict(int)
    bounty_data_credits: dict[int, int] = defaultdict(int)
    for row in carried.values():
        if row.location:
            cell = h3.cell_to_parent(row.location, demand_resolution)
            claims_micro[cell] += row.value_hxt * (PPM - burn_fee_ppm - data_return_ppm)
            data_credits[cell] += row.data_credits
    for offer in offers:
        claims_micro[offer.hex] += offer.value_hxt * (PPM - burn_fee_ppm)
        bounty_data_credits[offer.hex] += offer.data_credits
    return {
        cell: HexDemand(
            claims_micro[cell] // PPM, covering[cell], data_credits[cell], bounty_data_credits[cell]
        )
        for cell in sorted(claims_micro)
        if cell in covering and claims_micro[cell] >= PPM
    }
