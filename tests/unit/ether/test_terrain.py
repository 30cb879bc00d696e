"""Path loss: figures, symmetry, determinism, and never better than free space."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.lora.modulation import compute_sensitivity_cdbm
from hardware.lora.propagation import compute_free_space_rssi_cdbm
from hardware.virtual.ether.emission import Emission
from hardware.virtual.ether.terrain import (
    ConfigError,
    Place,
    Propagation,
    Terrain,
    compute_distance_m,
    compute_path_loss_db,
    compute_shadowing_db,
    load_terrain,
    read_terrain,
    to_json,
)

HOME_HZ = 868_100_000
PLACES = st.builds(
    Place,
    lat=st.floats(46.8, 47.2),
    lng=st.floats(7.2, 7.8),
    alt_m=st.floats(0, 1000),
    gain_dbi=st.floats(-3, 8),
    loss_db=st.floats(0, 20),
)


def make_emission(power_cdbm: int = 1_400, factor: int = 8) -> Emission:
    return Emission(
        1, 1_000_000, HOME_HZ, factor, 125_000, 5, 8, False, 0x34, True, True, False, power_cdbm, bytes(52)
    )


def make_pair_at(distance_m: float, propagation: Propagation) -> Terrain:
    north = Place(47.0 + distance_m / 111_195.08, 7.4, 10.0, 2.15)
    return Terrain(propagation, {"one": Place(47.0, 7.4, 10.0, 2.15), "other": north})


def test_distance() -> None:
    bern, zurich = Place(46.9480, 7.4474, 0), Place(47.3769, 8.5417, 0)
    assert abs(compute_distance_m(bern, zurich) - 95_400) < 500
    assert abs(compute_distance_m(Place(47, 7, 100), Place(47, 7, 130)) - 30) < 1e-6


def test_figures_of_the_model() -> None:
    """31.2 dB at a metre and 27 dB a decade; a metre is the least."""
    one = Place(47.0, 7.4)
    at_1_km = Place(47.0 + 1000 / 111_195.08, 7.4)
    loss_db = compute_path_loss_db(Propagation(), one, at_1_km, HOME_HZ)
    assert abs(loss_db - (31.2 + 81)) < 0.05
    assert abs(compute_path_loss_db(Propagation(), one, one, HOME_HZ) - 31.23) < 0.05


@pytest.mark.parametrize(
    ("distance_m", "is_heard"), [(1_000, True), (2_000, True), (12_000, True), (40_000, False)]
)
def test_hotspots_of_a_town_hear_each_other_at_sf8(distance_m: float, is_heard: bool) -> None:
    terrain = make_pair_at(distance_m, Propagation())
    rssi_cdbm = terrain.compute_rssi_cdbm(make_emission(), "one", "other")
    assert (rssi_cdbm >= compute_sensitivity_cdbm(8, 125_000)) == is_heard


@pytest.mark.parametrize("distance_m", [900, 1_000, 2_000])
def test_forty_decibels_more_silence_a_town(distance_m: float) -> None:
    terrain = make_pair_at(distance_m, Propagation(shadowing_db=3)).with_extra_loss(40)
    for factor in (7, 8):
        rssi_cdbm = terrain.compute_rssi_cdbm(make_emission(factor=factor), "one", "other")
        assert rssi_cdbm < compute_sensitivity_cdbm(factor, 125_000)


@given(PLACES, PLACES, st.floats(1, 6), st.floats(0, 12), st.integers(0, 2**31))
def test_never_stronger_than_free_space_and_alike_both_ways(
    one: Place, other: Place, exponent: float, shadowing_db: float, seed: int
) -> None:
    terrain = Terrain(Propagation(exponent, 31.2, shadowing_db, seed), {"one": one, "other": other})
    rssi_cdbm = terrain.compute_rssi_cdbm(make_emission(), "one", "other")
    assert rssi_cdbm == terrain.compute_rssi_cdbm(make_emission(), "other", "one")
    bound_cdbm = compute_free_space_rssi_cdbm(
        1_400,
        math.ceil(one.gain_dbi * 100),
        math.ceil(other.gain_dbi * 100),
        int(compute_distance_m(one, other)),
        HOME_HZ,
    )
    assert rssi_cdbm <= bound_cdbm


def test_shadowing_is_fixed_by_seed_and_places() -> None:
    one, other, third = Place(47.0, 7.4), Place(47.01, 7.4), Place(47.0, 7.42)
    six = Propagation(shadowing_db=6, seed=3)
    assert compute_shadowing_db(six, one, other) == compute_shadowing_db(six, other, one)
    assert compute_shadowing_db(six, one, other) != compute_shadowing_db(six, one, third)
    assert compute_shadowing_db(six, one, other) != compute_shadowing_db(
        Propagation(shadowing_db=6, seed=4), one, other
    )
    assert compute_shadowing_db(Propagation(), one, other) == 0


def test_shadowing_is_spread_as_it_says() -> None:
    four = Propagation(shadowing_db=4)
    values = [
        compute_shadowing_db(four, Place(47, 7), Place(47 + index / 100, 7.5)) for index in range(2_000)
    ]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    assert abs(mean) < 0.3
    assert 3.7 < spread < 4.2
    assert max(map(abs, values)) <= 10


def test_swapped_places_swap_strengths() -> None:
    near, far, middle = Place(47.0, 7.40), Place(47.0, 7.44), Place(47.0, 7.41)
    terrain = Terrain(Propagation(shadowing_db=3), {"near": near, "far": far, "middle": middle})
    swapped = Terrain(terrain.propagation, {"near": far, "far": near, "middle": middle})
    before = [terrain.compute_rssi_cdbm(make_emission(), name, "middle") for name in ("near", "far")]
    after = [swapped.compute_rssi_cdbm(make_emission(), name, "middle") for name in ("near", "far")]
    assert before == after[::-1] and before[0] > before[1]


def test_configuration_comes_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "ether.json"
    terrain = Terrain(
        Propagation(2.9, 32.0, 3.5, 7, 1.5), {"a": Place(47, 7, 500, 2.15, 3), "b": Place(46.5, 7.5)}
    )
    path.write_text(json.dumps(to_json(terrain)))
    assert load_terrain(path) == terrain
    path.write_text('{"nodes": {"a": {"lat": 47, "lng": 7}}}')
    assert load_terrain(path) == Terrain(Propagation(), {"a": Place(47, 7)})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "no object"),
        ("{", "no JSON"),
        ('{"node": {}}', "unknown key 'node'"),
        ('{"nodes": []}', "must be objects"),
        ('{"nodes": {"a": 1}}', "node 'a'"),
        ('{"nodes": {"a": {"lat": 47}}}', "lacks lng"),
        ('{"nodes": {"a": {"lat": 147, "lng": 7}}}', "lat 147"),
        ('{"nodes": {"a": {"lat": "47", "lng": 7}}}', "lat is '47'"),
        ('{"nodes": {"a": {"lat": NaN, "lng": 7}}}', "lat is 'nan'"),
        ('{"nodes": {"a": {"lat": true, "lng": 7}}}', "lat is 'True'"),
        ('{"propagation": {"exponant": 3}}', "'exponant'"),
        ('{"propagation": {"exponent": 0}}', "exponent of 1..8"),
        ('{"propagation": {"seed": 1.5}}', "seed is 1.5"),
    ],
)
def test_bad_configuration_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "ether.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"ether.json.*{named}"):
        load_terrain(path)


def test_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json can't be read"):
        load_terrain(tmp_path / "nowhere.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.sampled_from(["nodes", "propagation", "lat", "lng"]), inner)
        ),
    )
)
def test_any_json_is_a_terrain_or_a_config_error(value: object) -> None:
    try:
        assert isinstance(read_terrain(value), Terrain)
    except ConfigError as error:
        assert str(error)
