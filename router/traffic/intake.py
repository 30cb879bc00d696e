"""Reports come in, are merged, and each transmission goes to the flow it belongs to."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

from chain.wire import packet_router_pb2 as wire
from router.lorawan.frames import DataFrame, Frame, JoinRequest
from router.network.dedup import Added, DedupWindow, is_same_transmission
from router.network.frame_view import parse_frame
from router.network.values import FrameClass, Reception, Transmission
from router.store.events import MAX_UNPUBLISHED, count_unpublished
from router.store.frames import StoredFrame, add_receptions, get_frames_by_hash
from router.traffic.desk import COPY, FREE, UNWANTED, Desk
from router.traffic.downlink_flow import DownlinkFlow
from router.traffic.join_flow import JoinFlow
from router.traffic.uplink_flow import UplinkFlow


class Intake:
    """Takes reports; `run` closes windows when they are due."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._window = DedupWindow(desk.settings.dedup_window_ms)
        self._wake = asyncio.Event()
        self.downlinks = DownlinkFlow(desk)
        self._uplinks = UplinkFlow(desk, self.downlinks)
        self._joins = JoinFlow(desk, self.downlinks)
        self._unpublished = count_unpublished(desk.database.read())
        self._taken = 0

    async def take(self, payload: bytes, reception: Reception) -> bool:
        """Take one report; False means "not now, offer it again". The receipt follows once all is durable."""
        if self._desk.answer_again(reception, payload):
            return True
        self._taken += 1
        if self._taken % 64 == 0:
            self._unpublished = count_unpublished(self._desk.database.read())
        if self._unpublished >= MAX_UNPUBLISHED:
            self._unpublished = count_unpublished(self._desk.database.read())
            return False
        added = self._window.add(payload, reception, self._now_ms())
        if added is Added.FULL:
            return False
        if added is Added.OPENED and len(self._window) == 1:
            self._wake.set()
        return True

    async def run(self) -> None:
        """Close windows when they are due, until cancelled."""
        while True:
            due_ms = self._window.next_due_ms
            if due_ms is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            await asyncio.sleep(max(0, due_ms - self._now_ms()) / 1000)
            for transmission in self._window.close_due(self._now_ms()):
                self._process_safely(transmission)
                await asyncio.sleep(0)

    def _process_safely(self, transmission: Transmission) -> None:
        """One frame that we fail at must not stop all others, nor come again for ever. A store that
        fails does: then nothing can be promised, and the process ends.
        """
        try:
            self.process(transmission)
        except sqlite3.Error:
            raise
        except Exception as error:
            logging.getLogger(__name__).error("frame %s failed", transmission.payload.hex(), exc_info=error)
            for reception in (*transmission.receptions, *transmission.repeats):
                receipt = wire.receipt_v1(packet_hash=reception.packet_hash, status=wire.REFUSED)
                self._desk.wire.send_receipt(reception.hotspot, receipt)

    def process(self, transmission: Transmission) -> None:
        """Everything that one transmission leads to, up to the receipts."""
        earlier = get_frames_by_hash(self._desk.database.read(), transmission.payload_hash)
        for frame in reversed(earlier):
            if is_same_transmission(frame.receptions, transmission.receptions):
                self._process_late_copy(transmission, frame)
                return
        frame_class = FrameClass.RETRANSMISSION if earlier else FrameClass.NEW
        parsed, fields = parse_frame(transmission.payload)
        if isinstance(parsed, DataFrame) and parsed.is_uplink:
            self._uplinks.process(transmission, parsed, fields, frame_class, earlier)
        elif isinstance(parsed, JoinRequest):
            self._joins.process(transmission, parsed, fields, frame_class)
        else:
            self._process_other(transmission, parsed, fields, frame_class)

    def _process_late_copy(self, transmission: Transmission, frame: StoredFrame) -> None:
        """Somebody else heard it too, and told us after the window: noted, nothing more."""
        known = {reception.concentrator for reception in frame.receptions}
        more = tuple(r for r in transmission.receptions if r.concentrator not in known)
        with self._desk.database.transaction("router.copy") as tx:
            add_receptions(tx, frame.frame_id, frame.receptions + more)
            self._desk.put_answers(tx, transmission, COPY, COPY)
        self._desk.live.publish("frame", frame_id=frame.frame_id, at_ms=self._desk.now_ms())
        self._desk.answer(transmission)

    def _process_other(
        self,
        transmission: Transmission,
        parsed: Frame | None,
        fields: dict[str, object],
        frame_class: FrameClass,
    ) -> None:
        """Frames that no server answers: shown, and that is all."""
        outcome = "malformed" if parsed is None else "not for a network server"
        status = UNWANTED if parsed is None else FREE
        with self._desk.database.transaction("router.other") as tx:
            self._desk.put_outcome(
                tx,
                transmission,
                frame_class=frame_class,
                fields=fields,
                outcome=outcome,
                first_status=status,
                other_status=status,
            )
        self._desk.answer(transmission)

    def _now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)
