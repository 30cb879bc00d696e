"""A downlink, step by step: choose, reserve counter and id durably, hand to the hotspot, take the result."""

from __future__ import annotations

import asyncio

import msgspec

from chain.wire import packet_router_pb2 as wire
from router.applications import chirpstack_json
from router.ingress.stream_session import serialize_without
from router.network import downlink as rules
from router.network.values import Device, Downlink, Transmission, TransmitWindow
from router.store.database import Transaction
from router.store.devices import get_device, get_session, reserve_f_cnt_down
from router.store.queue import (
    finish_item,
    get_downlink,
    get_item,
    get_overdue_downlinks,
    list_items,
    put_downlink_result,
    put_item_in_flight,
    put_item_state,
    reserve_downlink_id,
)
from router.traffic.desk import Desk

OVERDUE_CHECK_S = 2.0


class DownlinkFlow:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tasks: set[asyncio.Task[None]] = set()

    def schedule(
        self,
        transmission: Transmission,
        device: Device,
        session_id: int,
        *,
        answers: bytes,
        ack: bool,
        must_answer: bool,
    ) -> None:
        """Decide about a downlink in a moment: an application gets the time to answer the uplink."""
        session = get_session(self._desk.database.read(), session_id)
        wait_ms = self._desk.settings.answer_wait_ms if session is None or session.rx1_delay_s >= 3 else 50
        task = asyncio.create_task(
            self._decide_later(wait_ms, transmission, device, session_id, answers, ack, must_answer)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _decide_later(
        self,
        wait_ms: int,
        transmission: Transmission,
        device: Device,
        session_id: int,
        answers: bytes,
        ack: bool,
        must_answer: bool,
    ) -> None:
        await asyncio.sleep(wait_ms / 1000)
        self.decide(transmission, device, session_id, answers=answers, ack=ack, must_answer=must_answer)

    def decide(
        self,
        transmission: Transmission,
        device: Device,
        session_id: int,
        *,
        answers: bytes,
        ack: bool,
        must_answer: bool,
    ) -> None:
        """Send what there is to send after an uplink, if a hotspot is still in time."""
        desk = self._desk
        session = get_session(desk.database.read(), session_id)
        if session is None:
            return  # removed, or joined anew meanwhile
        items = list_items(desk.database.read(), device.dev_eui)
        if not items and not answers and not must_answer:
            return
        windows = rules.choose_windows(
            transmission,
            rx1_delay_s=session.rx1_delay_s,
            now_ms=desk.now_ms(),
            is_connected=lambda reception: desk.wire.is_connected(reception.hotspot),
        )
        if windows is None:
            desk.say(
                "downlink_missed",
                f"no hotspot in time for a downlink to {device.name}",
                dev_eui=device.dev_eui,
            )
            return
        plan = rules.plan_downlink(
            items, windows, answers=answers, must_answer=must_answer, now_ms=desk.now_ms()
        )
        downlink = None
        with desk.database.transaction("router.downlink") as tx:
            self._give_up(tx, device, plan, transmission.first.region)
            if plan.is_needed:
                f_cnt_down = reserve_f_cnt_down(tx, session_id)
                payload = rules.build_frame(
                    session, f_cnt_down, item=plan.item, answers=answers, ack=ack, f_pending=plan.f_pending
                )
                size = len(answers) + (len(plan.item.data) if plan.item else 0)
                rx1, rx2 = rules.fit_windows(windows, size)
                downlink = self.reserve(
                    tx,
                    Downlink(
                        dev_eui=device.dev_eui,
                        hotspot=windows.reception.hotspot,
                        region=windows.reception.region,
                        gateway_eui=windows.reception.gateway_eui,
                        payload=payload,
                        rx1=rx1,
                        rx2=rx2,
                        f_cnt_down=f_cnt_down,
                        queue_item_id=plan.item.item_id if plan.item else "",
                        kind="data" if plan.item else "mac",
                    ),
                )
                if plan.item is not None:
                    put_item_in_flight(tx, plan.item.item_id, f_cnt_down, downlink.downlink_id)
        desk.wake_outbox()
        if downlink is not None:
            self.send(downlink)

    def _give_up(self, tx: Transaction, device: Device, plan: rules.Plan, region: str) -> None:
        for item in plan.expired:
            finish_item(tx, item.item_id, self._desk.now_ms())
            text = "expired before it could be sent"
            self._desk.put_log(tx, device, "EXPIRED", text, region=region, queue_item_id=item.item_id)
        for item in plan.too_long:
            finish_item(tx, item.item_id, self._desk.now_ms())
            text = f"{len(item.data)} bytes are too long for the device's data rate"
            self._desk.put_log(
                tx, device, "DOWNLINK_PAYLOAD_SIZE", text, region=region, queue_item_id=item.item_id
            )

    def reserve(self, tx: Transaction, downlink: Downlink) -> Downlink:
        """Give a downlink its id, for good once the transaction commits."""
        downlink_id = reserve_downlink_id(tx, downlink, self._desk.now_ms())
        return msgspec.structs.replace(downlink, downlink_id=downlink_id)

    def send(self, downlink: Downlink) -> None:
        """Hand a reserved downlink to its hotspot; one that has gone counts as a failure."""
        packet = build_packet_down(downlink)
        packet.signature = self._desk.sign(serialize_without(packet, "signature"))
        if not self._desk.wire.send_downlink(downlink.hotspot, packet):
            self._process_failure(downlink, "HOTSPOT_GONE")
            return
        self._desk.live.publish("downlink", dev_eui=downlink.dev_eui.hex(), what=downlink.kind)

    def take_result(self, hotspot: bytes, result: wire.downlink_result_v1) -> None:
        """What the radio said. Only the hotspot that was asked may answer, and only once."""
        found = get_downlink(self._desk.database.read(), result.downlink_id)
        if found is None:
            return
        downlink, known = found
        if downlink.hotspot != hotspot or known not in ("", "OVERDUE"):
            return
        if result.status == wire.SENT:
            self._process_sent(downlink, result.window)
        elif known == "":
            name = (
                wire.downlink_status.Name(result.status)
                if result.status in wire.downlink_status.values()
                else "UNKNOWN"
            )
            self._process_failure(downlink, name)

    def _process_sent(self, downlink: Downlink, window_number: int) -> None:
        desk = self._desk
        window = (downlink.rx2 if window_number == 2 else downlink.rx1) or downlink.rx1 or downlink.rx2
        device = get_device(desk.database.read(), downlink.dev_eui)
        with desk.database.transaction("router.downlink_sent") as tx:
            put_downlink_result(tx, downlink.downlink_id, f"SENT_RX{window_number}")
            item = get_item(tx, downlink.queue_item_id) if downlink.queue_item_id else None
            # An item that has gone back meanwhile was on the air all the same.
            if (
                item is not None
                and device is not None
                and window is not None
                and item.downlink_id == downlink.downlink_id
            ):
                gateway_id = downlink.gateway_eui or desk.hotspots.get_place(downlink.hotspot).gateway_eui
                event = chirpstack_json.build_txack_event(
                    device,
                    downlink_id=downlink.downlink_id,
                    item=item,
                    gateway_id=gateway_id,
                    window=window,
                    region=downlink.region,
                    now_ms=desk.now_ms(),
                )
                desk.put_event(tx, device, "txack", event)
                if item.confirmed:
                    put_item_state(tx, item.item_id, "awaiting_ack")
                else:
                    finish_item(tx, item.item_id, desk.now_ms())
        desk.wake_outbox()
        if device is not None:
            what = {"join": "join-accept", "mac": "MAC answer"}.get(downlink.kind, "downlink")
            desk.say(
                "downlink",
                f"{what} to {device.name} sent in RX{window_number}",
                dev_eui=device.dev_eui,
                downlink_id=downlink.downlink_id,
                window=window_number,
                f_cnt_down=downlink.f_cnt_down,
            )
        desk.live.publish("downlink", dev_eui=downlink.dev_eui.hex(), what="sent")

    def _process_failure(self, downlink: Downlink, reason: str) -> None:
        """The item waits for the next uplink and gets a new counter then; this one is never used again."""
        desk = self._desk
        device = get_device(desk.database.read(), downlink.dev_eui)
        with desk.database.transaction("router.downlink_failed") as tx:
            put_downlink_result(tx, downlink.downlink_id, reason)
            item = get_item(tx, downlink.queue_item_id) if downlink.queue_item_id else None
            if item is not None and item.downlink_id == downlink.downlink_id and item.state == "in_flight":
                put_item_state(tx, item.item_id, "queued")
                if device is not None:
                    desk.put_log(
                        tx,
                        device,
                        "DOWNLINK_GATEWAY",
                        f"not sent: {reason}; it waits for the next uplink",
                        level="WARNING",
                        region=downlink.region,
                        queue_item_id=item.item_id,
                    )
        desk.wake_outbox()
        if device is not None:
            desk.say(
                "downlink_failed",
                f"downlink to {device.name} not sent: {reason}",
                dev_eui=device.dev_eui,
                downlink_id=downlink.downlink_id,
                reason=reason,
            )

    async def run(self) -> None:
        """Put items back of whose downlink nothing was heard (a crash on either side), until cancelled."""
        while True:
            before_ms = self._desk.now_ms() - self._desk.settings.downlink_timeout_ms
            for downlink_id in get_overdue_downlinks(self._desk.database.read(), before_ms):
                found = get_downlink(self._desk.database.read(), downlink_id)
                if found is not None:
                    self._process_failure(found[0], "OVERDUE")
            await asyncio.sleep(OVERDUE_CHECK_S)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def build_packet_down(downlink: Downlink) -> wire.packet_router_packet_down_v1:
    """The message for the hotspot, not signed yet."""
    packet = wire.packet_router_packet_down_v1(
        payload=downlink.payload, downlink_id=downlink.downlink_id, gateway_eui=downlink.gateway_eui
    )
    for window, target in ((downlink.rx1, packet.rx1), (downlink.rx2, packet.rx2)):
        if window is not None:
            target.CopyFrom(build_window(window))
    return packet


def build_window(window: TransmitWindow) -> wire.window_v1:
    return wire.window_v1(timestamp=window.tick, frequency=window.frequency_hz, datarate=window.data_rate)
