"""The walk and what the GPS receiver says of it."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.virtual.board.gps import compute_nmea
from hardware.virtual.board.walk import Fix, Walk, WalkError, compute_fix, parse_walk

METRES_PER_DEGREE = math.radians(1) * 6_371_000
walks = st.builds(
    Walk,
    lat=st.floats(-80, 80),
    lng=st.floats(-179, 179),
    radius_m=st.floats(10, 5000),
    speed_mps=st.floats(0.2, 3),
    seed=st.integers(0, 1000),
)
times = st.floats(0, 4e9)


def measure_m(walk: Walk, a: Fix, b: tuple[float, float]) -> float:
    north = (a.lat - b[0]) * METRES_PER_DEGREE
    east = (a.lng - b[1]) * METRES_PER_DEGREE * math.cos(math.radians(walk.lat))
    return math.hypot(north, east)


@given(walks, times)
def test_it_stays_within_its_radius(walk: Walk, time_s: float) -> None:
    assert measure_m(walk, compute_fix(walk, time_s), (walk.lat, walk.lng)) <= walk.radius_m * 1.001 + 0.01


@given(walks, times)
def test_it_is_never_faster_than_twice_its_speed(walk: Walk, time_s: float) -> None:
    before, after = compute_fix(walk, time_s), compute_fix(walk, time_s + 1)
    step_m = measure_m(walk, after, (before.lat, before.lng))
    assert step_m <= 2 * walk.speed_mps * 1.001 + 0.01
    assert 0 <= before.course_deg < 360
    assert before.speed_mps <= 2 * walk.speed_mps * 1.001


def test_it_is_a_function_of_seed_and_time_and_moves() -> None:
    walk = Walk(45.07, 7.68, 200, 1.3, 1)
    assert compute_fix(walk, 1.7e9) == compute_fix(walk, 1.7e9)
    assert compute_fix(walk, 1.7e9) != compute_fix(Walk(45.07, 7.68, 200, 1.3, 2), 1.7e9)
    fixes = [compute_fix(walk, 1.7e9 + 10 * step) for step in range(360)]
    walked_m = sum(measure_m(walk, a, (b.lat, b.lng)) for a, b in itertools.pairwise(fixes))
    assert 0.5 * 1.3 * 3600 < walked_m < 1.3 * 1.3 * 3600


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "x,7,200,1,1", "45,7,200,1,1.5", "95,7,200,1,1", "45,7,0,1,1", "45,7,200,nan,1"]
)
def test_bad_walks_are_refused(text: str) -> None:
    with pytest.raises(WalkError, match="walk"):
        parse_walk(text)


def test_a_walk_is_read() -> None:
    assert parse_walk("45.07,7.68,200,1.3,5") == Walk(45.07, 7.68, 200, 1.3, 5)


def test_nmea_of_a_known_place() -> None:
    # The checksum's rule, on the sentence that every NMEA text shows.
    assert xor(b"GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,") == 0x47
    # 2026-11-24 13:50:07 UTC.
    sentences = compute_nmea(Fix(-33.8568, 151.2153, 1.0, 84.4), 1_795_528_207.4).decode()
    assert sentences.split("\r\n") == [
        "$GPGGA,135007.00,3351.4080,S,15112.9180,E,1,08,1.0,0.0,M,0.0,M,,*46",
        "$GPRMC,135007.00,A,3351.4080,S,15112.9180,E,1.94,84.4,241126,,,A*4B",
        "",
    ]


@given(walks, times)
def test_nmea_gives_the_place_back(walk: Walk, time_s: float) -> None:
    fix = compute_fix(walk, time_s)
    for sentence in compute_nmea(fix, time_s).split(b"\r\n")[:-1]:
        body, _, checksum = sentence[1:].partition(b"*")
        assert f"{xor(body):02X}".encode() == checksum
        fields = body.decode().split(",")
        at = 2 if fields[0] == "GPGGA" else 3
        minutes = float(fields[at][-7:])
        lat = (int(fields[at][:2]) + minutes / 60) * (1 if fields[at + 1] == "N" else -1)
        lng = (int(fields[at + 2][:3]) + float(fields[at + 2][3:]) / 60) * (
            1 if fields[at + 3] == "E" else -1
        )
        assert minutes < 60
        assert abs(lat - fix.lat) < 1e-6 and abs(lng - fix.lng) < 1e-6


def xor(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value
