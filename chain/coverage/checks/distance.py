"""Rules about how far a witness is from the beaconer, by their asserted cells."""

import h3.api.basic_int as h3
from h3 import H3BaseException

from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.outcome import Outcome, compute_at_least, compute_at_most
from chain.coverage.position import DISTANCE_ERROR_UM, compute_distance_um

#: No point of an H3 cell of resolution 12 is further from its centre (measured: 11.95 m at the most).
CELL_RADIUS_M = 13

UM_PER_M = 1_000_000


def compute_cells_apart(cell: int, other: int, resolution: int, enough: int) -> int:
    """Grid distance of two cells' parents at ``resolution``, counted up to ``enough``.

    H3's own grid distance is undefined across a pentagon and far away; there the count goes ring by ring,
    which is defined everywhere.
    """
    home, there = h3.cell_to_parent(cell, resolution), h3.cell_to_parent(other, resolution)
    try:
        return int(min(h3.grid_distance(home, there), enough))
    except H3BaseException:
        rings = (cells for cells in range(enough) if there in h3.grid_disk(home, cells))
        return next(rings, enough)


def compute_smallest_distance_m(cell: int, other: int) -> int:
    """The smallest distance that two hotspots in these resolution 12 cells can have, whole metres rounded
    down, at least 1: each may be anywhere in its cell."""
    centres_m = (compute_distance_um(cell, other) - DISTANCE_ERROR_UM) // UM_PER_M
    return max(centres_m - 2 * CELL_RADIUS_M, 1)


def is_far_enough(evidence: WitnessEvidence) -> Outcome:
    """At least ``minimum_distance_cells`` apart: that a neighbour hears the beacon says nothing about
    coverage. Precedent: rule W10, 8 cells at resolution 11, about 300 m."""
    minimum = evidence.parameters.minimum_distance_cells
    apart = compute_cells_apart(
        evidence.location,
        evidence.challenge.location,
        evidence.parameters.minimum_distance_resolution,
        minimum,
    )
    return compute_at_least(apart, minimum)


def is_near_enough(evidence: WitnessEvidence) -> Outcome:
    """At most ``maximum_distance_m`` away, taken at the smallest distance that the cells allow. Fewer than
    1.6 % of honest witnesses are further than 100 km, and nearly all false ones may be. Precedent: HIP-58,
    rule W11."""
    distance_m = compute_smallest_distance_m(evidence.location, evidence.challenge.location)
    return compute_at_most(distance_m, evidence.parameters.maximum_distance_m)
