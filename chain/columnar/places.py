"""Where hotspots stand, as columns, and how far apart they are.

Centres come from the H3 library in floating point; the rules' own are exact integers
(`coverage/position.py`). Both agree to a few micrometres, and a chord of float64 coordinates in micrometres
is good to less than one more, so that a distance that is further than `MARGIN_UM` from a limit falls on the
right side of it. Whatever is nearer is named, for the readable rule to decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import h3.api.basic_int as h3
import msgspec
import numpy as np
from numpy.typing import NDArray

from chain.coverage.position import EARTH_RADIUS_UM

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Indices = NDArray[np.int32]

#: A thousand times the worst difference between the two ways to a distance (a test measures it).
MARGIN_UM = 2_000.0


class Places(msgspec.Struct, frozen=True):
    """Hotspots with their cells, by index. Who moves within an epoch has a row for each place."""

    keys: Sequence[bytes]
    """Public keys, 33 bytes."""
    cells: Ints
    """H3 cells of resolution 12."""
    centres_um: tuple[Floats, Floats, Floats]

    @property
    def count(self) -> int:
        return len(self.cells)


def build_places(keys: Sequence[bytes], cells: Ints) -> Places:
    """Look up the centre of each cell. Raises ValueError where the lengths differ."""
    if len(keys) != len(cells):
        raise ValueError(f"{len(keys)} keys for {len(cells)} cells: each hotspot has both")
    centres = np.array([h3.cell_to_latlng(cell) for cell in cells.tolist()], dtype=np.float64).reshape(-1, 2)
    latitude, longitude = np.radians(centres[:, 0]), np.radians(centres[:, 1])
    radius = float(EARTH_RADIUS_UM)
    return Places(
        keys,
        cells,
        (
            radius * np.cos(latitude) * np.cos(longitude),
            radius * np.cos(latitude) * np.sin(longitude),
            radius * np.sin(latitude),
        ),
    )


def compute_distances_um(places: Places, one: Indices, other: Indices) -> Floats:
    """Great-circle distances between places, micrometres, each within `MARGIN_UM` of the rules' integer."""
    square = np.zeros(len(one), dtype=np.float64)
    for axis in places.centres_um:
        difference = axis[one]
        difference -= axis[other]
        difference *= difference
        square += difference
    diameter = 2.0 * EARTH_RADIUS_UM
    np.sqrt(square, out=square)
    square /= diameter
    np.minimum(square, 1.0, out=square)
    np.arcsin(square, out=square)
    square *= diameter
    return square


def compute_parents(cells: Ints, resolution: int) -> Ints:
    """The H3 parents of cells of a finer resolution, by bits: resolution in the index's field, digits below
    it all seven.
    """
    below = (1 << 3 * (15 - resolution)) - 1
    return (cells & ~np.int64(0xF << 52)) | np.int64(resolution << 52) | np.int64(below)
