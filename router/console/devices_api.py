"""/api/devices: adding, looking, removing; events and downlinks of one device."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Router, delete, get, post
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from router.applications.chirpstack_json import CommandError
from router.applications.commands import CommandDesk
from router.console import views
from router.console.requests import (
    ActivationRequest,
    DeviceRequest,
    QueueRequest,
    parse_dev_eui,
    read_activation,
    read_device,
    read_queue_item,
)
from router.network.values import Device
from router.store.database import Transaction
from router.store.devices import (
    add_device,
    add_session,
    get_device,
    get_device_state,
    get_sessions_of_device,
    list_devices,
    put_skip_f_cnt_check,
    remove_device,
)
from router.store.events import list_events
from router.store.queue import clear_items, list_items
from router.traffic.desk import Desk

Limit = Annotated[int, QueryParameter(ge=1, le=1000)]


def create_devices_router(desk: Desk, commands: CommandDesk) -> Router:
    database = desk.database

    def find(tx: Transaction, dev_eui: str) -> Device:
        device = get_device(tx, parse_dev_eui(dev_eui))
        if device is None:
            raise NotFoundException(f"no device {dev_eui}: add it first")
        return device

    def view(device: Device) -> dict[str, Any]:
        read = database.read()
        sessions = get_sessions_of_device(read, device.dev_eui)
        waiting = len(list_items(read, device.dev_eui))
        return views.view_device(device, sessions, get_device_state(read, device.dev_eui), waiting)

    @get("/devices", summary="All devices")
    async def devices() -> list[dict[str, Any]]:
        return [view(device) for device in list_devices(database.read())]

    @post("/devices", summary="Add a device (OTAA or ABP)")
    async def add(data: JSONBody[DeviceRequest]) -> dict[str, Any]:
        device, session = read_device(data, desk.now_ms(), desk.settings.rx1_delay_s)
        with database.transaction("router.device") as tx:
            if not add_device(tx, device):
                raise ClientException(
                    f"device {device.dev_eui.hex()} is there already: remove it first", status_code=409
                )
            if session is not None:
                add_session(tx, session)
        desk.say("device_added", f"device {device.name} added", dev_eui=device.dev_eui)
        desk.live.publish("devices")
        return view(device)

    @get("/devices/{dev_eui:str}", summary="One device")
    async def device(dev_eui: FromPath[str]) -> dict[str, Any]:
        return view(find(database.read(), dev_eui))

    @delete("/devices/{dev_eui:str}", summary="Remove a device with its sessions and queue")
    async def remove(dev_eui: FromPath[str]) -> None:
        with database.transaction("router.device_removed") as tx:
            device = find(tx, dev_eui)
            remove_device(tx, device.dev_eui)
        desk.say("device_removed", f"device {device.name} removed", dev_eui=device.dev_eui)
        desk.live.publish("devices")

    @post("/devices/{dev_eui:str}/activation", summary="Set session keys by hand (ABP)")
    async def activate(dev_eui: FromPath[str], data: JSONBody[ActivationRequest]) -> dict[str, Any]:
        with database.transaction("router.activation") as tx:
            device = find(tx, dev_eui)
            add_session(tx, read_activation(data, device.dev_eui, desk.now_ms(), 1))
            if data.skip_f_cnt_check is not None:
                put_skip_f_cnt_check(tx, device.dev_eui, data.skip_f_cnt_check)
        return view(find(database.read(), dev_eui))

    @get("/devices/{dev_eui:str}/events", summary="Events after a cursor; without one the newest")
    async def events(
        dev_eui: FromPath[str], after: FromQuery[int] = -1, limit: Limit = 50, kind: FromQuery[str] = ""
    ) -> dict[str, Any]:
        found = find(database.read(), dev_eui)
        listed = list_events(database.read(), found.dev_eui, after, limit, kind)
        return {
            "events": [views.view_event(e) for e in listed],
            "next": listed[-1].seq if listed else max(after, 0),
        }

    @get("/devices/{dev_eui:str}/queue", summary="Downlinks that wait or are under way")
    async def queue(dev_eui: FromPath[str]) -> list[dict[str, Any]]:
        found = find(database.read(), dev_eui)
        return [views.view_item(item) for item in list_items(database.read(), found.dev_eui)]

    @post("/devices/{dev_eui:str}/queue", summary="Queue a downlink")
    async def enqueue(dev_eui: FromPath[str], data: JSONBody[QueueRequest]) -> dict[str, Any]:
        found = find(database.read(), dev_eui)
        item = read_queue_item(data, found.dev_eui)
        try:
            is_new = commands.enqueue(item)
        except CommandError as error:
            raise ClientException(str(error), status_code=409) from error
        return {"id": item.item_id, "is_new": is_new}

    @delete("/devices/{dev_eui:str}/queue", summary="Forget all waiting downlinks", status_code=200)
    async def flush(dev_eui: FromPath[str]) -> dict[str, int]:
        with database.transaction("router.queue_flush") as tx:
            removed = clear_items(tx, find(tx, dev_eui).dev_eui, desk.now_ms())
        desk.live.publish("queue", dev_eui=dev_eui)
        return {"removed": removed}

    handlers = [devices, add, device, remove, activate, events, queue, enqueue, flush]
    return Router(path="/", route_handlers=handlers)
