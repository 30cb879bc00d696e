"""Answers to MAC commands of devices (LoRaWAN 1.0.4 section 5), one answer each, in their order.

This network sends no requests of its own yet: everybody stays on the home channel. Answers that were not
asked for are ignored.
"""

from __future__ import annotations

import msgspec

from hardware.lora.modulation import get_required_snr_ddb
from router.lorawan.frames import Direction
from router.lorawan.mac_command_stream import encode_mac_commands, parse_mac_commands
from router.lorawan.mac_commands import (
    DeviceTimeAns,
    DeviceTimeReq,
    DevStatusAns,
    LinkCheckAns,
    LinkCheckReq,
    MacCommand,
)
from router.network.values import Transmission

#: Seconds from the Unix epoch to the GPS epoch (1980-01-06), and the leap seconds since then (as of 2017).
GPS_EPOCH_S = 315_964_800
LEAP_SECONDS = 18


class MacOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """`answers` encoded for FOpts; `status` if the device told battery and margin."""

    answers: bytes = b""
    status: DevStatusAns | None = None


def process_mac_commands(commands: bytes, transmission: Transmission) -> MacOutcome:
    """Answer the commands of one uplink. Unknown ones end the reading; what doesn't fit 15 bytes is
    left out.
    """
    answers: list[MacCommand] = []
    status = None
    for command in parse_mac_commands(commands, Direction.UP).commands:
        if isinstance(command, LinkCheckReq):
            answers.append(answer_link_check(transmission))
        elif isinstance(command, DeviceTimeReq):
            answers.append(answer_device_time(transmission))
        elif isinstance(command, DevStatusAns):
            status = command
    encoded = b""
    for answer in answers:
        one = encode_mac_commands([answer])
        if len(encoded) + len(one) <= 15:
            encoded += one
    return MacOutcome(answers=encoded, status=status)


def answer_link_check(transmission: Transmission) -> LinkCheckAns:
    """Margin of the best reception above the demodulation floor, and how many concentrators heard it."""
    best = transmission.best
    floor_db = get_required_snr_ddb(best.spreading_factor) / 10 if best.spreading_factor else 0.0
    return LinkCheckAns(
        margin_db=max(0, min(254, int(best.snr_db - floor_db))),
        gateway_count=min(255, len(transmission.receptions)),
    )


def answer_device_time(transmission: Transmission) -> DeviceTimeAns:
    """GPS time at the end of the uplink, by our clock and the shortest delay it can have had."""
    ended_at_ms = min(
        reception.arrived_at_ms - reception.hold_time_ms for reception in transmission.receptions
    )
    gps_ms = ended_at_ms - GPS_EPOCH_S * 1000 + LEAP_SECONDS * 1000
    return DeviceTimeAns(gps_seconds=(gps_ms // 1000) % 2**32, fraction_256=gps_ms % 1000 * 256 // 1000)
