"""Where a cell's centre is on the globe, in integers.

H3 lays a hexagonal lattice on each face of an icosahedron and projects it from the globe's centre
(gnomonic). A straight line from the globe's centre through a point of the face is the projection, so
no trigonometry is needed to go back: the lattice coordinates of a cell are exact integers, the face's three
corners are vectors known to 2^-60, and the centre is their weighted sum brought to the globe's radius by
an integer square root. The result is exact to 2 micrometres and the same on every machine.

- A cell's digits walk down the lattice, each level seven times denser and turned by the aperture's angle.
- Weights (barycentric coordinates) of a point on face ABC: where A's is negative, the point lies beyond
  edge BC. Unfolded, the next corner is D = B + C - A, so aA + bB + cC = (-a)D + (a+b)B + (a+c)C.
- At an icosahedron's corner (a pentagon) a sixth of the plane is missing: the cells of leading digit 5 move
  into the place of the deleted digit 1, and the fold goes round the corner on the side away from the gap.

The table of base cells (home face and place on it) was found by search against the H3 library; a test
compares random cells of all resolutions, pentagons' surroundings included, with the library's centres.
"""

from functools import lru_cache
from math import isqrt

import h3.api.basic_int as h3

#: Radius of the globe that H3 assumes, micrometres (WGS84 authalic radius).
EARTH_RADIUS_UM = 6_371_007_180_918

#: Half the way round it: pi times the radius.
HALF_CIRCUMFERENCE_UM = 20_015_109_355_540

#: Most that a centre's distance as computed here differs from the exact one, micrometres.
DISTANCE_ERROR_UM = 10

Vector = tuple[int, int, int]
Lattice = tuple[int, int, int]

#: Lattice steps of H3's digits 0 to 6 along the axes i, j, k, which point at the face's three corners.
DIGIT_STEPS: tuple[Lattice, ...] = (
    (0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0),
)  # fmt: skip

#: A digit turned by 60 degrees clockwise.
TURNED_CLOCKWISE = (0, 3, 6, 2, 5, 1, 4)

#: The icosahedron's corners on the unit sphere, scaled by 2^60.
CORNERS: tuple[Vector, ...] = (
    (484402767965224128, 90095338519334288, 1042336214543863808),
    (-594280260897250944, -440089620707060224, 884522522629427968),
    (-478096055150036416, 756273163439416832, 727119701353378560),
    (410188029919416512, -972581525699553920, 463744489739416192),
    (598178023774322048, 963174121924900096, 209061374989642976),
    (1147167780012846976, -105316837572617520, 46286542418018576),
    (-1147167780012846976, 105316837572617632, -46286542418018576),
    (-598178023774321792, -963174121924900352, -209061374989642944),
    (-410188029919416832, 972581525699553792, -463744489739416320),
    (478096055150036608, -756273163439416832, -727119701353378432),
    (594280260897251328, 440089620707060224, -884522522629427840),
    (-484402767965223296, -90095338519333504, -1042336214543864192),
)

#: Home of each base cell: the corners that its axes i, j, k point at, and its place (i, j, k) on that face.
HOMES: tuple[tuple[int, int, int, int, int, int], ...] = (
    (0, 2, 1, 1, 0, 0), (0, 1, 3, 1, 1, 0), (0, 2, 1, 0, 0, 0), (0, 1, 3, 1, 0, 0),
    (0, 4, 2, 2, 0, 0), (0, 2, 1, 1, 1, 0), (0, 2, 1, 0, 0, 1), (0, 1, 3, 0, 0, 0),
    (0, 4, 2, 1, 0, 0), (0, 1, 3, 0, 1, 0), (0, 2, 1, 0, 1, 0), (0, 2, 1, 0, 1, 1),
    (0, 3, 5, 1, 0, 0), (0, 3, 5, 1, 1, 0), (1, 6, 7, 2, 0, 0), (0, 5, 4, 1, 0, 0),
    (0, 4, 2, 0, 0, 0), (6, 1, 2, 0, 1, 0), (0, 4, 2, 0, 0, 1), (0, 1, 3, 0, 1, 1),
    (7, 3, 1, 0, 0, 1), (0, 1, 3, 0, 0, 1), (0, 4, 2, 1, 1, 0), (6, 1, 2, 0, 0, 1),
    (2, 8, 6, 2, 0, 0), (6, 1, 2, 0, 0, 0), (0, 3, 5, 0, 0, 0), (1, 6, 7, 1, 0, 0),
    (0, 5, 4, 1, 1, 0), (0, 3, 5, 0, 1, 0), (0, 4, 2, 0, 1, 1), (0, 5, 4, 0, 0, 0),
    (8, 2, 4, 0, 1, 0), (0, 4, 2, 0, 1, 0), (7, 3, 1, 0, 1, 0), (1, 6, 7, 1, 1, 0),
    (7, 3, 1, 0, 0, 0), (2, 8, 6, 1, 0, 0), (3, 7, 9, 2, 0, 0), (6, 1, 2, 1, 0, 1),
    (7, 3, 1, 1, 0, 1), (0, 5, 4, 0, 0, 1), (0, 3, 5, 0, 0, 1), (0, 3, 5, 0, 1, 1),
    (0, 5, 4, 0, 1, 0), (6, 1, 2, 1, 0, 0), (1, 6, 7, 0, 0, 0), (9, 5, 3, 0, 0, 1),
    (8, 2, 4, 0, 0, 1), (4, 10, 8, 2, 0, 0), (8, 2, 4, 0, 0, 0), (3, 7, 9, 1, 0, 0),
    (2, 8, 6, 1, 1, 0), (0, 5, 4, 0, 1, 1), (3, 7, 9, 1, 1, 0), (7, 3, 1, 1, 0, 0),
    (1, 6, 7, 0, 1, 0), (2, 8, 6, 0, 0, 0), (5, 9, 10, 2, 0, 0), (2, 8, 6, 0, 0, 1),
    (1, 6, 7, 0, 0, 1), (10, 4, 5, 0, 1, 0), (9, 5, 3, 0, 1, 0), (6, 1, 2, 2, 0, 0),
    (9, 5, 3, 0, 0, 0), (10, 4, 5, 0, 0, 1), (4, 10, 8, 1, 0, 0), (8, 2, 4, 1, 0, 1),
    (11, 7, 6, 0, 1, 1), (9, 5, 3, 1, 0, 1), (8, 2, 4, 1, 0, 0), (3, 7, 9, 0, 0, 0),
    (7, 3, 1, 2, 0, 0), (3, 7, 9, 0, 1, 0), (2, 8, 6, 0, 1, 0), (10, 4, 5, 0, 0, 0),
    (5, 9, 10, 1, 0, 0), (11, 7, 6, 0, 0, 1), (11, 6, 8, 0, 1, 1), (11, 6, 8, 0, 1, 0),
    (11, 7, 6, 0, 1, 0), (4, 10, 8, 1, 1, 0), (5, 9, 10, 1, 1, 0), (8, 2, 4, 2, 0, 0),
    (9, 5, 3, 1, 0, 0), (4, 10, 8, 0, 0, 0), (10, 4, 5, 1, 0, 1), (4, 10, 8, 0, 0, 1),
    (11, 9, 7, 0, 0, 1), (3, 7, 9, 0, 0, 1), (11, 7, 6, 0, 0, 0), (11, 9, 7, 0, 1, 1),
    (11, 6, 8, 0, 0, 1), (11, 7, 6, 1, 0, 1), (10, 4, 5, 1, 0, 0), (11, 6, 8, 0, 0, 0),
    (5, 9, 10, 0, 0, 0), (9, 5, 3, 2, 0, 0), (5, 9, 10, 0, 1, 0), (11, 9, 7, 1, 0, 1),
    (11, 8, 10, 0, 1, 0), (4, 10, 8, 0, 1, 0), (11, 8, 10, 0, 1, 1), (11, 9, 7, 0, 1, 0),
    (5, 9, 10, 0, 0, 1), (11, 9, 7, 0, 0, 0), (11, 7, 6, 1, 0, 0), (10, 4, 5, 2, 0, 0),
    (11, 6, 8, 1, 0, 1), (11, 6, 8, 1, 0, 0), (11, 10, 9, 0, 1, 1), (11, 10, 9, 0, 0, 1),
    (11, 8, 10, 0, 0, 1), (11, 9, 7, 1, 0, 0), (11, 8, 10, 0, 0, 0), (11, 10, 9, 0, 1, 0),
    (11, 10, 9, 1, 0, 1), (11, 8, 10, 2, 0, 0), (11, 8, 10, 1, 0, 0), (11, 10, 9, 0, 0, 0),
    (11, 8, 10, 1, 0, 1), (11, 10, 9, 1, 0, 0),
)  # fmt: skip


def _get_third_corners() -> dict[tuple[int, int], tuple[int, ...]]:
    """The two corners that complete each edge (pair of corners) to a face."""

    def is_edge(a: int, b: int) -> bool:
        return a != b and sum(x * y for x, y in zip(CORNERS[a], CORNERS[b], strict=True)) > 0

    corners = range(len(CORNERS))
    return {
        (a, b): tuple(c for c in corners if is_edge(a, c) and is_edge(b, c))
        for a in corners
        for b in corners
        if is_edge(a, b)
    }


THIRD_CORNERS = _get_third_corners()


def walk_digits(place: Lattice, digits: list[int]) -> tuple[Lattice, int]:
    """From a base cell's place down its digits: the lattice coordinates at the last level whose axes
    are aligned with the face's (even levels), and how many times seven its density is."""
    i, j, k = place
    for level, digit in enumerate(digits, start=1):
        if level % 2:
            i, j, k = 3 * i + j, 3 * j + k, 3 * k + i
        else:
            i, j, k = 3 * i + k, 3 * j + i, 3 * k + j
        step = DIGIT_STEPS[digit]
        i, j, k = i + step[0], j + step[1], k + step[2]
    if len(digits) % 2:
        i, j, k = 3 * i + k, 3 * j + i, 3 * k + j
    return (i, j, k), (len(digits) + 1) // 2


def fold_onto_face(weights: list[int], corners: list[int], pivot: int | None) -> None:
    """Moves a point that lies beyond an edge of its face to the face where it is, in place.

    ``weights`` belong to ``corners``, which run counter-clockwise. With a ``pivot`` (a corner) every fold
    goes clockwise round it; otherwise it goes over the edge that the point is beyond. Both weights of an
    edge's far side are negative only behind a pentagon, and then the way is clockwise as well.
    """
    while min(weights) < 0:
        negative = [at for at in range(3) if weights[at] < 0]
        if pivot is not None:
            out = (corners.index(pivot) + 2) % 3
        else:
            out = negative[1] if len(negative) == 2 and negative[1] == negative[0] + 1 else negative[0]
        left, right = (out + 1) % 3, (out + 2) % 3
        first, second = THIRD_CORNERS[corners[left], corners[right]]
        corners[out] = second if first == corners[out] else first
        # Seen from the other side the edge runs the other way round: its ends change places.
        corners[left], corners[right] = corners[right], corners[left]
        beyond = weights[out]
        weights[out], weights[left], weights[right] = -beyond, weights[right] + beyond, weights[left] + beyond


@lru_cache(maxsize=1 << 16)
def compute_cell_centre(cell: int) -> Vector:
    """The centre of an H3 cell, micrometres from the globe's centre along three axes (the x axis through
    0 N 0 E, z through the pole). ``ValueError`` for an index that is no cell."""
    if not h3.is_valid_cell(cell):
        raise ValueError(f"{cell:x} is not an H3 cell")
    resolution = cell >> 52 & 0xF
    base_cell = cell >> 45 & 0x7F
    digits = [cell >> 3 * (15 - level) & 7 for level in range(1, resolution + 1)]
    *corner_ids, i, j, k = HOMES[base_cell]
    pivot = None
    if is_pentagon_base(base_cell):
        leading = next((digit for digit in digits if digit), 0)
        if leading == 5:
            digits = [TURNED_CLOCKWISE[digit] for digit in digits]
        elif leading == 4:
            pivot = corner_ids[(i, j, k).index(2)]
    (i, j, k), sevens = walk_digits((i, j, k), digits)
    scale = 7**sevens
    weights = [2 * (scale + i) - j - k, 2 * (scale + j) - k - i, 2 * (scale + k) - i - j]
    corners = list(corner_ids)
    fold_onto_face(weights, corners, pivot)
    point = [
        sum(weight * CORNERS[corner][axis] for weight, corner in zip(weights, corners, strict=True))
        for axis in range(3)
    ]
    length = isqrt(sum(part * part for part in point))
    x, y, z = ((2 * EARTH_RADIUS_UM * part + length) // (2 * length) for part in point)
    return x, y, z


def is_pentagon_base(base_cell: int) -> bool:
    """Whether a base cell lies on a corner of the icosahedron: one of its weights is all there is."""
    i, j, k = HOMES[base_cell][3:]
    return sorted((i, j, k)) == [0, 0, 2]


def compute_distance_um(cell: int, other: int) -> int:
    """Length of the great circle between two cells' centres, micrometres, to ``DISTANCE_ERROR_UM``.

    The chord is an integer square root; the arc is found by halving it until its series is exact enough.
    Beyond a quarter of the globe the chord tells little of the arc, so there it is the rest to the point
    opposite.
    """
    centre, there = compute_cell_centre(cell), compute_cell_centre(other)
    square = sum((a - b) ** 2 for a, b in zip(centre, there, strict=True))
    if square > 2 * EARTH_RADIUS_UM**2:
        opposite = sum((a + b) ** 2 for a, b in zip(centre, there, strict=True))
        return HALF_CIRCUMFERENCE_UM - _compute_arc_um(opposite)
    return _compute_arc_um(square)


def _compute_arc_um(square: int) -> int:
    """The arc over a chord of at most a quarter of the globe, from the chord's square; micrometres."""
    if square == 0:
        return 0
    unit = 1 << 96
    share = (square << 96) // EARTH_RADIUS_UM**2  # (chord / radius)^2
    halvings = 0
    while share > unit >> 16:
        share = (share << 96) // (2 * unit + isqrt((4 * unit - min(share, 4 * unit)) << 96))
        halvings += 1
    # arc = chord * (1 + s/24 + 3 s^2/640 + ...), s = (chord / radius)^2 <= 2^-16
    chord = isqrt(share << 96)
    arc = chord + chord * share // (24 * unit) + 3 * chord * share * share // (640 * unit * unit)
    return (arc * EARTH_RADIUS_UM << halvings) >> 96
