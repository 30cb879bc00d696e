"""Packets from the board: each given out once, acknowledged once it is safe, however often the board offers
it.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from firmware import link as frames
from hotspot_host.board_link.values import ReceivedPacket

_LOGGER = logging.getLogger(__name__)

#: Packets waiting to be taken. When full, new ones are left with the board, which offers them again.
QUEUE_LENGTH = 64
_REMEMBERED = 512


class Inbox:
    """``send_acknowledge(number)`` tells the board. ``boot_id`` is the boot that speaks, -1 while that is
    unknown.
    """

    def __init__(self, send_acknowledge: Callable[[int], None]) -> None:
        self._send_acknowledge = send_acknowledge
        self._queue: asyncio.Queue[ReceivedPacket] = asyncio.Queue(QUEUE_LENGTH)
        # Given out: False until acknowledged, then True until forgotten.
        self._given: OrderedDict[int, bool] = OrderedDict()
        self.boot_id = -1

    async def get(self) -> ReceivedPacket:
        return await self._queue.get()

    def get_count(self) -> int:
        return self._queue.qsize()

    def acknowledge(self, packet_id: int) -> None:
        """Of another boot's packet the board knows nothing any more."""
        self._given[packet_id] = True
        self._given.move_to_end(packet_id)
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
        if packet_id in self._given:
            if self._given[packet_id]:  # the acknowledgement was lost
                self._send_acknowledge(number)
            return
        if self._queue.full():
            return
        self._given[packet_id] = False
        if len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)
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
