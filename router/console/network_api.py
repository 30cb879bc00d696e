"""The rest of /api: frames, gateways, data credits, positions, status, the live feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import msgspec
from litestar import Router, get
from litestar.params import FromQuery, QueryParameter
from litestar.response import ServerSentEvent

from router.console import views
from router.console.requests import parse_hex
from router.store.devices import get_device_state, list_devices
from router.store.events import count_unpublished
from router.store.frames import count_frames, get_frame, list_frames, list_gateways
from router.store.purchases import get_available, get_owed, get_spent, list_channels, list_totals
from router.traffic.desk import Desk

Limit = Annotated[int, QueryParameter(ge=1, le=1000)]
KEEP_ALIVE_S = 15.0


def create_network_router(desk: Desk, get_status: Callable[[], dict[str, Any]]) -> Router:
    database = desk.database

    @get("/frames", summary="Every frame heard, of unknown devices too: after a cursor, or the newest")
    async def frames(
        after: FromQuery[int] = -1,
        limit: Limit = 100,
        dev_addr: FromQuery[str] = "",
        dev_eui: FromQuery[str] = "",
    ) -> dict[str, Any]:
        listed = list_frames(
            database.read(),
            parse_hex("dev_addr", dev_addr, 4) if dev_addr else None,
            parse_hex("dev_eui", dev_eui, 8) if dev_eui else None,
            after,
            limit,
        )
        return {
            "frames": [views.view_frame(frame, desk.hotspots) for frame in listed],
            "next": listed[-1].frame_id if listed else max(after, 0),
            "counts": count_frames(database.read()),
        }

    @get("/gateways", summary="Concentrators heard")
    async def gateways() -> list[dict[str, Any]]:
        rows = list_gateways(database.read())
        return [views.view_gateway(row, desk.wire.is_connected(row["hotspot"])) for row in rows]

    @get("/data-credits", summary="What is paid to hotspots, and from what")
    async def data_credits() -> dict[str, Any]:
        read = database.read()
        channels = [
            {
                "channel_id": channel.channel_id,
                "data_credits": channel.amount,
                "promised": get_spent(read, channel.channel_id),
                "is_open": channel.is_open,
            }
            for channel in list_channels(read)
        ]
        totals = [
            {
                "channel_id": total.channel_id,
                "hotspot": desk.hotspots.get_place(total.hotspot).address,
                "hotspot_name": desk.hotspots.get_place(total.hotspot).name,
                "sequence": total.sequence,
                "total_data_credits": total.total_data_credits,
                "total_packets": total.total_packets,
            }
            for total in list_totals(read)
        ]
        return {
            "available": get_available(read),
            "owed": get_owed(read),
            "channels": channels,
            "vouchers": totals,
            "account": get_status()["purchase"],
        }

    @get("/positions", summary="Last positions of own devices that have GPS")
    async def positions() -> list[dict[str, Any]]:
        found = []
        for device in list_devices(database.read()):
            state = get_device_state(database.read(), device.dev_eui)
            if state["last_position"]:
                entry = {"dev_eui": device.dev_eui.hex(), "name": device.name, **state["last_position"]}
                found.append({**entry, "heard_at": views.view_time(state["last_heard_at_ms"])})
        return found

    @get("/status", summary="How this router is")
    async def status() -> dict[str, Any]:
        read = database.read()
        return {
            **get_status(),
            "events_waiting": count_unpublished(read),
            "frames": count_frames(read),
            "devices": len(list_devices(read)),
        }

    @get("/live", summary="Server-sent events: what happens from now on")
    async def live() -> ServerSentEvent:
        return ServerSentEvent(stream())

    async def stream() -> AsyncIterator[dict[str, Any]]:
        feed = aiter(desk.live.listen())
        yield {"event": "hello", "data": "{}"}
        upcoming = asyncio.ensure_future(anext(feed))
        try:
            while True:
                done, _ = await asyncio.wait([upcoming], timeout=KEEP_ALIVE_S)
                if not done:
                    yield {"comment": "still here"}
                    continue
                try:
                    entry = upcoming.result()
                except StopAsyncIteration:
                    return
                yield {"event": entry["kind"], "data": msgspec.json.encode(enrich(entry)).decode()}
                upcoming = asyncio.ensure_future(anext(feed))
        finally:
            upcoming.cancel()

    def enrich(entry: dict[str, Any]) -> dict[str, Any]:
        if entry["kind"] != "frame":
            return entry
        frame = get_frame(database.read(), entry["frame_id"])
        return entry if frame is None else {**entry, "frame": views.view_frame(frame, desk.hotspots)}

    return Router(path="/", route_handlers=[frames, gateways, data_credits, positions, status, live])
