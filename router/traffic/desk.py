"""What the flows work with: store, hotspots, voucher desk, event lines, the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from chain.wire import packet_router_pb2 as wire
from router.applications import chirpstack_json
from router.live import LiveFeed
from router.network.values import Device, FrameClass, HotspotPlace, Reception, Transmission
from router.store.database import Database, Transaction
from router.store.events import add_event
from router.store.frames import (
    StoredFrame,
    StoredReceipt,
    add_frame,
    get_receipt,
    note_gateway,
    prune_receipts,
    put_receipts,
)

BOUGHT, COPY, FREE, UNWANTED, REFUSED = range(5)  # receipt_status


def get_now_ms() -> int:
    return time.time_ns() // 1_000_000


class Hotspots(Protocol):
    """Where a hotspot stands, as far as it is public."""

    def get_place(self, hotspot: bytes) -> HotspotPlace: ...

    def get_cell(self, hotspot: bytes) -> str: ...


class Wire(Protocol):
    """The way to connected hotspots."""

    def is_connected(self, hotspot: bytes) -> bool: ...

    def send_receipt(self, hotspot: bytes, receipt: wire.receipt_v1, payload: bytes = b"") -> None: ...

    def send_downlink(self, hotspot: bytes, packet: wire.packet_router_packet_down_v1) -> bool: ...


@dataclass(frozen=True)
class Settings:
    """How this router behaves. `net_id` is 3 bytes; delays in seconds."""

    net_id: bytes = bytes(3)
    rx1_delay_s: int = 5
    dedup_window_ms: int = 200
    #: How long an application may take to answer an uplink and still catch its receive windows.
    answer_wait_ms: int = 500
    #: A downlink of which nothing was heard for so long goes back to the queue.
    downlink_timeout_ms: int = 15_000


@dataclass
class Desk:
    """Shared by the flows. `wire` is set once the server is there."""

    database: Database
    hotspots: Hotspots
    settings: Settings
    live: LiveFeed
    say: Callable[..., None]
    get_voucher: Callable[[bytes], bytes]
    sign: Callable[[bytes], bytes]
    wake_outbox: Callable[[], None]
    now_ms: Callable[[], int] = get_now_ms
    wire: Wire = field(init=False)

    def put_event(self, tx: Transaction, device: Device, kind: str, message: dict[str, Any]) -> None:
        """Write an event for the device's application; it goes out after the commit."""
        topic = chirpstack_json.build_topic(device.application, device.dev_eui, kind)
        add_event(tx, device.dev_eui, kind, topic, chirpstack_json.encode(message), self.now_ms())

    def put_log(
        self,
        tx: Transaction,
        device: Device,
        code: str,
        description: str,
        *,
        level: str = "ERROR",
        region: str = "",
        **context: str,
    ) -> None:
        message = chirpstack_json.build_log_event(
            device,
            level=level,
            code=code,
            description=description,
            context=context,
            region=region,
            now_ms=self.now_ms(),
        )
        self.put_event(tx, device, "log", message)

    def put_outcome(
        self,
        tx: Transaction,
        transmission: Transmission,
        *,
        frame_class: FrameClass,
        fields: dict[str, Any],
        outcome: str,
        dev_eui: bytes = b"",
        first_status: int,
        other_status: int,
        data_credits: int = 0,
    ) -> int:
        """Store the frame, what each reporter is answered, and that its concentrator was heard."""
        now_ms = self.now_ms()
        frame = StoredFrame(
            payload_hash=transmission.payload_hash,
            payload=transmission.payload,
            frame_class=frame_class,
            kind=fields["kind"],
            dev_addr=bytes.fromhex(fields.get("dev_addr", "")),
            dev_eui=dev_eui or bytes.fromhex(fields.get("dev_eui", "")),
            outcome=outcome,
            fields=fields,
            receptions=transmission.receptions,
            heard_at_ms=transmission.first.heard_at_ms,
            arrived_at_ms=transmission.first.arrived_at_ms,
        )
        frame_id = add_frame(tx, frame)
        self.put_answers(tx, transmission, first_status, other_status, data_credits)
        if frame_id % 1000 == 0:
            prune_receipts(tx)
        self.live.publish("frame", frame_id=frame_id, at_ms=now_ms)
        return frame_id

    def put_answers(
        self,
        tx: Transaction,
        transmission: Transmission,
        first_status: int,
        other_status: int,
        data_credits: int = 0,
    ) -> None:
        """What each report is answered. `data_credits` go to the first."""
        receptions = transmission.receptions
        receipts = [
            StoredReceipt(
                reception.packet_hash,
                first_status if index == 0 else other_status,
                data_credits if index == 0 else 0,
            )
            for index, reception in enumerate(receptions)
        ]
        repeated = COPY if first_status == BOUGHT else first_status
        receipts += [StoredReceipt(reception.packet_hash, repeated, 0) for reception in transmission.repeats]
        put_receipts(tx, receipts, self.now_ms())
        for index, reception in enumerate(receptions):
            place = self.hotspots.get_place(reception.hotspot)
            cell = self.hotspots.get_cell(reception.hotspot)
            note_gateway(tx, reception, place.name, cell, data_credits if index == 0 else 0)

    def answer(self, transmission: Transmission) -> None:
        """Send the receipts of a transmission, as stored: only after the commit."""
        for reception in (*transmission.receptions, *transmission.repeats):
            self.answer_again(reception, transmission.payload)

    def answer_again(self, reception: Reception, payload: bytes) -> bool:
        """Send the stored receipt of one report; False if there is none."""
        stored = get_receipt(self.database.read(), reception.packet_hash)
        if stored is None:
            return False
        receipt = wire.receipt_v1(
            packet_hash=stored.packet_hash,
            status=stored.status,  # type: ignore[arg-type]
            data_credits=stored.data_credits,
            voucher=self.get_voucher(reception.hotspot) if stored.status in (BOUGHT, COPY) else b"",
        )
        self.wire.send_receipt(reception.hotspot, receipt, payload)
        return True


def describe_hotspots(transmission: Transmission) -> str:
    """ "2 hotspots", or "1 hotspot (2 concentrators)"."""
    hotspots = len({reception.hotspot for reception in transmission.receptions})
    concentrators = len(transmission.receptions)
    text = f"{hotspots} hotspot{'s' if hotspots != 1 else ''}"
    return text if concentrators == hotspots else f"{text} ({concentrators} concentrators)"
