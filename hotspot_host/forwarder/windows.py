"""The receive windows of a downlink: which one to use, with which power. Pure.

A window is named by the tick at which the transmission starts, in the counter of the radio that heard the
uplink. RX1 unless time or the law forbids it, then RX2 (precedent: gateway-rs tries RX2 only after TOO_EARLY
or TOO_LATE).
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.wire import packet_router_pb2
from hardware.lora.modulation import DataRate
from hardware.lora.region import Region
from hotspot_host.forwarder.packets import TICKS, get_data_rate

#: What an SX1276 gives at PA_BOOST.
BOARD_MAX_POWER_DBM = 20


@dataclass(frozen=True)
class Window:
    """``number`` 1 or 2; ``tick`` None means at once."""

    number: int
    tick: int | None
    frequency_hz: int
    data_rate: DataRate


@dataclass(frozen=True)
class Power:
    """``conducted_dbm`` at the antenna's connector; ``eirp_ddbm`` what the antenna makes of it, dBm x 10."""

    conducted_dbm: int
    eirp_ddbm: int


def read_windows(packet: packet_router_pb2.packet_router_packet_down_v1) -> tuple[Window, ...]:
    """RX1 and RX2 as far as they are there. ValueError for a data rate that LoRa radios don't have."""
    windows = []
    for number, name in ((1, "rx1"), (2, "rx2")):
        if packet.HasField(name):
            window = getattr(packet, name)
            tick = None if window.immediate else window.timestamp % TICKS
            windows.append(Window(number, tick, window.frequency, get_data_rate(window.datarate)))
    return tuple(windows)


def compute_ahead_us(tick: int, now_tick: int) -> int:
    """How far ahead of ``now_tick`` a tick is, microseconds, negative for the past; both modulo 2^32 (so at
    most 35.8 minutes either way)."""
    return (tick - now_tick + TICKS // 2) % TICKS - TICKS // 2


def compute_power(
    region: Region, frequency_hz: int, gain_ddbi: int, board_max_dbm: int = BOARD_MAX_POWER_DBM
) -> Power:
    """The most that law and radio allow on this frequency. ValueError outside of the region's sub-bands."""
    conducted_dbm = min(
        (region.compute_downlink_eirp_dbm(frequency_hz) * 10 - gain_ddbi) // 10, board_max_dbm
    )
    return Power(conducted_dbm, conducted_dbm * 10 + gain_ddbi)
