"""Stored values as JSON for the API and the page. Keys never appear here."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from chain.keys import PublicKey
from router.applications.chirpstack_json import build_topic, compute_application_id, format_time
from router.network.values import NO_EUI, Device, HotspotPlace, QueueItem, Reception, Session
from router.store.events import StoredEvent
from router.store.frames import StoredFrame
from router.traffic.desk import Hotspots


def view_time(at_ms: int) -> str | None:
    return format_time(at_ms) if at_ms else None


def view_session(session: Session) -> dict[str, Any]:
    return {
        "dev_addr": session.dev_addr.hex(),
        "f_cnt_up": session.f_cnt_up,
        "f_cnt_down": session.f_cnt_down,
        "started_at": view_time(session.started_at_ms),
        "is_pending": session.is_pending,
    }


def view_device(
    device: Device, sessions: tuple[Session, ...], state: dict[str, Any], waiting: int
) -> dict[str, Any]:
    """A device with its sessions, what it said last, and where its messages are."""
    down = build_topic(device.application, device.dev_eui, "up").removesuffix("event/up") + "command/down"
    return {
        "dev_eui": device.dev_eui.hex(),
        "name": device.name,
        "join_eui": None if device.join_eui == NO_EUI else device.join_eui.hex(),
        "activation": "otaa" if device.app_key else "abp",
        "application": device.application,
        "application_id": compute_application_id(device.application),
        "codec": device.codec,
        "skip_f_cnt_check": device.skip_f_cnt_check,
        "tags": device.tags,
        "created_at": view_time(device.created_at_ms),
        "sessions": [view_session(session) for session in sessions],
        "last_heard_at": view_time(state["last_heard_at_ms"]),
        "last_reading": state["last_reading"],
        "last_position": state["last_position"],
        "downlinks_waiting": waiting,
        "topics": {"events": build_topic(device.application, device.dev_eui, "+"), "down": down},
    }


def view_item(item: QueueItem) -> dict[str, Any]:
    return {
        "id": item.item_id,
        "f_port": item.f_port,
        "data": base64.b64encode(item.data).decode(),
        "confirmed": item.confirmed,
        "expires_at": view_time(item.expires_at_ms),
        "state": item.state,
        "attempts": item.attempts,
        "f_cnt_down": item.f_cnt_down if item.attempts else None,
    }


def view_event(event: StoredEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "kind": event.kind,
        "dev_eui": event.dev_eui.hex(),
        "topic": event.topic,
        "created_at": view_time(event.created_at_ms),
        "published_at": view_time(event.published_at_ms or 0),
        "body": msgspec.Raw(event.payload),
    }


def view_reception(reception: Reception, place: HotspotPlace) -> dict[str, Any]:
    return {
        "hotspot": place.address,
        "hotspot_name": place.name,
        "gateway_id": (reception.gateway_eui or place.gateway_eui).hex(),
        "is_own_board": not reception.gateway_eui,
        "rssi_dbm": reception.rssi_dbm,
        "snr_db": reception.snr_db,
        "tick": reception.tick,
        "channel": reception.channel,
        "received_at": view_time(reception.received_at_ms),
        "hold_time_ms": reception.hold_time_ms,
    }


def view_frame(frame: StoredFrame, hotspots: Hotspots) -> dict[str, Any]:
    """A frame with its parsed fields in line, and everybody who heard it."""
    first = frame.receptions[0]
    return {
        "frame_id": frame.frame_id,
        "class": frame.frame_class,
        "outcome": frame.outcome,
        "heard_at": view_time(frame.heard_at_ms),
        "arrived_at": view_time(frame.arrived_at_ms),
        "phy_payload": base64.b64encode(frame.payload).decode(),
        "size": len(frame.payload),
        "device": frame.dev_eui.hex() or None,
        **frame.fields,
        "frequency_hz": first.frequency_hz,
        "data_rate": first.data_rate,
        "spreading_factor": first.spreading_factor,
        "bandwidth_hz": first.bandwidth_hz,
        "coding_rate": f"4/{first.coding_rate}",
        "region": first.region,
        "receptions": [view_reception(r, hotspots.get_place(r.hotspot)) for r in frame.receptions],
    }


def view_gateway(row: dict[str, Any], is_connected: bool) -> dict[str, Any]:
    key = PublicKey(row["hotspot"])
    return {
        "hotspot": key.address,
        "hotspot_name": key.name,
        "gateway_id": (row["gateway_eui"] or key.gateway_eui).hex(),
        "is_own_board": not row["gateway_eui"],
        "cell": row["cell"] or None,
        "region": row["region"],
        "is_connected": is_connected,
        "packets": row["packets"],
        "data_credits": row["bought"],
        "last_rssi_dbm": row["rssi_dbm"],
        "last_snr_db": row["snr_db"],
        "first_heard_at": view_time(row["first_heard_at_ms"]),
        "last_heard_at": view_time(row["last_heard_at_ms"]),
    }
