"""The regions' values.

Sources: LoRaWAN RP002-1.0.5 as ChirpStack's lrwn and The Things Stack's band tables have it (channels, data
rates, RX2, power steps, duty cycles); ERC 70-03 and EN 300 220-2 (EU868's sub-bands, where 14 dBm ERP is
16.15 dBm EIRP); 47 CFR 15.247 (US915: 30 dBm at the connector and 6 dBi); helium/lorawan-h3 region_params
(beacons; its EU433 frequencies lack a digit, corrected here). ISM2400 is left out: an SX1276 doesn't go
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hardware.lora.modulation import DataRate
from hardware.lora.region import BeaconParameters, Channel, FskDataRate, LrFhssDataRate, Region, SubBand

NO_LIMIT_PPM = 1_000_000

_POWER_8 = (0, -2, -4, -6, -8, -10, -12, -14)
_POWER_6 = _POWER_8[:6]
_POWER_11 = tuple(range(0, -22, -2))
_POWER_15 = tuple(range(0, -30, -2))

#: Largest beacon packet by spreading factor, everywhere but in EU868 (and US915 without the slow two).
_BEACON_SPREADING = ((12, 25), (11, 25), (10, 25), (9, 67), (8, 139), (7, 256))


def _rates(*entries: tuple[int, int, int]) -> Mapping[int, DataRate]:
    """(index, spreading factor, bandwidth in kHz)..."""
    return MappingProxyType(
        {index: DataRate(factor, bandwidth_khz * 1000) for index, factor, bandwidth_khz in entries}
    )


def _channels(start_hz: int, step_hz: int, count: int, minimum: int, maximum: int) -> tuple[Channel, ...]:
    return tuple(Channel(start_hz + step_hz * index, minimum, maximum) for index in range(count))


def _list_frequencies(start_hz: int, step_hz: int, count: int) -> tuple[int, ...]:
    return tuple(start_hz + step_hz * index for index in range(count))


def _beacon(start_hz: int, max_eirp_ddbm: int, count: int = 8) -> BeaconParameters:
    return BeaconParameters(_list_frequencies(start_hz, 200_000, count), max_eirp_ddbm, _BEACON_SPREADING)


_DR0_TO_5 = tuple((index, 12 - index, 125) for index in range(6))
_SF6_SF5 = ((12, 6, 125), (13, 5, 125))
_BASIC = _rates(*_DR0_TO_5, (6, 7, 250))
_WITH_SF5 = _rates(*_DR0_TO_5, (6, 7, 250), *_SF6_SF5)
_WITHOUT_250 = _rates(*_DR0_TO_5, *_SF6_SF5)
_FSK_7: Mapping[int, FskDataRate] = MappingProxyType({7: FskDataRate(50_000)})
_DOWN_500 = _rates((0, 5, 500), *((8 + index, 12 - index, 500) for index in range(7)))

_EU868_BEACON = BeaconParameters(
    _list_frequencies(867_100_000, 200_000, 8), 161, ((12, 65), (9, 129), (8, 238))
)

_EU868_SUB_BANDS = (
    SubBand(863_000_000, 865_000_000, 1_000, 161),
    SubBand(865_000_000, 868_000_000, 10_000, 161),
    SubBand(868_000_000, 868_600_000, 10_000, 161),
    SubBand(868_700_000, 869_200_000, 1_000, 161),
    SubBand(869_400_000, 869_650_000, 100_000, 291),
    SubBand(869_700_000, 870_000_000, 10_000, 161),
)


def _make_eu868(name: str) -> Region:
    return Region(
        name=name,
        common_name="EU868",
        uplink_channels=_channels(868_100_000, 200_000, 3, 0, 5),
        data_rates=_WITH_SF5,
        downlink_data_rates=_WITH_SF5,
        fsk_data_rates=_FSK_7,
        lr_fhss_data_rates=MappingProxyType(
            {
                8: LrFhssDataRate(1, 137_000),
                9: LrFhssDataRate(2, 137_000),
                10: LrFhssDataRate(1, 336_000),
                11: LrFhssDataRate(2, 336_000),
            }
        ),
        rx2_frequency_hz=869_525_000,
        rx2_data_rate_index=0,
        sub_bands=_EU868_SUB_BANDS,
        max_eirp_ddbm=160,
        downlink_max_eirp_ddbm=290,
        tx_power_offsets_db=_POWER_8,
        home_frequency_hz=868_100_000,
        home_data_rate_index=5,
        beacon=_EU868_BEACON,
    )


def _make_as923(
    name: str,
    offset_hz: int,
    band_hz: tuple[int, int],
    beacon: BeaconParameters,
    listen_before_talk_countries: tuple[str, ...] = (),
) -> Region:
    return Region(
        name=name,
        common_name={"AS923-2": "AS923_2", "AS923-3": "AS923_3", "AS923-4": "AS923_4"}.get(name, "AS923"),
        uplink_channels=_channels(923_200_000 + offset_hz, 200_000, 2, 0, 5),
        data_rates=_WITH_SF5,
        downlink_data_rates=_WITH_SF5,
        fsk_data_rates=_FSK_7,
        rx2_frequency_hz=923_200_000 + offset_hz,
        rx2_data_rate_index=2,
        sub_bands=(SubBand(*band_hz, 10_000, beacon.max_eirp_ddbm),),
        max_eirp_ddbm=160,
        downlink_max_eirp_ddbm=160,
        tx_power_offsets_db=_POWER_8,
        home_frequency_hz=923_200_000 + offset_hz,
        home_data_rate_index=5,
        beacon=beacon,
        has_tx_param_setup=True,
        listen_before_talk_countries=listen_before_talk_countries,
    )


def _make_au915(name: str, beacon: BeaconParameters) -> Region:
    return Region(
        name=name,
        common_name="AU915",
        uplink_channels=_channels(915_200_000, 200_000, 64, 0, 5)
        + _channels(915_900_000, 1_600_000, 8, 6, 6),
        data_rates=_rates(*_DR0_TO_5, (6, 8, 500), (9, 6, 125), (10, 5, 125)),
        downlink_data_rates=_DOWN_500,
        lr_fhss_data_rates=MappingProxyType({7: LrFhssDataRate(1, 1_523_000)}),
        rx1_frequencies_hz=_list_frequencies(923_300_000, 600_000, 8),
        rx2_frequency_hz=923_300_000,
        rx2_data_rate_index=8,
        sub_bands=(SubBand(915_000_000, 928_000_000, NO_LIMIT_PPM, 300),),
        max_eirp_ddbm=300,
        downlink_max_eirp_ddbm=300,
        tx_power_offsets_db=_POWER_15,
        home_frequency_hz=beacon.frequencies_hz[0],
        home_data_rate_index=5,
        beacon=beacon,
        has_tx_param_setup=True,
    )


_US915 = Region(
    name="US915",
    common_name="US915",
    uplink_channels=_channels(902_300_000, 200_000, 64, 0, 3) + _channels(903_000_000, 1_600_000, 8, 4, 4),
    data_rates=_rates(
        (0, 10, 125), (1, 9, 125), (2, 8, 125), (3, 7, 125), (4, 8, 500), (7, 6, 125), (8, 5, 125)
    ),
    downlink_data_rates=_DOWN_500,
    lr_fhss_data_rates=MappingProxyType({5: LrFhssDataRate(1, 1_523_000), 6: LrFhssDataRate(2, 1_523_000)}),
    rx1_frequencies_hz=_list_frequencies(923_300_000, 600_000, 8),
    rx2_frequency_hz=923_300_000,
    rx2_data_rate_index=8,
    sub_bands=(SubBand(902_000_000, 928_000_000, NO_LIMIT_PPM, 360),),
    max_eirp_ddbm=300,
    downlink_max_eirp_ddbm=210,
    tx_power_offsets_db=_POWER_15,
    home_frequency_hz=903_900_000,
    home_data_rate_index=3,
    beacon=BeaconParameters(_list_frequencies(903_900_000, 200_000, 8), 360, _BEACON_SPREADING[2:]),
    max_dwell_time_us=400_000,
)

_IN865 = Region(
    name="IN865",
    common_name="IN865",
    uplink_channels=(
        Channel(865_062_500, 0, 5),
        Channel(865_402_500, 0, 5),
        Channel(865_985_000, 0, 5),
    ),
    data_rates=_WITHOUT_250,
    downlink_data_rates=_WITHOUT_250,
    fsk_data_rates=_FSK_7,
    rx2_frequency_hz=866_550_000,
    rx2_data_rate_index=2,
    sub_bands=(SubBand(865_000_000, 867_000_000, NO_LIMIT_PPM, 300),),
    max_eirp_ddbm=300,
    downlink_max_eirp_ddbm=300,
    tx_power_offsets_db=_POWER_11,
    home_frequency_hz=865_062_500,
    home_data_rate_index=5,
    beacon=BeaconParameters((865_062_500, 865_402_500, 865_985_000), 300, _BEACON_SPREADING),
)

_KR920 = Region(
    name="KR920",
    common_name="KR920",
    uplink_channels=_channels(922_100_000, 200_000, 3, 0, 5),
    data_rates=_WITHOUT_250,
    downlink_data_rates=_WITHOUT_250,
    rx2_frequency_hz=921_900_000,
    rx2_data_rate_index=0,
    sub_bands=(SubBand(920_900_000, 923_300_000, NO_LIMIT_PPM, 230),),
    max_eirp_ddbm=140,
    downlink_max_eirp_ddbm=230,
    tx_power_offsets_db=_POWER_8,
    home_frequency_hz=922_100_000,
    home_data_rate_index=5,
    beacon=_beacon(922_100_000, 140, 7),
    listen_before_talk_countries=("KR",),
)

_RU864 = Region(
    name="RU864",
    common_name="RU864",
    uplink_channels=_channels(868_900_000, 200_000, 2, 0, 5),
    data_rates=_WITH_SF5,
    downlink_data_rates=_WITH_SF5,
    fsk_data_rates=_FSK_7,
    rx2_frequency_hz=869_100_000,
    rx2_data_rate_index=0,
    sub_bands=(SubBand(864_000_000, 870_000_000, 10_000, 221),),
    max_eirp_ddbm=160,
    downlink_max_eirp_ddbm=160,
    tx_power_offsets_db=_POWER_8,
    home_frequency_hz=868_900_000,
    home_data_rate_index=5,
    beacon=BeaconParameters(
        (*_list_frequencies(864_100_000, 200_000, 5), 868_900_000, 869_100_000), 160, _BEACON_SPREADING
    ),
)

#: The 96-channel plan of RP001; the 20 and 26 MHz plans of RP002 aren't here.
_CN470 = Region(
    name="CN470",
    common_name="CN470",
    uplink_channels=_channels(470_300_000, 200_000, 96, 0, 5),
    data_rates=_rates(*_DR0_TO_5, (6, 7, 500)),
    downlink_data_rates=_rates(*_DR0_TO_5, (6, 7, 500)),
    fsk_data_rates=_FSK_7,
    rx1_frequencies_hz=_list_frequencies(500_300_000, 200_000, 48),
    rx2_frequency_hz=505_300_000,
    rx2_data_rate_index=0,
    sub_bands=(SubBand(470_000_000, 510_000_000, NO_LIMIT_PPM, 191),),
    max_eirp_ddbm=191,
    downlink_max_eirp_ddbm=191,
    tx_power_offsets_db=_POWER_8,
    home_frequency_hz=486_300_000,
    home_data_rate_index=5,
    beacon=_beacon(486_300_000, 191),
)

_EU433 = Region(
    name="EU433",
    common_name="EU433",
    uplink_channels=_channels(433_175_000, 200_000, 3, 0, 5),
    data_rates=_WITH_SF5,
    downlink_data_rates=_WITH_SF5,
    fsk_data_rates=_FSK_7,
    rx2_frequency_hz=434_665_000,
    rx2_data_rate_index=0,
    sub_bands=(SubBand(433_050_000, 434_790_000, 100_000, 121),),
    max_eirp_ddbm=121,
    downlink_max_eirp_ddbm=121,
    tx_power_offsets_db=_POWER_6,
    home_frequency_hz=433_175_000,
    home_data_rate_index=5,
    beacon=_beacon(433_175_000, 121, 3),
)

_CN779 = Region(
    name="CN779",
    common_name="CN779",
    uplink_channels=_channels(779_500_000, 200_000, 3, 0, 5),
    data_rates=_BASIC,
    downlink_data_rates=_BASIC,
    fsk_data_rates=_FSK_7,
    rx2_frequency_hz=786_000_000,
    rx2_data_rate_index=0,
    sub_bands=(SubBand(779_000_000, 787_000_000, 10_000, 121),),
    max_eirp_ddbm=121,
    downlink_max_eirp_ddbm=121,
    tx_power_offsets_db=_POWER_6,
    home_frequency_hz=779_500_000,
    home_data_rate_index=5,
    beacon=_beacon(779_500_000, 121, 3),
)

#: AS923's first group; Japan (920.5..928 MHz) wants carrier sense.
_AS923_1_BAND_HZ = (920_000_000, 928_000_000)

REGIONS: tuple[Region, ...] = (
    _make_eu868("EU868"),
    _US915,
    _make_au915("AU915", _beacon(916_800_000, 300)),
    _make_as923("AS923-1", 0, _AS923_1_BAND_HZ, _beacon(923_200_000, 160), ("JP",)),
    _make_as923("AS923-2", -1_800_000, (920_000_000, 923_000_000), _beacon(921_400_000, 160)),
    _make_as923("AS923-3", -6_600_000, (915_000_000, 921_000_000), _beacon(916_600_000, 160)),
    _make_as923("AS923-4", -5_900_000, (917_000_000, 920_000_000), _beacon(917_300_000, 160)),
    _IN865,
    _KR920,
    _RU864,
    _CN470,
    _EU433,
    _CN779,
    # Helium's variants: the same LoRaWAN plan with other beacon channels or power.
    _make_au915("AU915-SB1", _beacon(915_200_000, 300)),
    _make_as923("AS923-1B", 0, _AS923_1_BAND_HZ, _beacon(922_000_000, 160)),
    _make_as923("AS923-1C", 0, _AS923_1_BAND_HZ, _beacon(923_200_000, 300)),
    _make_eu868("CD900-1A"),
)
