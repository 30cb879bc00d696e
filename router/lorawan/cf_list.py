"""CFList: the channels that a join-accept hands to the device (16 bytes).

Source: LoRaWAN 1.0.4 section 6.2.6, RP002. Type 0 carries five frequencies for regions with a dynamic
channel plan, type 1 carries channel masks for those with a fixed one (US915, AU915, CN470).
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from router.lorawan.bit_fields import decode_frequency, encode_frequency
from router.lorawan.errors import InvalidField, MalformedFrame

CF_LIST_BYTES = 16


class ChannelFrequencies(msgspec.Struct, frozen=True):
    """Type 0: the frequencies of the channels after the region's default ones; 0 leaves a place empty."""

    frequencies_hz: tuple[int, ...]


class ChannelMasks(msgspec.Struct, frozen=True):
    """Type 1: bit n of ``masks[i]`` enables channel 16 i + n; up to seven masks of 16 bits."""

    masks: tuple[int, ...]


CfList: TypeAlias = ChannelFrequencies | ChannelMasks


def encode_cf_list(cf_list: CfList) -> bytes:
    """The 16 bytes of ``cf_list``. Raises ``InvalidField``."""
    if isinstance(cf_list, ChannelFrequencies):
        if len(cf_list.frequencies_hz) > 5:
            raise InvalidField("cf_list", f"{len(cf_list.frequencies_hz)} frequencies; at most 5 fit")
        numbers = [encode_frequency("cf_list", frequency) for frequency in cf_list.frequencies_hz]
        return b"".join(number.to_bytes(3, "little") for number in numbers).ljust(15, b"\0") + b"\0"
    if len(cf_list.masks) > 7 or not all(0 <= mask <= 0xFFFF for mask in cf_list.masks):
        raise InvalidField("cf_list", "at most seven masks of 16 bits fit")
    return b"".join(mask.to_bytes(2, "little") for mask in cf_list.masks).ljust(15, b"\0") + b"\1"


def parse_cf_list(data: bytes) -> CfList:
    """Raises ``MalformedFrame``. All five places (type 0) or seven masks (type 1) are given, empty ones
    too.
    """
    if len(data) != CF_LIST_BYTES:
        raise MalformedFrame("cf_list_length", f"{len(data)} bytes; a CFList has 16")
    if data[15] == 0:
        numbers = [int.from_bytes(data[start : start + 3], "little") for start in range(0, 15, 3)]
        return ChannelFrequencies(tuple(decode_frequency(number) for number in numbers))
    if data[15] == 1:
        return ChannelMasks(tuple(int.from_bytes(data[i : i + 2], "little") for i in range(0, 14, 2)))
    raise MalformedFrame("cf_list_type", f"type {data[15]}; 0 and 1 exist")


def build_channel_masks(enabled_channels: Sequence[int], channel_count: int) -> ChannelMasks:
    """The masks of a fixed channel plan with ``channel_count`` channels, of which some are enabled."""
    masks = [0] * -(-channel_count // 16)
    for channel in enabled_channels:
        if not 0 <= channel < channel_count:
            raise InvalidField("channel", f"{channel}; the plan has channels 0 to {channel_count - 1}")
        masks[channel // 16] |= 1 << channel % 16
    return ChannelMasks(tuple(masks))
