"""Cells' centres and distances in integers, against the H3 library's floating point."""

import json
import math
import random
from decimal import Decimal, localcontext
from pathlib import Path

import h3.api.basic_int as h3
import pytest

from chain.coverage.checks.distance import (
    CELL_RADIUS_M,
    compute_cells_apart,
    compute_smallest_distance_m,
)
from chain.coverage.position import (
    DISTANCE_ERROR_UM,
    EARTH_RADIUS_UM,
    HOMES,
    compute_cell_centre,
    compute_distance_um,
)


def get_error_m(cell: int) -> float:
    """How far our centre is from the library's, metres."""
    lat, lng = (math.radians(part) for part in h3.cell_to_latlng(cell))
    theirs = (math.cos(lat) * math.cos(lng), math.cos(lat) * math.sin(lng), math.sin(lat))
    return math.dist([part / EARTH_RADIUS_UM for part in compute_cell_centre(cell)], theirs) * 6.4e6


def draw_cell(draw: random.Random, resolution: int | None = None) -> int:
    lat = math.degrees(math.asin(draw.uniform(-1, 1)))
    resolution = draw.randint(0, 15) if resolution is None else resolution
    return int(h3.latlng_to_cell(lat, draw.uniform(-180, 180), resolution))


def test_random_cells_of_all_resolutions() -> None:
    draw = random.Random(1)
    assert max(get_error_m(draw_cell(draw)) for _ in range(20_000)) < 5e-6


def test_every_base_cell() -> None:
    assert len(HOMES) == 122
    assert max(get_error_m(cell) for cell in h3.get_res0_cells()) < 5e-6


@pytest.mark.parametrize("resolution", range(16))
def test_around_every_pentagon(resolution: int) -> None:
    for pentagon in h3.get_pentagons(resolution):
        assert max(get_error_m(cell) for cell in h3.grid_disk(pentagon, 6)) < 5e-6


def test_all_descendants_of_pentagons() -> None:
    # The gap's edges, where a subtree overhangs into the missing sixth, show from level 4 on.
    for pentagon in h3.get_pentagons(0):
        assert max(get_error_m(cell) for cell in h3.cell_to_children(pentagon, 5)) < 5e-6


def test_no_cell_is_refused_with_its_index() -> None:
    with pytest.raises(ValueError, match="is not an H3 cell"):
        compute_cell_centre(12345)


def test_distances_are_the_great_circle_of_the_library() -> None:
    draw = random.Random(2)
    for _ in range(3_000):
        cell = draw_cell(draw)
        near = draw.random() < 0.5
        other = draw.choice(list(h3.grid_disk(cell, 3))) if near else draw_cell(draw)
        expected = h3.great_circle_distance(h3.cell_to_latlng(cell), h3.cell_to_latlng(other), "m")
        # The library's own error near 0 and near half the globe is some micrometres.
        assert abs(compute_distance_um(cell, other) / 1e6 - expected) < 5e-5
        assert compute_distance_um(cell, other) == compute_distance_um(other, cell)
    assert compute_distance_um(cell, cell) == 0


def compute_sine_and_cosine(angle: Decimal) -> tuple[Decimal, Decimal]:
    """By their series, to the precision of the context."""
    sine, cosine, term = Decimal(0), Decimal(0), Decimal(1)
    for power in range(80):
        if power % 2:
            sine += term if power % 4 == 1 else -term
        else:
            cosine += term if power % 4 == 0 else -term
        term = term * angle / (power + 1)
    return sine, cosine


def compute_arc(half_chord: Decimal) -> Decimal:
    """The arc of a chord on the unit sphere, from half the chord: 2 asin, by Newton's steps from the
    float's."""
    if half_chord > Decimal("0.9"):
        return 2 * PI - 4 * compute_arc_quarter(half_chord)
    angle = Decimal(math.asin(float(half_chord)))
    for _ in range(3):
        sine, cosine = compute_sine_and_cosine(angle)
        angle -= (sine - half_chord) / cosine
    return 2 * angle


def compute_arc_quarter(half_chord: Decimal) -> Decimal:
    """(pi - asin) / 2 of a long chord, where asin itself is steep: from the rest that the other way round
    has."""
    rest = (1 - half_chord * half_chord).sqrt()
    angle = Decimal(math.asin(float(rest)))
    for _ in range(3):
        sine, cosine = compute_sine_and_cosine(angle)
        angle -= (sine - rest) / cosine
    return PI / 4 + angle / 2


PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def compute_exact_um(cell: int, other: int) -> Decimal:
    """The great circle between our integer centres, in 60 digits."""
    ends = [[Decimal(part) for part in compute_cell_centre(end)] for end in (cell, other)]
    units = [[part / sum(p * p for p in end).sqrt() for part in end] for end in ends]
    square = sum(((a - b) ** 2 for a, b in zip(*units, strict=True)), Decimal(0))
    return compute_arc(square.sqrt() / 2) * EARTH_RADIUS_UM


def test_the_error_of_a_distance_is_below_what_is_stated() -> None:
    """A centre is within 2 micrometres (the tests above, against the library's 5 and its own error), the arc
    between two of them within 2 more: together at most 6 of the 10 that the rules reckon with. Near and far
    pairs, half the globe, and all pairs around pentagons of every resolution."""
    with localcontext() as context:
        context.prec = 60
        draw = random.Random(5)
        pairs = []
        for _ in range(300):
            cell = draw_cell(draw)
            pairs.append((cell, draw.choice(list(h3.grid_disk(cell, 2)))))
            pairs.append((cell, draw_cell(draw)))
            lat, lng = h3.cell_to_latlng(cell)
            pairs.append((cell, h3.latlng_to_cell(-lat, (lng + 360) % 360 - 180, 15)))
        for resolution in range(16):
            for pentagon in h3.get_pentagons(resolution)[::4]:
                around = list(h3.grid_disk(pentagon, 1))
                pairs += [(cell, other) for cell in around for other in around if cell < other]
        assert len(pairs) > 1_600
        worst = max(abs(compute_distance_um(*pair) - compute_exact_um(*pair)) for pair in pairs)
        assert worst <= 2
        assert worst + 2 * 2 < DISTANCE_ERROR_UM


def test_distances_of_the_vectors(shared: Path) -> None:
    checks = json.loads((shared / "vectors/chain/witness_checks.json").read_text())
    for case in checks["distance_cases"]:
        metres = compute_distance_um(int(case["beacon"]), int(case["witness"])) / 1e6
        assert round(metres) == case["m"]
        assert (int(metres / 1000) <= 100) is case["ok"]
    for case in checks["cell_distance_cases"]:
        apart = compute_cells_apart(int(case["beacon"]), int(case["witness"]), 11, 1000)
        assert apart == case["cells_res11"]
        assert (apart >= 8) is case["ok"]
    fspl = json.loads((shared / "vectors/chain/fspl.json").read_text())["upstream"]
    by_test = {case["test"]: case for case in fspl}
    cells = [int(cell) for cell in by_test["test_calc_distance"]["in"]]
    assert round(compute_distance_um(*cells) / 1e6) == by_test["test_calc_distance"]["out_m"]
    cells = [int(cell) for cell in by_test["test_calc_cell_distance"]["in"]]
    apart = compute_cells_apart(*cells, 11, 10_000)
    assert apart == by_test["test_calc_cell_distance"]["out_cells_res11"]


def test_no_point_of_a_cell_is_further_from_its_centre_than_stated() -> None:
    draw = random.Random(3)
    for _ in range(3_000):
        cell = draw_cell(draw, 12)
        centre = h3.cell_to_latlng(cell)
        for corner in h3.cell_to_boundary(cell):
            assert h3.great_circle_distance(centre, corner, "m") < CELL_RADIUS_M


def test_the_smallest_distance_never_exceeds_the_true_one() -> None:
    draw = random.Random(4)
    for _ in range(2_000):
        lat, lng = draw.uniform(-80, 80), draw.uniform(-179, 179)
        other = lat + draw.uniform(-0.05, 0.05), lng + draw.uniform(-0.05, 0.05)
        cells = h3.latlng_to_cell(lat, lng, 12), h3.latlng_to_cell(*other, 12)
        true_m = h3.great_circle_distance((lat, lng), other, "m")
        smallest_m = compute_smallest_distance_m(*cells)
        assert smallest_m <= max(true_m, 1)
        assert smallest_m >= true_m - 4 * CELL_RADIUS_M - 1
    assert compute_smallest_distance_m(cells[0], cells[0]) == 1
    assert DISTANCE_ERROR_UM < 1_000_000


def test_cells_apart_across_a_pentagon_counts_rings() -> None:
    for pentagon in h3.get_pentagons(11)[:4]:
        ring = list(h3.grid_ring(pentagon, 3))
        assert all(compute_cells_apart(pentagon, cell, 11, 8) == 3 for cell in ring)
        for cell in ring:
            for other in ring:
                rings = next(n for n in range(8) if other in h3.grid_disk(cell, n))
                assert compute_cells_apart(cell, other, 11, 8) == rings


def test_cells_far_apart_are_far_enough() -> None:
    assert compute_cells_apart(h3.latlng_to_cell(45, 5, 12), h3.latlng_to_cell(-30, 150, 12), 11, 8) == 8
