"""Who has which share of an epoch's coverage: reward units, hex density, and whose coverage was audited.

    share of a beaconer = reward units x its hex scale
    share of a witness  = sum over beaconers of (reward units x beaconer's hex scale x own hex scale)

A witness is scaled by its own hexes as well as by the beaconer's: with the beaconer's alone, as Helium had
it, a crowd earns in full from a lonely beaconer far away, and points at outsiders to get it.

**Unaudited coverage is not paid** (`chain/ledger/audits.py` says whose is). It takes two: a witness is
paid for a beacon only where both it and the beaconer are audited, or one real radio would be paid for a
drawer full of keys that it claims to hear. A beaconer's units count in the proportion of its audited
witnesses' reports. Units per report never rise with the number of reports (``reward_units``), so that
unaudited reports never raise what audited ones bring.

**Where the unpaid share goes.** Left out of the sum, it goes to everybody else, and who audits is paid for
not doing so. In the sum, a crowd of unaudited keys takes any part of everybody's reward away at the price
of its fees. So it is in the sum, held back and not minted, but never more than ``unaudited_share_ppm`` of
a pool: as long as the unaudited are fewer than that, which is a network's ordinary life, nobody's reward
depends on whether somebody else's coverage is audited; and no crowd, however large, costs the others more
than that part.

**Density** counts audited hotspots alone: otherwise two keys in a drawer, asserted into a hexagon, halve
an honest hotspot's scale. Who stands in a newcomer's hexagon of resolution 8 does gain while it is
unaudited, but has little to say in it: nearer than 8 cells of resolution 11 two hotspots are no witnesses
of each other, so that newcomers are met by those further away, and by field testers, who gain nothing. An
unaudited hotspot's own scale, which only measures what is held back for it, counts all.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

import msgspec

from chain.coverage.tables import BeaconTotal, WitnessTotal
from chain.rewards.hex_density import SCALE, HexLimit, compute_hex_counts, compute_scale
from chain.rewards.pools import PPM

#: The numbers that a share was computed from, by hotspot.
Derivation = Mapping[bytes, Mapping[str, int]]


class Shares(msgspec.Struct, frozen=True):
    """Shares of one pool, in reward units x 10^8."""

    audited: Mapping[bytes, int]
    """What is paid."""
    unaudited: int
    """Sum of what is not."""
    why: Derivation

    def compute_total(self, unaudited_share_ppm: int) -> int:
        """What a share is a share of: all audited ones, and the unaudited up to that part of the pool
        (parts per million, below a million)."""
        audited = sum(self.audited.values())
        return audited + min(self.unaudited, audited * unaudited_share_ppm // (PPM - unaudited_share_ppm))


class CoverageShares(msgspec.Struct, frozen=True):
    """What an epoch's coverage comes to before it is turned into tokens."""

    scales: Mapping[bytes, int]
    """Hex scale x 10^4 of each active hotspot."""
    beacon: Shares
    witness: Shares


def compute_scales(
    active: Mapping[bytes, int], audited: Collection[bytes], limits: Mapping[int, HexLimit]
) -> dict[bytes, int]:
    """The hex scale x 10^4 of each active hotspot. ``active``: the H3 cell (resolution 12) of each."""
    is_all_audited = all(hotspot in audited for hotspot in active)
    counts = compute_hex_counts(
        (cell for hotspot, cell in active.items() if is_all_audited or hotspot in audited), limits
    )
    counts_of_all = counts if is_all_audited else compute_hex_counts(active.values(), limits)
    return {
        hotspot: compute_scale(cell, counts if hotspot in audited else counts_of_all, limits)
        for hotspot, cell in active.items()
    }


def compute_coverage_shares(
    active: Mapping[bytes, int],
    beacons: Mapping[bytes, BeaconTotal],
    witnesses: Mapping[tuple[bytes, bytes], WitnessTotal],
    audited: Collection[bytes],
    limits: Mapping[int, HexLimit],
) -> CoverageShares:
    """Adds up the shares of an epoch.

    ``active``: H3 cell (resolution 12) of each hotspot in service that was heard or heard others; whoever
    isn't in it has no share. ``beacons`` by hotspot, ``witnesses`` by (witness, beaconer).
    """
    scales = compute_scales(active, audited, limits)
    reports: dict[bytes, int] = defaultdict(int)
    audited_reports: dict[bytes, int] = defaultdict(int)

    witness_shares: dict[bytes, int] = defaultdict(int)
    witness_why: dict[bytes, dict[str, int]] = {}
    unaudited = 0
    for (hotspot, beaconer), heard in witnesses.items():
        reports[beaconer] += heard.witnesses
        if hotspot in audited:
            audited_reports[beaconer] += heard.witnesses
        if hotspot not in scales or beaconer not in scales:
            continue
        share = heard.units * scales[beaconer] * scales[hotspot] // SCALE
        if hotspot not in audited or beaconer not in audited:
            unaudited += share
            continue
        witness_shares[hotspot] += share
        why = witness_why.setdefault(
            hotspot, {"units": 0, "witnesses": 0, "beaconers": 0, "scale": scales[hotspot]}
        )
        why["units"] += heard.units
        why["witnesses"] += heard.witnesses
        why["beaconers"] += 1
    witness = Shares(witness_shares, unaudited, witness_why)

    beacon_shares: dict[bytes, int] = {}
    beacon_why: dict[bytes, dict[str, int]] = {}
    unaudited = 0
    for hotspot, total in beacons.items():
        if hotspot not in scales:
            continue
        units = 0
        if hotspot in audited and reports[hotspot]:
            units = total.units * audited_reports[hotspot] // reports[hotspot]
        unaudited += (total.units - units) * scales[hotspot]
        if hotspot in audited:
            beacon_shares[hotspot] = units * scales[hotspot]
            beacon_why[hotspot] = {
                "units": units,
                "units_of_all": total.units,
                "beacons": total.beacons,
                "witnessed": total.witnessed,
                "reports": reports[hotspot],
                "audited_reports": audited_reports[hotspot],
                "scale": scales[hotspot],
            }
    return CoverageShares(scales, Shares(beacon_shares, unaudited, beacon_why), witness)
