"""Moving a device to the network's channels: the LinkADRReq commands for it, and what a device makes of them.

Source: LoRaWAN 1.0.4 section 5.3, RP002; the choice of commands is that of ChirpStack's tables (known
answers: link_adr_payloads__lrwn). Channel numbers are indices of the region's plan; those from
``default_count`` on are the network's own, sent by CFList or NewChannelReq, and switched on only where the
device has them.
"""

from collections.abc import Collection, Sequence

from router.lorawan.cf_list import CfList, ChannelFrequencies, build_channel_masks
from router.lorawan.mac_commands import LinkAdrReq

#: ChMaskCntl of US915 and AU915: all 125 kHz channels off, the mask is for channels 64 to 71.
ALL_125_KHZ_OFF = 7
ALL_125_KHZ_ON = 6
BANKS_OF_8 = 5
ALL_ON = 6

_FIXED_72 = ("US915", "AU915")
_FIXED_PLANS = (*_FIXED_72, "CN470")
CHANNEL_COUNT = {"US915": 72, "AU915": 72, "CN470": 96}


def build_link_adr_requests(
    common_name: str, network_channels: Sequence[int], device_channels: Sequence[int], default_count: int
) -> tuple[LinkAdrReq, ...]:
    """The shortest commands (data rate, power and NbTrans 0, to be filled in) that bring the device in line.

    Empty when the device has what it can have.
    """
    by_block = _build_by_block(network_channels, device_channels, default_count)
    if common_name in _FIXED_72 and by_block:
        by_reset = _build_from_all_off(network_channels)
        return by_block if len(by_block) < len(by_reset) else by_reset
    return by_block


def _build_by_block(
    network_channels: Sequence[int], device_channels: Sequence[int], default_count: int
) -> tuple[LinkAdrReq, ...]:
    network, device = set(network_channels), set(device_channels)
    different = sorted(network ^ device)
    # a channel of the network's own that the device does not have cannot be switched on by a mask
    if not any(channel in device or channel < default_count for channel in different):
        return ()
    usable = {channel for channel in network if channel in device or channel < default_count}
    blocks = dict.fromkeys(channel // 16 for channel in different)
    return tuple(_build_request(block, _mask_of_block(usable, block)) for block in blocks)


def _build_from_all_off(network_channels: Sequence[int]) -> tuple[LinkAdrReq, ...]:
    network = set(network_channels)
    blocks = sorted({channel // 16 for channel in network if channel < 64})
    return (
        _build_request(ALL_125_KHZ_OFF, _mask_of_block(network, 4)),
        *(_build_request(block, _mask_of_block(network, block)) for block in blocks),
    )


def _build_request(ch_mask_cntl: int, ch_mask: int) -> LinkAdrReq:
    return LinkAdrReq(data_rate=0, tx_power_index=0, ch_mask=ch_mask, ch_mask_cntl=ch_mask_cntl, nb_trans=0)


def _mask_of_block(channels: Collection[int], block: int) -> int:
    return sum(1 << channel - 16 * block for channel in channels if channel // 16 == block)


def apply_link_adr_requests(
    common_name: str, requests: Sequence[LinkAdrReq], device_channels: Sequence[int], channel_count: int
) -> tuple[int, ...]:
    """The channels that are on after a device with ``channel_count`` defined ones accepted ``requests``."""
    enabled = set(device_channels)
    for request in requests:
        control, mask = request.ch_mask_cntl, request.ch_mask
        if common_name in _FIXED_72 and control >= BANKS_OF_8:
            enabled = _apply_fixed_72(enabled, control, mask)
        elif control == ALL_ON and common_name not in _FIXED_72:
            enabled = set(range(channel_count))
        else:
            enabled -= set(range(16 * control, 16 * control + 16))
            enabled |= {16 * control + bit for bit in range(16) if mask >> bit & 1}
    return tuple(sorted(channel for channel in enabled if channel < channel_count))


def _apply_fixed_72(enabled: set[int], control: int, mask: int) -> set[int]:
    if control == BANKS_OF_8:
        banks = [bank for bank in range(8) if mask >> bank & 1]
        return {8 * bank + number for bank in banks for number in range(8)} | {64 + bank for bank in banks}
    narrow = set(range(64)) if control == ALL_125_KHZ_ON else set()
    return narrow | {64 + bit for bit in range(8) if mask >> bit & 1}


def build_cf_list(
    common_name: str, network_channels: Sequence[int], extra_frequencies_hz: Sequence[int]
) -> CfList | None:
    """The CFList for a join-accept (devices from 1.0.3 on); None if there is nothing to say."""
    if common_name in _FIXED_PLANS:
        return build_channel_masks(network_channels, CHANNEL_COUNT[common_name])
    if not extra_frequencies_hz:
        return None
    return ChannelFrequencies(tuple(extra_frequencies_hz[:5]))
