"""Regions against the tables of ChirpStack, The Things Stack and Helium."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardware.lora.airtime import compute_time_on_air_us
from hardware.lora.modulation import DataRate, parse_data_rate
from hardware.lora.regions import REGIONS, Region, get_region

#: The newest TTS table of each band that is one of our regions as it stands.
TTS_BANDS = {
    "AS_923_PHY_V1_0_2_REV_B": "AS923-1",
    "AS_923_2_RP002_V1_0_1": "AS923-2",
    "AS_923_3_RP002_V1_0_1": "AS923-3",
    "AS_923_4_RP002_V1_0_3": "AS923-4",
    "AU_915_928_RP002_V1_0_3": "AU915",
    "CN_470_510_PHY_V1_1_REV_B": "CN470",
    "CN_779_787_PHY_V1_0": "CN779",
    "EU_433_PHY_V1_0": "EU433",
    "EU_863_870_RP002_V1_0_3": "EU868",
    "IN_865_867_RP002_V1_0_0": "IN865",
    "KR_920_923_RP002_V1_0_4": "KR920",
    "RU_864_870_RP002_V1_0_2": "RU864",
    "US_902_928_PHY_V1_1_REV_B": "US915",
}


def load_cases(shared: Path, name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((shared / "vectors/lorawan" / name).read_text())["cases"]
    return [case for case in cases if case["input"].get("region") != "ISM2400"]


def list_lora(rates: dict[str, Any]) -> dict[int, DataRate]:
    return {
        int(index): DataRate(rate["sf"], rate["bw"])
        for index, rate in rates.items()
        if rate["modulation"] == "LORA"
    }


def test_data_rates_are_chirpstacks(shared: Path) -> None:
    checked = set()
    for case in load_cases(shared, "region_tables__lrwn.json"):
        if case["input"]["op"] != "data_rates":
            continue
        region, expect = get_region(case["input"]["region"]), case["expect"]
        assert dict(region.data_rates) == list_lora(expect["uplink"]), region.name
        assert dict(region.downlink_data_rates) == list_lora(expect["downlink"]), region.name
        others = {
            int(index): (rate.get("bitrate"), rate.get("cr"), rate.get("ocw"))
            for index, rate in expect["uplink"].items()
            if rate["modulation"] != "LORA"
        }
        assert others == {
            **{index: (rate.bitrate_bps, None, None) for index, rate in region.fsk_data_rates.items()},
            **{
                index: (None, f"{2 * rate.coding_rate_thirds}/6", rate.occupied_width_hz)
                for index, rate in region.lr_fhss_data_rates.items()
            },
        }, region.name
        checked.add(region.name)
    assert {"EU868", "US915", "AU915", "CN470", "IN865"} <= checked


def test_channels_and_rx1_are_chirpstacks(shared: Path) -> None:
    count = 0
    for case in load_cases(shared, "region_tables__lrwn.json"):
        if case["input"]["op"] != "uplink_channels":
            continue
        region, channels = get_region(case["input"]["region"]), case["expect"]["channels"]
        assert [channel.frequency_hz for channel in region.uplink_channels] == [
            row["freq"] for row in channels
        ]
        for channel, row in zip(region.uplink_channels, channels, strict=True):
            lora = [index for index in row["data_rates"] if index in region.data_rates]
            assert (channel.minimum_data_rate_index, channel.maximum_data_rate_index) == (lora[0], lora[-1])
            assert region.compute_rx1_frequency_hz(channel.frequency_hz) == row["rx1_freq"]
        count += 1
    assert count >= 9


def test_defaults_are_chirpstacks(shared: Path) -> None:
    count = 0
    for case in load_cases(shared, "region_tables__lrwn.json"):
        if case["input"]["op"] != "region_defaults":
            continue
        region, expect = get_region(case["input"]["region"]), case["expect"]
        assert region.rx2_frequency_hz == expect["rx2_freq"]
        assert region.rx2_data_rate_index == expect["rx2_dr"]
        assert list(region.tx_power_offsets_db) == expect["tx_power_offsets_db"], region.name
        assert region.compute_downlink_eirp_dbm(region.rx2_frequency_hz) == expect["downlink_eirp_rx2"]
        for frequency_hz, eirp_dbm in expect["downlink_eirp_rx1"].items():
            assert region.compute_downlink_eirp_dbm(int(frequency_hz)) == eirp_dbm
        count += 1
    assert count >= 8


def test_bands_are_the_things_stacks(shared: Path) -> None:
    checked = set()
    for case in load_cases(shared, "region_tables__tts.json"):
        name = f"{case['input']['band']}_{case['input']['phy_version']}"
        if name not in TTS_BANDS:
            continue
        region, expect = get_region(TTS_BANDS[name]), case["expect"]
        for index, rate in expect["data_rates"].items():
            if rate["modulation"] == "lora":
                # TTS has one table for both directions.
                known = (region.data_rates.get(int(index)), region.downlink_data_rates.get(int(index)))
                assert DataRate(rate["spreading_factor"], rate["bandwidth"]) in known, (name, index)
        expected = [frequency for frequency, _, _ in expect["uplink_channels"]]
        ours = [channel.frequency_hz for channel in region.uplink_channels]
        # TTS lists CN779's three further channels of the CFList too.
        assert ours == expected[: len(ours)] and len(expected) - len(ours) in (0, 3), name
        assert region.rx2_frequency_hz == expect["rx2_default"]["Frequency"]
        assert region.rx2_data_rate_index == expect["rx2_default"]["DataRateIndex"]
        assert region.max_eirp_ddbm == int(expect["default_max_eirp"] * 10), name
        checked.add(region.name)
    missing = {
        "EU868",
        "US915",
        "AU915",
        "AS923-1",
        "AS923-2",
        "AS923-3",
        "AS923-4",
        "IN865",
        "KR920",
        "RU864",
    } - checked
    assert missing == set()


def test_eu868_sub_bands_are_the_things_stacks(shared: Path) -> None:
    for case in load_cases(shared, "region_tables__tts.json"):
        if case["input"]["band"] == "EU_863_870":
            expected = [
                (
                    row["MinFrequency"],
                    row["MaxFrequency"],
                    round(row["DutyCycle"] * 1_000_000),
                    int(row["MaxEIRP"] * 10),
                )
                for row in case["expect"]["sub_bands"]
            ]
            ours = [
                (band.start_hz, band.end_hz, band.duty_cycle_ppm, band.max_eirp_ddbm)
                for band in get_region("EU868").sub_bands
            ]
            assert ours == expected


def test_beacon_parameters_are_heliums(shared: Path) -> None:
    tables = json.loads((shared / "vectors/chain/region_params.json").read_text())["regions"]
    assert len(tables) == 16
    for name, channels in tables.items():
        beacon = get_region(name).beacon
        scale = 10 if name == "EU433" else 1  # upstream lacks a digit there
        assert list(beacon.frequencies_hz) == [row["freq"] * scale for row in channels], name
        assert {row["max_eirp_ddBm"] for row in channels} == {beacon.max_eirp_ddbm}, name
        assert {row["bw"] for row in channels} == {beacon.bandwidth_hz}
        spreading = tuple((int(factor.removeprefix("SF")), size) for factor, size in channels[0]["spreading"])
        assert beacon.spreading == spreading, name


def test_beacon_spreading_factor_of_helium() -> None:
    assert get_region("EU868").beacon.get_spreading_factor(51) == 12
    assert get_region("US915").beacon.get_spreading_factor(51) == 9
    with pytest.raises(ValueError, match="239"):
        get_region("EU868").beacon.get_spreading_factor(239)


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
def test_each_region_fits_itself(region: Region) -> None:
    frequencies = [
        *(channel.frequency_hz for channel in region.uplink_channels),
        *region.beacon.frequencies_hz,
        region.rx2_frequency_hz,
        region.home_frequency_hz,
        *region.rx1_frequencies_hz,
    ]
    for frequency_hz in frequencies:
        band = region.get_sub_band(frequency_hz)
        assert band is not None, frequency_hz
    home = region.get_sub_band(region.home_frequency_hz)
    assert home is not None and home.max_eirp_ddbm >= region.beacon.max_eirp_ddbm
    assert region.rx2_data_rate.bandwidth_hz in (125_000, 500_000)
    for channel in region.uplink_channels:
        assert channel.minimum_data_rate_index in region.data_rates
        assert channel.maximum_data_rate_index in region.data_rates
    beacon_time_us = compute_time_on_air_us(52, region.beacon_spreading_factor, region.beacon.bandwidth_hz)
    assert not region.max_dwell_time_us or beacon_time_us <= region.max_dwell_time_us
    assert region.home_data_rate.spreading_factor == 7


def test_home_channel_of_eu868() -> None:
    region = get_region("EU868")
    assert region.home_frequency_hz == 868_100_000
    assert region.home_data_rate == parse_data_rate("SF7BW125")
    assert region.get_uplink_data_rate_index(parse_data_rate("SF7BW125")) == 5
    assert region.get_downlink_data_rate_index(parse_data_rate("SF12BW125")) == 0
    assert region.get_downlink_data_rate_index(parse_data_rate("SF12BW500")) is None
    assert region.get_uplink_channel_index(868_500_000) == 2
    assert region.get_uplink_channel_index(867_100_000) is None
    assert region.get_sub_band(868_650_000) is None
    with pytest.raises(ValueError, match="868650000"):
        region.compute_downlink_eirp_dbm(868_650_000)
    with pytest.raises(ValueError, match="no uplink channel"):
        get_region("US915").compute_rx1_frequency_hz(902_350_000)


def test_names() -> None:
    assert get_region("as923_2") is get_region("AS923-2")
    assert get_region("AS923") is get_region("AS923-1")
    assert len({region.name for region in REGIONS}) == len(REGIONS) == 17
    with pytest.raises(ValueError, match="EU868, US915"):
        get_region("EU999")
