"""Packets from the board: each given out once, acknowledged once safe, however often the board offers it.

One that its taker leaves unacknowledged for half a minute (its disk was full, say) is given out again.
"""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from firmware import link as frames
from hotspot_host.board_link.values import ReceivedPacket

_LOGGER = logging.getLogger(__name__)

#: Packets waiting to be taken. When full, new ones are left with the board, which offers them again.
QUEUE_LENGTH = 64
_REMEMBERED = 512
GIVE_AGAIN_S = 30.0
_WAITING = -math.inf
_SAFE = math.inf


class Inbox:
    """``send_acknowledge(number)`` tells the board. ``boot_id`` is the boot that speaks, -1 while that is
    unknown.
    """

    def __init__(self, send_acknowledge: Callable[[int], None]) -> None:
        self._send_acknowledge = send_acknowledge
        self._queue: asyncio.Queue[ReceivedPacket] = asyncio.Queue(QUEUE_LENGTH)
        # When each was given out: _WAITING until it is taken, _SAFE once it is acknowledged.
        self._given_at: OrderedDict[int, float] = OrderedDict()
        self.boot_id = -1

    async def get(self) -> ReceivedPacket:
        packet = await self._queue.get()
        if self._given_at.get(packet.packet_id) == _WAITING:
            self._given_at[packet.packet_id] = time.monotonic()
        return packet

    def get_count(self) -> int:
        return self._queue.qsize()

    def acknowledge(self, packet_id: int) -> None:
        """Of another boot's packet the board knows nothing any more."""
        self._given_at[packet_id] = _SAFE
        self._given_at.move_to_end(packet_id)
        if packet_id >> 32 == self.boot_id:
            self._send_acknowledge(packet_id & 0xFFFFFFFF)

    def process(self, payload: bytes) -> None:
        """A PACKET frame's payload."""
        try:
            values = frames.unpack_packet(payload, 0, len(payload))
        except frames.LinkError as error:
            _LOGGER.warning("packet of the board is unreadable: %s", error)
            return
        if self.boot_id < 0:
            return  # offered again once it has said hello
        number, tick, frequency, bandwidth, sf, coding_rate, flags, rssi, snr_x4, error_hz, data = values
        packet_id = self.boot_id << 32 | number
        given_at = self._given_at.get(packet_id)
        if given_at == _SAFE:  # the acknowledgement was lost
            self._send_acknowledge(number)
            return
        if given_at == _WAITING or self._queue.full():
            return
        if given_at is not None and time.monotonic() - given_at < GIVE_AGAIN_S:
            return
        self._given_at[packet_id] = _WAITING
        if len(self._given_at) > _REMEMBERED:
            self._given_at.popitem(last=False)
        self._queue.put_nowait(
            ReceivedPacket(
                packet_id=packet_id,
                tick=tick,
                frequency_hz=frequency,
                spreading_factor=sf,
                bandwidth_hz=bandwidth,
                coding_rate=coding_rate,
                rssi_dbm=rssi,
                snr_db_x4=snr_x4,
                frequency_error_hz=error_hz,
                crc_ok=bool(flags & frames.CRC_OK),
                has_crc=bool(flags & frames.WITH_CRC),
                payload=data,
            )
        )
