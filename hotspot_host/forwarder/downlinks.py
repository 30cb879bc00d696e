"""The downlink actor: from a router's packet to the radio, within the law, and the result back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from chain.keys import PublicKey
from chain.wire import packet_router_pb2 as wire
from hardware.lora.airtime import compute_time_on_air_us
from hardware.lora.duty_cycle import Transmission
from hardware.lora.region import Region
from hotspot_host.forwarder.radio import Downlink, Radio, RadioRefused
from hotspot_host.forwarder.windows import Window, compute_ahead_us, compute_power, read_windows
from hotspot_host.mailbox import Mailbox
from hotspot_host.store.airtime import AirtimeLedger
from hotspot_host.tally import Tally

#: A transmission nearer than this can't be on the air in time: 42.5 ms of a packet forwarder's queue and the
#: link.
MINIMUM_LEAD_US = 60_000

#: Downlinks waiting to be handled, and being handled at once. A full queue refuses: a late downlink is no
#: use.
QUEUE_LIMIT = 16
PARALLEL = 8

#: Downlink ids whose result is remembered, so that one sent again after a reconnect isn't transmitted again.
REMEMBERED = 64

_STATUS = {
    "too_late": wire.TOO_LATE,
    "too_early": wire.TOO_EARLY,
    "collision": wire.COLLISION,
    "radio_failed": wire.RADIO_FAILED,
    "duty_cycle": wire.DUTY_CYCLE,
}


@dataclass(frozen=True)
class DownlinkOrder:
    """A downlink as a router sent it; ``answer`` takes its result."""

    router: str
    packet: wire.packet_router_packet_down_v1
    answer: Callable[[wire.downlink_result_v1], None]


def is_signed_by(packet: wire.packet_router_packet_down_v1, voucher_key: PublicKey) -> bool:
    """Whether the router's voucher key signed this downlink (over the message without its signature)."""
    bare = wire.packet_router_packet_down_v1()
    bare.CopyFrom(packet)
    bare.ClearField("signature")
    return voucher_key.verify(bare.SerializeToString(deterministic=True), packet.signature)


class DownlinkActor:
    """``radios`` gives the radio for a gateway EUI (empty: the own board), None for one that isn't here."""

    def __init__(
        self,
        region: Region,
        gain_ddbi: int,
        airtime: AirtimeLedger,
        radios: Callable[[bytes], Radio | None],
        tally: Tally,
        now_us: Callable[[], int],
    ) -> None:
        self.region = region
        self.gain_ddbi = gain_ddbi
        self.airtime = airtime
        self.radios = radios
        self.tally = tally
        self.now_us = now_us
        self.orders: Mailbox[DownlinkOrder] = Mailbox(QUEUE_LIMIT, "refuse")
        self._results: OrderedDict[tuple[str, int], wire.downlink_result_v1 | None] = OrderedDict()

    def order(self, order: DownlinkOrder) -> None:
        """Take a downlink whose signature has been checked."""
        key = (order.router, order.packet.downlink_id)
        if order.packet.downlink_id and key in self._results:
            result = self._results[key]
            self.tally.add("downlinks_repeated")
            if result is not None:
                order.answer(result)
            return
        if not self.orders.put(order):
            self._answer(order, wire.COLLISION, 0, "downlink refused: too many at once")
            return
        self._results[key] = None
        while len(self._results) > REMEMBERED:
            self._results.popitem(last=False)

    async def run(self) -> None:
        """Handle orders until cancelled. Windows may be seconds ahead, so several are in hand at once."""
        slots = asyncio.Semaphore(PARALLEL)
        async with asyncio.TaskGroup() as tasks:
            while True:
                await slots.acquire()
                order = await self.orders.get()
                task = tasks.create_task(self._handle(order))
                task.add_done_callback(lambda _: slots.release())

    async def _handle(self, order: DownlinkOrder) -> None:
        packet = order.packet
        radio = self.radios(packet.gateway_eui)
        if radio is None:
            text = f"downlink refused: no radio {packet.gateway_eui.hex() or 'board'} here"
            self._answer(order, wire.RADIO_FAILED, 0, text)
            return
        try:
            windows = read_windows(packet)
            if not windows or not packet.payload:
                raise ValueError("it has no window or no payload")
        except ValueError as error:
            self._answer(order, wire.RADIO_FAILED, 0, f"downlink refused: {error}")
            return
        status, text, before = "too_late", "downlink refused: no window left", ""
        for window in windows:
            refusal = await self._try_window(radio, packet.payload, window)
            if refusal is None:
                self.tally.add("downlinks_sent")
                text = (
                    f"downlink sent in RX{window.number}, {window.frequency_hz} Hz {window.data_rate}{before}"
                )
                self._answer(order, wire.SENT, window.number, text)
                return
            status, text, is_final = refusal
            before = f" ({text})"
            if is_final:
                break
        self._answer(order, _STATUS[status], 0, text)

    async def _try_window(self, radio: Radio, payload: bytes, window: Window) -> tuple[str, str, bool] | None:
        """None if sent, else the reason, a sentence, and whether the other window must not be tried."""
        now_us, now_tick = self.now_us(), radio.get_tick()
        ahead_us = 0
        if window.tick is not None and now_tick is not None:
            ahead_us = compute_ahead_us(window.tick, now_tick)
            if ahead_us < MINIMUM_LEAD_US:
                return "too_late", f"RX{window.number} is {ahead_us // 1000} ms away: too late", False
        try:
            power = compute_power(self.region, window.frequency_hz, self.gain_ddbi)
            transmission = Transmission(
                start_us=now_us + ahead_us,
                time_on_air_us=compute_time_on_air_us(
                    len(payload),
                    window.data_rate.spreading_factor,
                    window.data_rate.bandwidth_hz,
                    crc=False,
                ),
                frequency_hz=window.frequency_hz,
            )
        except ValueError as error:
            return "radio_failed", f"RX{window.number}: {error}", False
        try:
            decision = self.airtime.reserve(radio.name, transmission, power.eirp_ddbm, now_us)
        except sqlite3.Error as error:
            return "radio_failed", f"RX{window.number}: the airtime can't be written down: {error}", True
        if not decision.is_allowed:
            self.tally.drop(f"downlink_{decision.reason}", f"RX{window.number} refused: {decision.text}")
            return "duty_cycle", f"RX{window.number}: {decision.text}", False
        downlink = Downlink(payload, window.tick, window.frequency_hz, window.data_rate, power.conducted_dbm)
        try:
            await radio.send(downlink)
        except RadioRefused as refused:
            if not refused.maybe_sent:
                self.airtime.release(radio.name, transmission)
            return refused.reason, f"RX{window.number}: {refused}", refused.maybe_sent
        return None

    def _answer(self, order: DownlinkOrder, status: int, window: int, text: str) -> None:
        result = wire.downlink_result_v1(
            downlink_id=order.packet.downlink_id,
            status=status,  # type: ignore[arg-type]
            window=window,
        )
        self._results[order.router, order.packet.downlink_id] = result
        if status != wire.SENT:
            self.tally.add("downlinks_failed")
        self.tally.lines.say(
            "downlink",
            text,
            downlink_id=order.packet.downlink_id,
            status=wire.downlink_status.Name(result.status),
            window=window,
        )
        order.answer(result)
