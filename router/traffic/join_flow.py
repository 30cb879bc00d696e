"""A join-request, step by step: check, DevNonce, session, event in one transaction; then the accept
goes out.
"""

from __future__ import annotations

import os

from router.applications import chirpstack_json
from router.lorawan.frames import JoinRequest
from router.lorawan.regional import JOIN_ACCEPT_DELAY_1_S
from router.network.downlink import choose_windows
from router.network.join import JoinRefusal, check_join_request, choose_dev_addr, process_join
from router.network.values import Device, Downlink, FrameClass, Transmission, compute_deduplication_id
from router.store.devices import (
    add_session,
    get_device,
    get_taken_dev_addrs,
    put_join_nonce,
    use_dev_nonce,
)
from router.traffic.desk import FREE, UNWANTED, Desk, describe_hotspots
from router.traffic.downlink_flow import DownlinkFlow

_TEXTS = {
    JoinRefusal.UNKNOWN_DEVICE: "no device with this DevEUI",
    JoinRefusal.WRONG_JOIN_EUI: "the device was added with another JoinEUI",
    JoinRefusal.NO_APP_KEY: "the device was added without AppKey: it cannot join",
    JoinRefusal.MIC_FAILED: "MIC check failed: the AppKey here is not the device's",
    JoinRefusal.JOIN_NONCES_SPENT: "all join nonces are spent: add the device anew with another AppKey",
    JoinRefusal.DEV_NONCE_USED: "DevNonce has already been used",
}


class JoinFlow:
    def __init__(self, desk: Desk, downlinks: DownlinkFlow) -> None:
        self._desk = desk
        self._downlinks = downlinks

    def process(
        self,
        transmission: Transmission,
        request: JoinRequest,
        fields: dict[str, object],
        frame_class: FrameClass,
    ) -> None:
        """All steps; a join costs nothing."""
        device = get_device(self._desk.database.read(), request.dev_eui)
        refusal = check_join_request(transmission.payload, request, device)
        if device is None or refusal is not None:
            self._refuse(transmission, fields, frame_class, device, refusal or JoinRefusal.UNKNOWN_DEVICE)
        else:
            self._join(transmission, request, fields, frame_class, device)

    def _refuse(
        self,
        transmission: Transmission,
        fields: dict[str, object],
        frame_class: FrameClass,
        device: Device | None,
        refusal: JoinRefusal,
    ) -> None:
        desk = self._desk
        status = UNWANTED if device is None else FREE
        with desk.database.transaction("router.join_refused") as tx:
            if device is not None:
                desk.put_log(tx, device, "OTAA", _TEXTS[refusal], region=transmission.first.region)
            desk.put_outcome(
                tx,
                transmission,
                frame_class=frame_class,
                fields=fields,
                outcome=_TEXTS[refusal],
                first_status=status,
                other_status=status,
            )
        desk.answer(transmission)
        desk.wake_outbox()
        if device is not None:
            desk.say(
                "join_refused",
                f"{device.name} cannot join: {_TEXTS[refusal]}",
                dev_eui=device.dev_eui,
                reason=refusal,
            )

    def _join(
        self,
        transmission: Transmission,
        request: JoinRequest,
        fields: dict[str, object],
        frame_class: FrameClass,
        device: Device,
    ) -> None:
        desk = self._desk
        windows = choose_windows(
            transmission,
            rx1_delay_s=JOIN_ACCEPT_DELAY_1_S,
            now_ms=desk.now_ms(),
            is_connected=lambda reception: desk.wire.is_connected(reception.hotspot),
        )
        rx2_data_rate = windows.region.rx2_data_rate_index if windows is not None else 0
        with desk.database.transaction("router.join") as tx:
            if not use_dev_nonce(tx, device.dev_eui, request.join_eui, request.dev_nonce, desk.now_ms()):
                refused = True
                desk.put_log(
                    tx,
                    device,
                    "OTAA",
                    _TEXTS[JoinRefusal.DEV_NONCE_USED],
                    region=transmission.first.region,
                    dev_nonce=f"{request.dev_nonce:04x}",
                )
                desk.put_outcome(
                    tx,
                    transmission,
                    frame_class=frame_class,
                    fields=fields,
                    outcome=_TEXTS[JoinRefusal.DEV_NONCE_USED],
                    first_status=FREE,
                    other_status=FREE,
                )
            else:
                refused = False
                random_32 = int.from_bytes(os.urandom(4), "big")
                dev_addr = choose_dev_addr(desk.settings.net_id, random_32, get_taken_dev_addrs(tx))
                joined = process_join(
                    request,
                    device,
                    net_id=desk.settings.net_id,
                    dev_addr=dev_addr,
                    rx1_delay_s=desk.settings.rx1_delay_s,
                    rx2_data_rate=rx2_data_rate,
                    now_ms=desk.now_ms(),
                )
                add_session(tx, joined.session)
                put_join_nonce(tx, device.dev_eui, joined.join_nonce)
                deduplication_id = compute_deduplication_id(
                    device.dev_eui, 0, request.dev_nonce, transmission.payload
                )
                event = chirpstack_json.build_join_event(
                    device, deduplication_id, dev_addr, transmission.first
                )
                desk.put_event(tx, device, "join", event)
                desk.put_outcome(
                    tx,
                    transmission,
                    frame_class=frame_class,
                    fields=fields,
                    outcome=f"{device.name} joined",
                    first_status=FREE,
                    other_status=FREE,
                )
                downlink = None
                if windows is not None:
                    downlink = Downlink(
                        dev_eui=device.dev_eui,
                        hotspot=windows.reception.hotspot,
                        region=windows.reception.region,
                        gateway_eui=windows.reception.gateway_eui,
                        payload=joined.accept,
                        rx1=windows.rx1,
                        rx2=windows.rx2,
                        kind="join",
                    )
                    downlink = self._downlinks.reserve(tx, downlink)
        desk.answer(transmission)
        desk.wake_outbox()
        if refused:
            text = f"{device.name} cannot join: {_TEXTS[JoinRefusal.DEV_NONCE_USED]}"
            desk.say("join_refused", text, dev_eui=device.dev_eui, reason=JoinRefusal.DEV_NONCE_USED)
            return
        desk.say(
            "join",
            f"{device.name} joined via {describe_hotspots(transmission)}",
            dev_eui=device.dev_eui,
            dev_addr=dev_addr,
        )
        desk.live.publish("join", dev_eui=device.dev_eui.hex(), name=device.name)
        if downlink is None:
            desk.say(
                "downlink_missed",
                f"no hotspot in time for the join-accept of {device.name}",
                dev_eui=device.dev_eui,
            )
        else:
            self._downlinks.send(downlink)
