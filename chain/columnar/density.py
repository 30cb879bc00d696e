"""How crowded hexes are, over columns: `rewards/hex_density.py` for a million hotspots at once.

Parents are found by bits, cells counted as runs of the sorted column, neighbours looked up in it. The
products of the scale stay integers: seven clipped counts over seven unclipped ones, in Python's integers
where 64 bits might not hold them.
"""

from __future__ import annotations

from collections.abc import Mapping

import h3.api.basic_int as h3
import numpy as np

from chain.columnar.places import Ints, compute_parents
from chain.rewards.hex_density import FINEST_RESOLUTION, SCALE, HexLimit
from chain.rewards.reward_units import divide_half_even

#: Counts of this size no longer fit beside each other into 64 bits.
MOST_HOTSPOTS = 1 << 20


def compute_scales(cells: Ints, limits: Mapping[int, HexLimit]) -> Ints:
    """The scale x 10^4 of each hotspot by its cell (resolution 11 or finer), all of them counted."""
    if len(cells) >= MOST_HOTSPOTS:
        raise ValueError(f"{len(cells)} hotspots: at most {MOST_HOTSPOTS - 1} at once")
    if not len(cells):
        return np.zeros(0, dtype=np.int64)
    level, home = np.unique(compute_parents(cells, FINEST_RESOLUTION), return_inverse=True)
    clipped = np.bincount(home).astype(np.int64)
    ratios: list[tuple[Ints, Ints]] = []
    for resolution in sorted(limits, reverse=True):
        parents, of_parent = np.unique(compute_parents(level, resolution), return_inverse=True)
        sums = np.zeros(len(parents), dtype=np.int64)
        np.add.at(sums, of_parent, clipped)
        limit = limits[resolution]
        occupied = _count_occupied(parents, sums, limit.target)
        room = np.minimum(limit.maximum, limit.target * np.maximum(occupied - limit.neighbours + 1, 1))
        clipped = np.minimum(room, sums)
        home = of_parent[home]
        ratios.append((clipped[home], sums[home]))
        level = parents
    return _multiply(len(cells), ratios)


def _count_occupied(cells: Ints, counts: Ints, target: int) -> Ints:
    """Of each cell and its neighbours, how many reach the target. Only where both a cell holds more than its
    target and somebody has reached it does the answer matter, so only those are looked up."""
    occupied = (counts >= target).astype(np.int64)
    matters = np.flatnonzero(counts > target)
    reached = cells[counts >= target]
    if not len(matters):
        return occupied
    around = np.array([_get_neighbours(cell) for cell in cells[matters].tolist()], dtype=np.int64)
    at = np.minimum(np.searchsorted(reached, around), len(reached) - 1)
    occupied[matters] += (reached[at] == around).sum(axis=1)
    return occupied


def _get_neighbours(cell: int) -> list[int]:
    """Six cells around; a pentagon's five and itself not twice (0 is no cell)."""
    near = [int(other) for other in h3.grid_disk(cell, 1) if other != cell]
    return near + [0] * (6 - len(near))


def _multiply(count: int, ratios: list[tuple[Ints, Ints]]) -> Ints:
    """Product of clipped over product of unclipped, x 10^4, half to even. Most hotspots share their counts
    with others: the division is made once for each kind of row."""
    kind = np.zeros(count, dtype=np.int64)
    first = np.zeros(1, dtype=np.int64)
    for clipped, unclipped in ratios:
        # Both counts are below 2^20, and there are fewer kinds than hotspots: the number fits.
        packed = kind << 40 | clipped << 20 | unclipped
        _, first, kind = np.unique(packed, return_index=True, return_inverse=True)
    scales = np.empty(len(first), dtype=np.int64)
    rows = zip(*(part[first].tolist() for ratio in ratios for part in ratio), strict=True)
    for at, row in enumerate(rows):
        numerator = denominator = 1
        for clipped_count, unclipped_count in zip(row[::2], row[1::2], strict=True):
            numerator *= clipped_count
            denominator *= unclipped_count
        scales[at] = divide_half_even(numerator * SCALE, denominator)
    return scales[kind]
