"""Time on air against executed upstream code and the data sheet's formula in fractions."""

import json
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.lora.airtime import (
    compute_payload_symbols,
    compute_preamble_time_us,
    compute_symbol_time_us,
    compute_time_on_air_us,
    is_low_data_rate,
)


def load_cases(shared: Path) -> list[dict[str, Any]]:
    files = sorted((shared / "vectors/lorawan").glob("time_on_air*.json"))
    return [case for path in files for case in json.loads(path.read_text())["cases"]]


def test_vectors(shared: Path) -> None:
    counts = {"time_on_air": 0, "symbol_duration": 0, "payload_symbols": 0}
    for case in load_cases(shared):
        given_, expect = case["input"], case["expect"]
        counts[given_["op"]] += 1
        if given_["op"] == "symbol_duration":
            assert compute_symbol_time_us(given_["sf"], given_["bw_hz"]) == expect["us"], case["name"]
            continue
        coding_rate = int(given_["cr"].removeprefix("4/"))
        if given_["op"] == "payload_symbols":
            symbols = compute_payload_symbols(
                given_["payload_size"],
                given_["sf"],
                coding_rate,
                given_["header"],
                given_["crc"],
                given_["ldro"],
            )
            assert symbols == expect["symbols"], case["name"]
        else:
            time_us = compute_time_on_air_us(
                given_["payload_size"],
                given_["sf"],
                given_["bw_hz"],
                coding_rate,
                given_["preamble"],
                given_["header"],
                given_["crc"],
                given_["ldro"],
            )
            assert time_us == expect["time_on_air_us"], case["name"]
    assert min(counts.values()) > 0
    assert counts["time_on_air"] >= 20


@pytest.mark.parametrize(
    ("payload_bytes", "factor", "bandwidth_hz", "options", "time_us"),
    [
        (23, 7, 125_000, {}, 61_696),
        (23, 12, 125_000, {}, 1_482_752),
        (33, 7, 125_000, {"crc": False}, 71_936),
        (33, 12, 500_000, {"crc": False}, 411_648),
        (52, 9, 125_000, {}, 328_704),
        (52, 8, 125_000, {}, 184_832),
        (52, 10, 125_000, {}, 616_448),
        (52, 12, 125_000, {}, 2_465_792),
        (235, 7, 125_000, {}, 368_896),
        (51, 11, 125_000, {"coding_rate": 8}, 1_904_640),
        (17, 9, 125_000, {"crc": False, "explicit_header": False, "preamble_symbols": 10}, 152_576),
    ],
)
def test_known_frames(
    payload_bytes: int, factor: int, bandwidth_hz: int, options: dict[str, Any], time_us: int
) -> None:
    assert compute_time_on_air_us(payload_bytes, factor, bandwidth_hz, **options) == time_us


@given(
    payload_bytes=st.integers(0, 255),
    factor=st.integers(6, 12),
    bandwidth_hz=st.sampled_from([7_800, 62_500, 125_000, 250_000, 500_000]),
    coding_rate=st.integers(5, 8),
    preamble=st.integers(6, 100),
    header=st.booleans(),
    crc=st.booleans(),
    low_data_rate=st.booleans(),
)
def test_equals_the_data_sheet_formula_rounded_up(
    payload_bytes: int,
    factor: int,
    bandwidth_hz: int,
    coding_rate: int,
    preamble: int,
    header: bool,
    crc: bool,
    low_data_rate: bool,
) -> None:
    bits = 8 * payload_bytes - 4 * factor + 28 + 16 * crc - 20 * (not header)
    symbols = 8 + max(ceil(Fraction(bits, 4 * (factor - 2 * low_data_rate))) * coding_rate, 0)
    exact = (Fraction(preamble) + Fraction(17, 4) + symbols) * Fraction(2**factor * 1_000_000, bandwidth_hz)
    assert compute_time_on_air_us(
        payload_bytes, factor, bandwidth_hz, coding_rate, preamble, header, crc, low_data_rate
    ) == ceil(exact)


def test_low_data_rate_as_the_symbol_time_demands() -> None:
    slow = {
        (factor, bandwidth)
        for factor in range(7, 13)
        for bandwidth in (125_000, 250_000, 500_000)
        if is_low_data_rate(factor, bandwidth)
    }
    assert slow == {(11, 125_000), (12, 125_000), (12, 250_000)}


def test_preamble() -> None:
    assert compute_preamble_time_us(7, 125_000) == 12_544
    assert compute_preamble_time_us(12, 125_000, 10) == 466_944


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((256, 7, 125_000), "256"),
        ((-1, 7, 125_000), "-1"),
        ((1, 4, 125_000), "4"),
        ((1, 13, 125_000), "13"),
        ((1, 7, 0), "0 Hz"),
        ((1, 7, 125_000, 9), "4/9"),
        ((1, 7, 125_000, 5, -1), "-1"),
    ],
)
def test_out_of_range_is_named(arguments: tuple[int, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        compute_time_on_air_us(*arguments)
