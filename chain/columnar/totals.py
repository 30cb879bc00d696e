"""What an epoch's beacons and witnesses come to, over columns: the rows that round after round left in the
state."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from chain.columnar.places import Bools, Indices, Ints
from chain.columnar.runs import find_runs
from chain.columnar.witnesses import Pair
from chain.rewards.reward_units import compute_beacon_units, compute_witness_units

PPM = 1_000_000


class EpochTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Units x 10^4 of an epoch, by hotspot number."""

    beacon_units: Ints
    beacons: Ints
    """Accepted beacons."""
    witnessed: Ints
    """Those among them that a rewarded witness heard."""
    pair_witness: Indices
    """Witness and beaconer of each pair that has units, ascending, with what the one heard of the other."""
    pair_beaconer: Indices
    pair_units: Ints
    pair_reports: Ints


def compute_epoch_totals(
    pair: Pair, selected: Bools, is_beacon_weak: Bools, is_report_weak: Bools
) -> EpochTotals:
    """Reward units of the selected reports and of all beacons; weak evidence earns its part of them."""
    most = pair.parameters.maximum_witnesses
    weak_ppm = pair.parameters.weak_evidence_ppm
    for_beacon = _tabulate([compute_beacon_units(count) for count in range(most + 1)], weak_ppm)
    for_witness = _tabulate([compute_witness_units(count) for count in range(most + 1)], weak_ppm)

    rows = np.flatnonzero(selected)
    beacon = pair.reports.beacon[rows]
    counts = np.bincount(beacon, minlength=pair.beacons.count)
    beaconer = pair.hotspots[pair.beacons.place]
    hotspots = int(pair.hotspots.max(initial=-1)) + 1
    beacon_units = np.zeros(hotspots, dtype=np.int64)
    np.add.at(beacon_units, beaconer, for_beacon[is_beacon_weak.astype(np.int8), counts])

    is_weak = is_report_weak[rows] | is_beacon_weak[beacon]
    units = for_witness[is_weak.astype(np.int8), counts[beacon]]
    packed = pair.hotspots[pair.reports.place[rows]].astype(np.int64) << 32 | beaconer[beacon]
    order = np.argsort(packed, kind="stable")
    packed, units = packed[order], units[order]
    starts, ends = find_runs(packed)
    return EpochTotals(
        beacon_units=beacon_units,
        beacons=np.bincount(beaconer, minlength=hotspots),
        witnessed=np.bincount(beaconer[counts > 0], minlength=hotspots),
        pair_witness=(packed[starts] >> 32).astype(np.int32),
        pair_beaconer=(packed[starts] & 0xFFFF_FFFF).astype(np.int32),
        pair_units=np.add.reduceat(units, starts) if len(units) else units,
        pair_reports=ends - starts,
    )


def _tabulate(units: list[int], weak_ppm: int) -> NDArray[np.int64]:
    """Units by (is weak, number of witnesses)."""
    return np.array([units, [unit * weak_ppm // PPM for unit in units]], dtype=np.int64)
