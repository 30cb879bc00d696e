"""Downlink commands: from a message or an API call to a durable place in the device's queue."""

from __future__ import annotations

import re
import uuid

from router.applications.chirpstack_json import (
    CommandError,
    compute_application_id,
    parse_downlink_command,
)
from router.network.values import QueueItem
from router.store.devices import get_device
from router.store.queue import MAX_ITEMS, add_item, list_items
from router.traffic.desk import Desk

TOPIC_FILTER = "application/+/device/+/command/+"
_TOPIC = re.compile(r"application/([0-9a-f-]{36})/device/([0-9a-fA-F]{16})/command/([a-z]+)")


class CommandDesk:
    """Takes commands. What it accepts is durable when it returns."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def enqueue(self, item: QueueItem) -> bool:
        """Append to the queue; False for an id that was seen before. Raises CommandError (full, unknown
        device).
        """
        with self._desk.database.transaction("router.command") as tx:
            device = get_device(tx, item.dev_eui)
            if device is None:
                raise CommandError(f"no device {item.dev_eui.hex()}: add it first")
            if len(list_items(tx, item.dev_eui)) >= MAX_ITEMS:
                raise CommandError(
                    f"{MAX_ITEMS} downlinks are waiting for {device.name}: they go one per uplink"
                )
            is_new = add_item(tx, item)
        if is_new:
            text = f"downlink for {device.name} queued: port {item.f_port}, {len(item.data)} bytes"
            self._desk.say("queued", text, dev_eui=item.dev_eui, item_id=item.item_id)
            self._desk.live.publish("queue", dev_eui=item.dev_eui.hex())
        return is_new

    def take_message(self, topic: str, payload: bytes) -> None:
        """A message under `command/`. What cannot be done is logged (for a known device also as a log
        event).
        """
        match = _TOPIC.fullmatch(topic)
        if match is None:
            self._desk.say(
                "command_refused", f"command refused: topic {topic[:120]!r} has no id, EUI or name"
            )
            return
        application_id, dev_eui, command = match[1], bytes.fromhex(match[2]), match[3]
        device = get_device(self._desk.database.read(), dev_eui)
        if device is None or compute_application_id(device.application) != application_id:
            text = f"command refused: no device {dev_eui.hex()} in application {application_id}"
            self._desk.say("command_refused", text)
            return
        try:
            if command != "down":
                raise CommandError(f"command {command!r} is unknown: only down is")
            self.enqueue(parse_downlink_command(payload, dev_eui, str(uuid.uuid4())))
        except CommandError as error:
            with self._desk.database.transaction("router.command_refused") as tx:
                self._desk.put_log(tx, device, "DOWNLINK_CODEC", str(error))
            self._desk.wake_outbox()
            self._desk.say("command_refused", f"command for {device.name} refused: {error}", dev_eui=dev_eui)
