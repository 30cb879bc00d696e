"""Who is rewarded for a beacon, over columns.

Where at most `maximum_witnesses` are valid and no two of them stand within the spacing, all are taken
whatever the draw: that is found in columns. Only the other beacons go through the readable draw.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from chain.columnar.places import MARGIN_UM, Bools, Ints, compute_distances_um
from chain.columnar.runs import find_runs
from chain.columnar.witnesses import UM_PER_M, Pair
from chain.coverage.reasons import Reason
from chain.coverage.selection import select_witnesses

#: The seed of a beacon's draw, by the beacon's index.
GetSeed = Callable[[int], bytes]


def compute_selected(pair: Pair, reasons: NDArray[np.int16], get_seed: GetSeed) -> Bools:
    """Which reports are rewarded; `reasons` are their verdicts."""
    valid = np.flatnonzero(reasons == Reason.NONE)
    beacon = pair.reports.beacon[valid]
    place = pair.reports.place[valid]
    counts = np.bincount(beacon, minlength=pair.beacons.count)
    is_drawn = counts > pair.parameters.maximum_witnesses
    for apart in range(1, int(counts.max(initial=0))):
        same = np.flatnonzero(beacon[apart:] == beacon[:-apart])
        same = same[~is_drawn[beacon[same]]]
        if not len(same):
            continue
        distance_um = compute_distances_um(pair.places, place[same], place[same + apart])
        near = distance_um < pair.parameters.minimum_witness_spacing_m * UM_PER_M + MARGIN_UM
        is_drawn[beacon[same[near]]] = True
    selected = np.zeros(pair.reports.count, dtype=np.bool_)
    selected[valid[~is_drawn[beacon]]] = True
    _draw(pair, valid[is_drawn[beacon]], get_seed, selected)
    return selected


def _draw(pair: Pair, rows: Ints, get_seed: GetSeed, selected: Bools) -> None:
    """The readable draw for each beacon of `rows` (sorted by beacon)."""
    beacons = pair.reports.beacon[rows]
    starts, ends = find_runs(beacons)
    keys, cells, hotspots = pair.places.keys, pair.places.cells, pair.reports.place
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        of_beacon = rows[start:end].tolist()
        by_key = {keys[hotspots[row]]: row for row in of_beacon}
        witnesses = {key: int(cells[hotspots[row]]) for key, row in by_key.items()}
        outcome = select_witnesses(get_seed(int(beacons[start])), witnesses, pair.parameters)
        for key, reason in outcome.items():
            selected[by_key[key]] = reason is Reason.NONE
