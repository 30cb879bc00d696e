"""A data uplink, step by step: whose, new?, decrypt, event, pay, store in one transaction; then answer."""

from __future__ import annotations

import msgspec

from hardware.lora.modulation import DataRate
from hardware.lora.regions import get_region
from router.applications import chirpstack_json
from router.applications.codec import decode_payload, find_position
from router.lorawan.frames import DataFrame
from router.lorawan.mac_commands import DevStatusAns
from router.network import uplink as rules
from router.network.mac import MacOutcome, process_mac_commands
from router.network.uplink import Match, Verdict
from router.network.values import (
    Device,
    FrameClass,
    Reception,
    Session,
    Transmission,
    compute_deduplication_id,
)
from router.store.database import Transaction
from router.store.devices import get_device, get_sessions_by_dev_addr, put_device_state, put_uplink_counter
from router.store.frames import StoredFrame
from router.store.purchases import buy
from router.store.queue import finish_item, list_items, put_downlink_result
from router.traffic.desk import BOUGHT, COPY, UNWANTED, Desk, describe_hotspots
from router.traffic.downlink_flow import DownlinkFlow

#: A device that may start its counter anew is not believed to have, while the same bytes are this fresh.
SAME_BYTES_MS = 3_600_000


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """An uplink that was taken, as far as the answer needs it."""

    device: Device
    session: Session
    f_cnt: int
    deduplication_id: str
    outcome: MacOutcome


class UplinkFlow:
    def __init__(self, desk: Desk, downlinks: DownlinkFlow) -> None:
        self._desk = desk
        self._downlinks = downlinks

    def process(
        self,
        transmission: Transmission,
        frame: DataFrame,
        fields: dict[str, object],
        frame_class: FrameClass,
        earlier: list[StoredFrame],
    ) -> None:
        """All steps; everything is durable when the receipts go out."""
        desk = self._desk
        match = self._match(transmission, frame, earlier)
        device = get_device(desk.database.read(), match.session.dev_eui) if match.session else None
        if device is None or match.session is None:
            self._store_unwanted(transmission, fields, frame_class, match)
        elif match.verdict in (Verdict.ACCEPTED, Verdict.LATE):
            after = rules.compute_session_after(match.session, match.f_cnt, transmission.first.heard_at_ms)
            self._accept(transmission, frame, fields, frame_class, match, device, after)
        elif match.verdict is Verdict.RESET and device.skip_f_cnt_check:
            after = rules.compute_session_started_anew(
                match.session, match.f_cnt, transmission.first.heard_at_ms
            )
            self._accept(transmission, frame, fields, frame_class, match, device, after)
        else:
            self._store_repeated(transmission, frame, fields, frame_class, match, device)

    def _match(self, transmission: Transmission, frame: DataFrame, earlier: list[StoredFrame]) -> Match:
        sessions = get_sessions_by_dev_addr(self._desk.database.read(), frame.dev_addr)
        match = rules.match_session(transmission.payload, frame, sessions, transmission.first.heard_at_ms)
        if match.verdict is Verdict.RESET and earlier:
            now_ms = self._desk.now_ms()
            if any(seen.dev_eui and now_ms - seen.arrived_at_ms < SAME_BYTES_MS for seen in earlier):
                return msgspec.structs.replace(match, verdict=Verdict.RETRANSMISSION)
        return match

    def _accept(
        self,
        transmission: Transmission,
        frame: DataFrame,
        fields: dict[str, object],
        frame_class: FrameClass,
        match: Match,
        device: Device,
        after: Session,
    ) -> None:
        desk = self._desk
        assert match.session is not None
        first = transmission.first
        plain = rules.decrypt(frame, match.session, match.f_cnt)
        commands = plain if frame.f_port == 0 else frame.f_opts
        outcome = process_mac_commands(commands, transmission)
        deduplication_id = compute_deduplication_id(
            device.dev_eui, after.started_at_ms, match.f_cnt, transmission.payload
        )
        price = rules.compute_price_data_credits(transmission)
        with desk.database.transaction("router.uplink") as tx:
            if not put_uplink_counter(tx, match.session, after):
                raise RuntimeError(f"session {match.session.session_id} changed under a single writer")
            data = b"" if frame.f_port == 0 else plain
            decoded = self._put_uplink_event(tx, device, frame, match, transmission, deduplication_id, data)
            if match.verdict is Verdict.ACCEPTED:
                self._settle_confirmed(tx, device, frame, deduplication_id, first)
            if outcome.status is not None:
                self._put_status(tx, device, deduplication_id, outcome.status, first)
            put_device_state(tx, device.dev_eui, first.heard_at_ms, decoded, find_position(decoded))
            buy(tx, first.hotspot, price, 1)
            frame_id = desk.put_outcome(
                tx,
                transmission,
                frame_class=frame_class,
                fields={**fields, "full_f_cnt": match.f_cnt},
                outcome=f"delivered to {device.name}" + (" (late)" if match.verdict is Verdict.LATE else ""),
                dev_eui=device.dev_eui,
                first_status=BOUGHT,
                other_status=COPY,
                data_credits=price,
            )
        desk.answer(transmission)
        desk.wake_outbox()
        desk.say(
            "uplink",
            f"uplink from {device.name} via {describe_hotspots(transmission)}",
            dev_eui=device.dev_eui,
            f_cnt=match.f_cnt,
            hotspots=len(transmission.receptions),
            data_credits=price,
            deduplication_id=deduplication_id,
        )
        desk.live.publish(
            "uplink", dev_eui=device.dev_eui.hex(), name=device.name, frame_id=frame_id, object=decoded
        )
        if match.verdict is not Verdict.LATE:
            self._downlinks.schedule(
                transmission,
                device,
                after.session_id,
                answers=outcome.answers,
                ack=frame.is_confirmed,
                must_answer=frame.is_confirmed or frame.adr_ack_req,
            )

    def _put_uplink_event(
        self,
        tx: Transaction,
        device: Device,
        frame: DataFrame,
        match: Match,
        transmission: Transmission,
        deduplication_id: str,
        data: bytes,
    ) -> dict[str, object] | None:
        desk = self._desk
        region = transmission.first.region
        decoded, problem = decode_payload(device.codec, data) if data else (None, "")
        event = chirpstack_json.build_uplink_event(
            device,
            deduplication_id=deduplication_id,
            dev_addr=frame.dev_addr,
            adr=frame.adr,
            dr=get_data_rate_index(transmission.first),
            f_cnt=match.f_cnt,
            f_port=frame.f_port or 0,
            confirmed=frame.is_confirmed,
            data=data,
            decoded=decoded,
            receptions=transmission.receptions,
            places={r.hotspot: desk.hotspots.get_place(r.hotspot) for r in transmission.receptions},
            ns_time_ms=transmission.first.arrived_at_ms,
        )
        desk.put_event(tx, device, "up", event)
        if problem:
            desk.put_log(
                tx, device, "UPLINK_CODEC", problem, region=region, deduplication_id=deduplication_id
            )
        return decoded

    def _settle_confirmed(
        self, tx: Transaction, device: Device, frame: DataFrame, deduplication_id: str, heard: Reception
    ) -> None:
        """A confirmed downlink that was sent is acknowledged by this uplink, or it isn't (class A)."""
        for item in list_items(tx, device.dev_eui):
            is_unreported = item.state == "in_flight" and item.confirmed and frame.ack
            if item.state != "awaiting_ack" and not is_unreported:
                continue
            event = chirpstack_json.build_ack_event(device, deduplication_id, item, frame.ack, heard)
            self._desk.put_event(tx, device, "ack", event)
            if is_unreported:
                put_downlink_result(tx, item.downlink_id, "ACKNOWLEDGED")
            finish_item(tx, item.item_id, self._desk.now_ms())

    def _put_status(
        self, tx: Transaction, device: Device, deduplication_id: str, status: DevStatusAns, heard: Reception
    ) -> None:
        event = chirpstack_json.build_status_event(
            device, deduplication_id, battery=status.battery, margin=status.margin_db, heard=heard
        )
        self._desk.put_event(tx, device, "status", event)

    def _store_unwanted(
        self, transmission: Transmission, fields: dict[str, object], frame_class: FrameClass, match: Match
    ) -> None:
        text = {
            Verdict.UNKNOWN_DEV_ADDR: "no device with this DevAddr",
            Verdict.MIC_FAILED: "MIC fits no device with this DevAddr",
        }.get(match.verdict, "device removed")
        with self._desk.database.transaction("router.unwanted") as tx:
            self._desk.put_outcome(
                tx,
                transmission,
                frame_class=frame_class,
                fields=fields,
                outcome=text,
                first_status=UNWANTED,
                other_status=UNWANTED,
            )
        self._desk.answer(transmission)

    def _store_repeated(
        self,
        transmission: Transmission,
        frame: DataFrame,
        fields: dict[str, object],
        frame_class: FrameClass,
        match: Match,
        device: Device,
    ) -> None:
        """A counter that is used up: no second event, nothing to pay; a confirmed one is acknowledged
        again.
        """
        desk = self._desk
        assert match.session is not None
        is_retransmission = match.verdict is Verdict.RETRANSMISSION
        code = "UPLINK_F_CNT_RETRANSMISSION" if is_retransmission else "UPLINK_F_CNT_RESET"
        text = (
            f"f_cnt {match.f_cnt} was delivered before"
            if is_retransmission
            else f"f_cnt {match.f_cnt} is far below {match.session.f_cnt_up}: counter reset, or replayed;"
            " set skip_f_cnt_check for a device that forgets its counter"
        )
        with desk.database.transaction("router.repeated") as tx:
            desk.put_log(tx, device, code, text, level="WARNING", region=transmission.first.region)
            desk.put_outcome(
                tx,
                transmission,
                frame_class=FrameClass.RETRANSMISSION if is_retransmission else frame_class,
                fields={**fields, "full_f_cnt": match.f_cnt},
                outcome=text,
                dev_eui=device.dev_eui,
                first_status=COPY,
                other_status=COPY,
            )
        desk.answer(transmission)
        desk.wake_outbox()
        if is_retransmission and frame.is_confirmed and match.f_cnt + 1 == match.session.f_cnt_up:
            self._downlinks.schedule(
                transmission, device, match.session.session_id, answers=b"", ack=True, must_answer=True
            )


def get_data_rate_index(reception: Reception) -> int:
    """The uplink data rate index of a reception in its region; 0 where the region has none such."""
    try:
        rate = DataRate(reception.spreading_factor, reception.bandwidth_hz)
        return get_region(reception.region).get_uplink_data_rate_index(rate) or 0
    except ValueError:
        return 0
