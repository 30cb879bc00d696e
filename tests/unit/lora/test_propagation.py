"""Free space in integers against floating point and Helium's oracle."""

import json
from math import log10, pi
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.lora.propagation import (
    compute_free_space_path_loss_cdb,
    compute_free_space_rssi_cdbm,
    compute_ratio_cdb,
)


@given(distance_m=st.integers(1, 50_000_000), frequency_hz=st.integers(100_000_000, 3_000_000_000))
def test_within_the_stated_error(distance_m: int, frequency_hz: int) -> None:
    exact = 20 * log10(4 * pi * distance_m * frequency_hz / 299_792_458)
    assert abs(compute_free_space_path_loss_cdb(distance_m, frequency_hz) / 100 - exact) < 0.00501


@given(st.integers(1, 2**200), st.integers(1, 2**200))
def test_ratio_within_the_stated_error(numerator: int, denominator: int) -> None:
    exact = 10 * (log10(numerator) - log10(denominator))
    assert abs(compute_ratio_cdb(numerator, denominator) / 100 - exact) < 0.00501


def test_exact_powers() -> None:
    assert [compute_ratio_cdb(value) for value in (1, 10, 100, 10**9)] == [0, 1000, 2000, 9000]
    assert compute_ratio_cdb(2) == 301
    assert compute_ratio_cdb(1, 2) == -301


def test_table_of_the_oracle(shared: Path) -> None:
    vectors = json.loads((shared / "vectors/chain/fspl.json").read_text())
    rows = vectors["computed_table_fspl_dB"]
    assert len(rows) == 24
    for row in rows:
        loss_cdb = compute_free_space_path_loss_cdb(row["distance_m"], row["freq_hz"])
        assert abs(loss_cdb / 100 - row["fspl_dB"]) < 0.0055, row


def test_upstream_bound(shared: Path) -> None:
    case = json.loads((shared / "vectors/chain/fspl.json").read_text())["upstream"][0]
    given_ = case["in"]
    rssi_cdbm = compute_free_space_rssi_cdbm(
        given_["tx_power"] * 100,
        given_["beacon_gain"] // 10 * 100,
        given_["witness_gain"] // 10 * 100,
        given_["distance_m"],
        given_["freq"],
    )
    assert abs(rssi_cdbm / 100 - case["out"]) < 0.0055


@given(st.integers(1, 10_000_000), st.integers(1, 10_000_000))
def test_farther_is_never_stronger(near_m: int, more_m: int) -> None:
    near = compute_free_space_path_loss_cdb(near_m, 868_100_000)
    assert compute_free_space_path_loss_cdb(near_m + more_m, 868_100_000) >= near


def test_nearer_than_a_metre_and_bad_input() -> None:
    assert (
        compute_free_space_path_loss_cdb(0, 868_100_000)
        == compute_free_space_path_loss_cdb(1, 868_100_000)
        == 3122
    )
    with pytest.raises(ValueError, match="-1 m"):
        compute_free_space_path_loss_cdb(-1, 868_100_000)
    with pytest.raises(ValueError, match="0 Hz"):
        compute_free_space_path_loss_cdb(1, 0)
    with pytest.raises(ValueError, match="0/1"):
        compute_ratio_cdb(0)
