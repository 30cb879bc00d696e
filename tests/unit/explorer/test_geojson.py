"""A view's box: what it holds, across the date line too."""

import h3.api.basic_int as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.explorer.geojson import (
    WORLD,
    BadBox,
    Box,
    build_line,
    compute_bounds,
    compute_place,
    compute_ring,
    parse_box,
)

LAT, LNG = st.floats(-84, 84), st.floats(-180, 180)
CELL = int(h3.latlng_to_cell(46.948, 7.4474, 8))


def test_parse() -> None:
    assert parse_box(None) == parse_box("") == WORLD
    assert parse_box("7,46,8,47") == Box(7, 46, 8, 47)
    assert parse_box("-200,0,200,10") == Box(-180, 0, 180, 10)
    # Maps count on beyond the date line; both ways of saying it are the same box.
    assert parse_box("170,-10,190,10") == parse_box("170,-10,-170,10") == Box(170, -10, 190, 10)
    assert parse_box("530,-10,550,10") == Box(170, -10, 190, 10)


@pytest.mark.parametrize(
    "text", ["1,2,3", "a,b,c,d", "0,50,10,40", "0,-91,1,0", "nan,0,1,1", "0,0,1e9,1", "1,2,3,4,5"]
)
def test_what_is_no_box_is_told(text: str) -> None:
    with pytest.raises(BadBox, match="bbox"):
        parse_box(text)


@given(st.text(max_size=200))
def test_any_text_is_a_box_or_refused(text: str) -> None:
    try:
        box = parse_box(text)
    except BadBox:
        return
    assert -180 <= box.west <= 180
    assert box.west <= box.east <= box.west + 360


@given(LAT, LNG)
def test_a_cell_touches_every_box_that_holds_a_point_of_it(lat: float, lng: float) -> None:
    ring = compute_ring(h3.latlng_to_cell(lat, lng, 5))
    # A box around the point that is much smaller than the cell: none of its corners is in it.
    assert Box(lng - 1e-7, lat - 1e-7, lng + 1e-7, lat + 1e-7).touches(ring, is_area=True)
    far = (lng + 360) % 360 - 180
    assert not Box(far, -lat - 1e-7, far + 1e-7, -lat).touches(ring, is_area=True)


@given(LAT, LNG, LAT, LNG, st.floats(0, 1))
def test_a_line_touches_every_box_on_it(
    lat: float, lng: float, lat2: float, lng2: float, part: float
) -> None:
    (start, end) = build_line((lng, lat), (lng2, lat2), {})["geometry"]["coordinates"]
    assert abs(end[0] - start[0]) <= 180
    x, y = start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
    box = parse_box(f"{x - 1e-6},{max(y - 1e-6, -90)},{x + 1e-6},{min(y + 1e-6, 90)}")
    assert box.touches([start, end])


def test_a_line_beside_a_box_does_not_touch_it() -> None:
    box = Box(0, 0, 1, 1)
    assert box.touches([(-1, 0.5), (2, 0.5)])  # passes through, both ends outside
    assert not box.touches([(-1, 0.5), (0.5, 2.5)])
    assert not box.touches([(2, 0), (2, 1)])


def test_hotspots_of_one_cell_stand_apart_inside_it() -> None:
    assert compute_place(CELL) == pytest.approx(tuple(reversed(h3.cell_to_latlng(CELL))), abs=1e-6)
    places = [compute_place(CELL, rank, 5) for rank in range(5)]
    assert len(set(places)) == 5
    assert all(h3.latlng_to_cell(lat, lng, 8) == CELL for lng, lat in places)
    west, south, east, north = compute_bounds(places) or [0, 0, 0, 0]
    assert west < places[0][0] < east
    assert south < north
    assert compute_bounds([]) is None
