"""The board actor: the hotspot's own radio, its packets, transmissions and rendezvous."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol

from hardware.lora.modulation import DataRate
from hotspot_host.board_link import (
    BoardError,
    BoardLink,
    LinkDown,
    ListenWindow,
    ReceiveConfig,
    ReceivedPacket,
    TickFix,
    TransmitRefused,
    TransmitRequest,
)
from hotspot_host.clock import get_monotonic_us, get_wall_us
from hotspot_host.forwarder.packets import TICKS, Crc, Reception
from hotspot_host.forwarder.radio import Downlink, RadioRefused
from hotspot_host.forwarder.uplinks import UplinkIntake
from hotspot_host.forwarder.windows import compute_ahead_us
from hotspot_host.store.airtime import OWN_BOARD
from hotspot_host.tally import Tally

_LOGGER = logging.getLogger(__name__)

#: The mapping of ticks is renewed so often: a crystal off by 20 ppm is then at most 0.6 ms wrong.
TICK_FIX_INTERVAL_S = 30.0
#: A packet can lie so long in the board's ring before this host's clock says anything sensible about it.
LONGEST_IN_RING_US = 30 * 60 * 1_000_000
#: A board is found within seconds of a start; only one that isn't is worth a line.
NO_BOARD_AFTER_S = 10.0


class OpenLink(Protocol):
    """Opens the link to the board; returns at once, up or not."""

    def __call__(self) -> Awaitable[BoardLink]: ...


class BoardActor:
    """One board. It is there from the start; without its link every request is refused."""

    def __init__(self, open_link: OpenLink, home: ReceiveConfig, intake: UplinkIntake, tally: Tally) -> None:
        self.home = home
        self.is_up = False
        self.description = "no board yet"
        self._open_link = open_link
        self._intake = intake
        self._tally = tally
        self._link: BoardLink | None = None
        self._fix: TickFix | None = None

    @property
    def name(self) -> str:
        """Its name in the airtime ledger."""
        return OWN_BOARD

    async def run(self) -> None:
        """Until cancelled."""
        self._link = await self._open_link()
        try:
            try:
                await self._link.configure(self.home)
            except BoardError as error:
                _LOGGER.info("board not configured yet: %s", error)  # the link does it when it comes up
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_link(self._link))
                tasks.create_task(self._follow_packets(self._link))
                tasks.create_task(self._follow_ticks(self._link))
        finally:
            self.is_up = False
            await self._link.close()

    async def _follow_link(self, link: BoardLink) -> None:
        if link.is_up:
            self._say_link(True, f"{link.hello.board} with {link.hello.radio}")
        is_late = asyncio.get_running_loop().call_later(NO_BOARD_AFTER_S, self._say_if_absent)
        try:
            async for event in link.events():
                self._fix = None
                self._say_link(event.up, event.text, event.rebooted)
        finally:
            is_late.cancel()

    def _say_if_absent(self) -> None:
        if not self._tally.was_said("board"):
            self._say_link(False, self.description)

    def _say_link(self, is_up: bool, text: str, rebooted: bool = False) -> None:
        self.is_up, self.description = is_up, text
        words = f"board up: {text}" if is_up else f"board down: {text}"
        if rebooted:
            words += " (it has rebooted)"
        self._tally.say_change("board", (is_up, text, rebooted), words, up=is_up)

    async def _follow_ticks(self, link: BoardLink) -> None:
        while True:
            await link.wait_up()
            try:
                self._fix = await link.tick_now()
            except BoardError as error:
                _LOGGER.info("no tick from the board: %s", error)
                await asyncio.sleep(1)
                continue
            await asyncio.sleep(TICK_FIX_INTERVAL_S)

    async def _follow_packets(self, link: BoardLink) -> None:
        async for packet in link.packets():
            try:
                self._intake.take([self._read(packet)])
            except sqlite3.Error as error:
                # Not acknowledged: the board keeps it and offers it again after its next hello.
                self._tally.say_change("storage", str(error), f"cannot write to the spool: {error}")
                continue
            await link.acknowledge(packet.packet_id)

    def _read(self, packet: ReceivedPacket) -> Reception:
        now_us = get_wall_us()
        tick = self.get_tick()
        ahead_us = 0 if tick is None else compute_ahead_us(packet.tick, tick)
        if not -LONGEST_IN_RING_US < ahead_us <= 0:
            ahead_us = 0
        return Reception(
            source_key=f"board:{packet.packet_id}",
            payload=packet.payload,
            tick=packet.tick,
            frequency_hz=packet.frequency_hz,
            data_rate=DataRate(packet.spreading_factor, packet.bandwidth_hz),
            coding_rate=packet.coding_rate,
            rssi_dbm=packet.rssi_dbm,
            snr_db=packet.snr_db_x4 / 4,
            crc=(Crc.OK if packet.crc_ok else Crc.BAD) if packet.has_crc else Crc.MISSING,
            received_at_ms=(now_us + ahead_us) // 1000,
        )

    # Transmitting

    def get_tick(self) -> int | None:
        """The board's tick now, None where it isn't known."""
        if self._fix is None:
            return None
        return (self._fix.tick + get_monotonic_us() - self._fix.host_monotonic_us) % TICKS

    async def get_tick_at(self, wall_us: int) -> int:
        """The tick that the board will have at a Unix time, by a fresh look at its counter. LinkDown."""
        fix = await self._get_link().tick_now()
        self._fix = fix
        now_tick = fix.tick + get_monotonic_us() - fix.host_monotonic_us
        return (now_tick + wall_us - get_wall_us()) % TICKS

    async def send(self, downlink: Downlink) -> None:
        """A downlink: inverted IQ, no CRC. RadioRefused says why not."""
        await self._transmit(
            TransmitRequest(
                tick=downlink.tick,
                frequency_hz=downlink.frequency_hz,
                spreading_factor=downlink.data_rate.spreading_factor,
                payload=downlink.payload,
                bandwidth_hz=downlink.data_rate.bandwidth_hz,
                power_dbm=downlink.power_dbm,
                invert_iq=True,
                crc=False,
            )
        )

    async def send_beacon(
        self, tick: int, frequency_hz: int, data_rate: DataRate, power_dbm: int, payload: bytes
    ) -> int:
        """A beacon: IQ not inverted and with CRC, as a device's uplink; returns the tick at which it
        began.
        """
        return await self._transmit(
            TransmitRequest(
                tick=tick,
                frequency_hz=frequency_hz,
                spreading_factor=data_rate.spreading_factor,
                payload=payload,
                bandwidth_hz=data_rate.bandwidth_hz,
                power_dbm=power_dbm,
                invert_iq=False,
                crc=True,
            )
        )

    async def listen(self, window: ListenWindow) -> None:
        """Listen elsewhere for a while. BoardError says why not."""
        await self._get_link().listen(window)

    async def _transmit(self, request: TransmitRequest) -> int:
        try:
            link = self._get_link()
        except LinkDown as down:
            raise RadioRefused("radio_failed", str(down)) from down
        try:
            return (await link.transmit(request)).tick_started
        except TransmitRefused as refused:
            match refused.reason:
                case "too_late" | "too_early" | "collision" as reason:
                    raise RadioRefused(reason, str(refused)) from refused
            raise RadioRefused("radio_failed", str(refused)) from refused
        except LinkDown as down:
            raise RadioRefused("radio_failed", str(down), maybe_sent=True) from down
        except BoardError as error:
            raise RadioRefused("radio_failed", str(error)) from error

    def _get_link(self) -> BoardLink:
        if self._link is None or not self._link.is_up:
            raise LinkDown(f"board down: {self.description}")
        return self._link


def make_open_link(port: str) -> Callable[[], Awaitable[BoardLink]]:
    """An ``OpenLink`` for a serial port's path, which may not exist yet."""

    async def open_link() -> BoardLink:
        return await BoardLink.open(port, timeout_s=0)

    return open_link
