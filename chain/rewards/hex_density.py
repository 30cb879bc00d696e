"""How crowded a hotspot's hexes are, and what that leaves of its reward (HIP-17, HIP-104).

Each hexagon is good for so many hotspots; more in it share what those would earn. Counted from resolution 10
up to 4: at every level a hexagon's hotspots, as clipped so far, are added up and clipped to

    limit = min(maximum, target * max(occupied - neighbours + 1, 1))

where ``occupied`` counts the hexagon and its six neighbours that have reached ``target``: a hexagon in dense
surroundings may hold more. A hotspot's scale is the product over the levels of clipped / unclipped. With the
default numbers each hexagon of resolution 8 (0.74 km2) pays one full share, however many stand in it.

The counts of a level are complete before any of it is clipped, so no order of counting matters.
Source: HIP-17, HIP-104; helium/oracles-iot ``hex_density.rs``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import h3.api.basic_int as h3
import msgspec

from chain.rewards.reward_units import divide_half_even

#: A scale of one: the hotspot's full reward.
SCALE = 10_000

#: Where counting starts: the finest level, never clipped.
FINEST_RESOLUTION = 11


class HexLimit(msgspec.Struct, frozen=True, array_like=True):
    """What a hexagon of one resolution may hold."""

    neighbours: int
    """So many of the seven hexagons must reach the target before the limit grows."""
    target: int
    """Hotspots of a hexagon that count in full anyway."""
    maximum: int
    """Hotspots of a hexagon that count in full at the most; at least ``target``."""


#: By resolution. HIP-17 (November 2020).
HIP17_LIMITS: Mapping[int, HexLimit] = {
    4: HexLimit(1, 250, 800),
    5: HexLimit(1, 100, 400),
    6: HexLimit(1, 25, 100),
    7: HexLimit(2, 5, 20),
    8: HexLimit(2, 1, 4),
    9: HexLimit(2, 1, 2),
    10: HexLimit(2, 1, 1),
}

#: By resolution. HIP-104 (January 2024): the defaults.
HIP104_LIMITS: Mapping[int, HexLimit] = {
    4: HexLimit(2, 500, 1000),
    5: HexLimit(4, 100, 200),
    6: HexLimit(4, 25, 50),
    7: HexLimit(4, 5, 10),
    8: HexLimit(2, 1, 1),
    9: HexLimit(2, 1, 1),
    10: HexLimit(2, 1, 1),
}


#: A limit as a network's parameters have it: resolution, neighbours, target, maximum.
HexLimitRow = tuple[int, int, int, int]

#: `HIP104_LIMITS` as parameters.
HIP104_LIMIT_ROWS: tuple[HexLimitRow, ...] = tuple(
    (resolution, limit.neighbours, limit.target, limit.maximum) for resolution, limit in HIP104_LIMITS.items()
)


def read_limits(rows: Iterable[HexLimitRow]) -> dict[int, HexLimit]:
    """Limits by resolution, of a network's parameters."""
    return {row[0]: HexLimit(*row[1:]) for row in rows}


def find_limit_problem(rows: Sequence[HexLimitRow]) -> str | None:
    """What is wrong with limits, or None. A maximum below the target would make the outcome depend on the
    order of counting."""
    resolutions = [row[0] for row in rows]
    if len(set(resolutions)) != len(resolutions):
        return f"a resolution has two limits: {resolutions}"
    for resolution, neighbours, target, maximum in rows:
        if not 0 <= resolution < FINEST_RESOLUTION:
            return f"resolution {resolution}: must be 0 to {FINEST_RESOLUTION - 1}"
        if not 0 <= neighbours <= 7:
            return f"resolution {resolution}: neighbours are {neighbours}, must be 0 to 7"
        if not 1 <= target <= maximum:
            return f"resolution {resolution}: must be 1 <= target {target} <= maximum {maximum}"
    return None


class HexCounts(msgspec.Struct, frozen=True):
    """Hotspots by hexagon on all levels."""

    unclipped: Mapping[int, int]
    """What the hexagon's parts add up to, each clipped already."""
    clipped: Mapping[int, int]
    """What is left of that within the hexagon's own limit."""


def compute_limit(limit: HexLimit, occupied: int) -> int:
    """How many hotspots a hexagon may hold where ``occupied`` of it and its neighbours reach the target."""
    return min(limit.maximum, limit.target * max(occupied - limit.neighbours + 1, 1))


def compute_hex_counts(locations: Iterable[int], limits: Mapping[int, HexLimit]) -> HexCounts:
    """Counts hotspots by hexagon. ``locations``: one H3 cell a hotspot, resolution 11 or finer."""
    level: dict[int, int] = Counter(h3.cell_to_parent(location, FINEST_RESOLUTION) for location in locations)
    unclipped, clipped = dict(level), dict(level)
    for resolution in sorted(limits, reverse=True):
        sums: Counter[int] = Counter()
        for cell, count in level.items():
            sums[h3.cell_to_parent(cell, resolution)] += count
        limit = limits[resolution]
        level = {}
        for cell, count in sums.items():
            occupied = sum(sums[near] >= limit.target for near in h3.grid_disk(cell, 1) if near in sums)
            level[cell] = min(compute_limit(limit, occupied), count)
        unclipped |= sums
        clipped |= level
    return HexCounts(unclipped, clipped)


def compute_scale(location: int, counts: HexCounts, limits: Mapping[int, HexLimit]) -> int:
    """The share of its full reward that a hotspot in this cell keeps, x 10^4, rounded half to even.

    A hotspot that isn't counted (nobody heard it) has a scale of 0, as HIP-17 has it; Helium's oracle gave
    it 0.2.
    """
    numerator = denominator = 1
    if h3.cell_to_parent(location, FINEST_RESOLUTION) not in counts.unclipped:
        return 0
    for resolution in limits:
        cell = h3.cell_to_parent(location, resolution)
        numerator *= counts.clipped[cell]
        denominator *= counts.unclipped[cell]
    return divide_half_even(numerator * SCALE, denominator)
