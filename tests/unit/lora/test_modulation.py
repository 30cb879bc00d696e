"""Data rates, noise, sensitivity."""

from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.lora.modulation import (
    DataRate,
    compute_noise_floor_cdbm,
    compute_sensitivity_cdbm,
    get_required_snr_ddb,
    parse_data_rate,
)


@given(factor=st.integers(5, 12), bandwidth_khz=st.integers(1, 9999))
def test_data_rate_reads_what_it_writes(factor: int, bandwidth_khz: int) -> None:
    data_rate = DataRate(factor, bandwidth_khz * 1000)
    assert parse_data_rate(str(data_rate)) == data_rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SF7",
        "SF4BW125",
        "SF13BW125",
        "SF7BW",
        "SF7BW0",
        "sf7bw125",
        "SF7BW125 ",
        "SF7BW-5",
        "50000",
        "SF٧BW125",
    ],
)
def test_bad_data_rate_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="SF7BW125"):
        parse_data_rate(text)


@given(st.text())
def test_any_text_is_a_data_rate_or_a_value_error(text: str) -> None:
    try:
        assert str(parse_data_rate(text)) != ""
    except ValueError as error:
        assert "data rate" in str(error)


def test_required_snr_falls_by_a_quarter_of_ten_db_a_step() -> None:
    assert [get_required_snr_ddb(factor) for factor in range(5, 13)] == [
        -25, -50, -75, -100, -125, -150, -175, -200,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="13"):
        get_required_snr_ddb(13)


@pytest.mark.parametrize("bandwidth_hz", [7_800, 125_000, 250_000, 500_000])
def test_noise_floor(bandwidth_hz: int) -> None:
    assert abs(compute_noise_floor_cdbm(bandwidth_hz) / 100 - (-174 + 10 * log10(bandwidth_hz) + 6)) < 0.006


def test_sensitivity_is_near_the_data_sheet() -> None:
    # SX1276 data sheet table 10: SF7 -123 dBm, SF12 -136 dBm at 125 kHz, HF port.
    assert abs(compute_sensitivity_cdbm(7, 125_000) + 12_300) < 200
    assert abs(compute_sensitivity_cdbm(12, 125_000) + 13_600) < 200
