"""What a network server derives from the regional parameters: RX1, class B channels, delays.

Source: LoRaWAN RP002-1.0.5 with the choices of ChirpStack's tables (known answers: region_tables__lrwn).
Channels, data rates, powers and RX2 are in ``hardware.lora``; payload limits are in ``regional_payloads``.
"""

from collections.abc import Mapping

from hardware.lora.region import Channel, Region
from router.lorawan.errors import InvalidField

RX1_DELAY_S = 1
JOIN_ACCEPT_DELAY_1_S = 5
JOIN_ACCEPT_DELAY_2_S = 6
#: RX2 opens this long after RX1, in every region.
RX2_AFTER_RX1_S = 1

MAX_RX1_DR_OFFSET = 5

#: Fixed plans: where offset 0 of each uplink data rate lands in the downlink row SF12/500 kHz (8) to SF5 (0).
_DOWN_500_ROW = (8, 9, 10, 11, 12, 13, 14, 0)
_US915_FIRST = {0: 10, 1: 11, 2: 12, 3: 13, 5: 10, 6: 11, 7: 14, 8: 0}
_AU915_FIRST = {0: 8, 1: 9, 2: 10, 3: 11, 4: 12, 5: 13, 7: 9, 9: 14, 10: 0}
#: 500 kHz uplinks are answered one step above SF7, where that step does not exist.
_US915_500 = {4: (13, 13, 12, 11)}
_AU915_500 = {6: (13, 13, 12, 11, 10, 9)}

#: Other plans: data rates from slow to fast, SF12 to SF5 at 125 kHz.
_SPEED_ROW = (0, 1, 2, 3, 4, 5, 12, 13)
_LR_FHSS_LIKE = {8: 1, 9: 2, 10: 1, 11: 2}
_FASTEST = 7

#: LR-FHSS data rates on default channels, by region and the channel's LoRa data rate.
_LR_FHSS_BESIDE = {("US915", 4): (5, 6)}

_PING_SLOT_HZ = {
    "EU868": (869_525_000,),
    "US915": tuple(923_300_000 + 600_000 * number for number in range(8)),
    "AU915": tuple(923_300_000 + 600_000 * number for number in range(8)),
    "AS923": (923_400_000,),
    "AS923_2": (921_600_000,),
    "AS923_3": (916_800_000,),
    "AS923_4": (917_500_000,),
    "IN865": (866_550_000,),
    "KR920": (923_100_000,),
    "RU864": (868_900_000,),
    "CN470": tuple(508_300_000 + 200_000 * number for number in range(8)),
    "EU433": (434_665_000,),
    "CN779": (785_000_000,),
}


def compute_rx1_data_rate(
    region: Region, uplink_data_rate: int, rx1_dr_offset: int, *, downlink_dwell_400ms: bool = False
) -> int:
    """Index of the data rate of RX1. Raises ``InvalidField`` for an offset or data rate the region has
    not.
    """
    row = get_rx1_data_rates(region, downlink_dwell_400ms=downlink_dwell_400ms).get(uplink_data_rate)
    if row is None:
        raise InvalidField("data_rate", f"{uplink_data_rate} is no uplink data rate of {region.name}")
    if not 0 <= rx1_dr_offset < len(row):
        raise InvalidField("rx1_dr_offset", f"{rx1_dr_offset}; {region.name} has 0 to {len(row) - 1}")
    return row[rx1_dr_offset]


def get_rx1_data_rates(
    region: Region, *, downlink_dwell_400ms: bool = False
) -> Mapping[int, tuple[int, ...]]:
    """RX1 data rates by uplink data rate and then by RX1DROffset."""
    name = region.common_name
    if name == "US915":
        return _compute_fixed_rows(_US915_FIRST, offsets=4) | _US915_500
    if name == "AU915":
        return _compute_fixed_rows(_AU915_FIRST, offsets=6) | _AU915_500
    table = {}
    for data_rate in _list_uplink_data_rates(region):
        like = _LR_FHSS_LIKE.get(data_rate, data_rate)
        row = [_slow_down(like, offset) for offset in range(MAX_RX1_DR_OFFSET + 1)]
        if name.startswith("AS923") or name == "IN865":
            row += [_speed_up(name, like, steps) for steps in (1, 2)]
        if downlink_dwell_400ms and name.startswith("AS923"):
            row = [max(2, answer) for answer in row]
        table[data_rate] = tuple(row)
    return table


def _list_uplink_data_rates(region: Region) -> list[int]:
    if region.common_name == "CN470":
        return [0, 1, 2, 3, 4, 5]
    return sorted({*region.data_rates, *region.fsk_data_rates, *region.lr_fhss_data_rates})


def _slow_down(data_rate: int, steps: int) -> int:
    if data_rate in (12, 13):
        return _SPEED_ROW[_SPEED_ROW.index(data_rate) - steps]
    return max(0, data_rate - steps)


def _speed_up(name: str, data_rate: int, steps: int) -> int:
    if data_rate in (12, 13):
        return 13
    if name == "IN865" and data_rate < 7:
        return min(data_rate + steps, 5)  # no SF7 at 250 kHz in India
    return min(data_rate + steps, _FASTEST)


def _compute_fixed_rows(first: Mapping[int, int], offsets: int) -> dict[int, tuple[int, ...]]:
    return {
        data_rate: tuple(
            _DOWN_500_ROW[max(0, _DOWN_500_ROW.index(answer) - offset)] for offset in range(offsets)
        )
        for data_rate, answer in first.items()
    }


def compute_ping_slot_frequency_hz(region: Region, dev_addr: bytes, beacon_time_s: int) -> int:
    """Where a class B device listens in the beacon period that starts at ``beacon_time_s`` (GPS time)."""
    frequencies = _PING_SLOT_HZ[region.common_name]
    return frequencies[(int.from_bytes(dev_addr, "big") + beacon_time_s // 128) % len(frequencies)]


def get_channel_data_rates(region: Region, channel: Channel) -> tuple[int, ...]:
    """Data rates that a device may use on ``channel``, LR-FHSS included."""
    lora = range(channel.minimum_data_rate_index, channel.maximum_data_rate_index + 1)
    return (*lora, *_LR_FHSS_BESIDE.get((region.common_name, lora.start), ()))


def get_uplink_data_rate_range(region: Region) -> tuple[int, int]:
    """Lowest and highest data rate that the region's default channels allow."""
    allowed = {
        index for channel in region.uplink_channels for index in get_channel_data_rates(region, channel)
    }
    return min(allowed), max(allowed)


def get_max_adr_data_rate(region: Region) -> int:
    """The highest 125 kHz LoRa data rate of the default channels: ADR goes no further."""
    high = get_uplink_data_rate_range(region)[1]
    return max(
        index
        for index, data_rate in region.data_rates.items()
        if data_rate.bandwidth_hz == 125_000 and index <= high
    )
