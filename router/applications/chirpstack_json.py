"""ChirpStack v4's integration messages as JSON (API `integration/integration.proto`; facts lorawan.md 2.1).

`integration.*` messages write every scalar, list and map, also 0, false, "", [] and {}; the nested `gw.*` and
`common.*` ones leave default values out. Bytes are base64, times RFC 3339 with +00:00, durations "5s".
"""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from router.network.values import (
    Device,
    HotspotPlace,
    QueueItem,
    Reception,
    TransmitWindow,
    compute_stable_id,
)

TENANT_NAME = "hexhaul"
CODE_RATES = {5: "CR_4_5", 6: "CR_4_6", 7: "CR_4_7", 8: "CR_4_8"}
#: Above are the test port and what is reserved (LoRaWAN 1.0.4, 4.3.2).
MAX_F_PORT = 223


class CommandError(ValueError):
    """A downlink command that cannot be queued; the message says which value and why."""


def format_time(at_ms: int) -> str:
    """RFC 3339 in UTC with microseconds, as ChirpStack writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="microseconds")


def encode(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode(message)


def build_topic(application: str, dev_eui: bytes, event: str) -> str:
    return f"application/{compute_application_id(application)}/device/{dev_eui.hex()}/event/{event}"


def compute_application_id(application: str) -> str:
    return compute_stable_id("application", application)


def build_device_info(device: Device, region: str) -> dict[str, Any]:
    """`DeviceInfo`; our tenants and device profiles are names, their ids derive from them."""
    profile = f"{region.lower() or 'any'}-{'otaa' if device.app_key else 'abp'}"
    return {
        "tenantId": compute_stable_id("tenant", TENANT_NAME),
        "tenantName": TENANT_NAME,
        "applicationId": compute_application_id(device.application),
        "applicationName": device.application,
        "deviceProfileId": compute_stable_id("device-profile", profile),
        "deviceProfileName": profile,
        "deviceName": device.name,
        "devEui": device.dev_eui.hex(),
        "deviceClassEnabled": "CLASS_A",
        "tags": device.tags,
    }


def omit_defaults(message: dict[str, Any]) -> dict[str, Any]:
    """Leave out what protobuf's JSON leaves out of `gw.*` messages: 0, false, empty."""
    return {
        key: value for key, value in message.items() if value not in (0, 0.0, "", False, None) and value != {}
    }


def build_modulation(reception: Reception) -> dict[str, Any]:
    if not reception.spreading_factor:
        return {"fsk": {"datarate": 50_000}} if reception.data_rate.startswith("FSK") else {"lrFhss": {}}
    lora = {
        "bandwidth": reception.bandwidth_hz,
        "spreadingFactor": reception.spreading_factor,
        "codeRate": CODE_RATES.get(reception.coding_rate, "CR_UNDEFINED"),
    }
    return {"lora": lora}


def build_rx_info(reception: Reception, place: HotspotPlace, ns_time_ms: int) -> dict[str, Any]:
    """`gw.UplinkRxInfo` of one reception."""
    location = {}
    if place.latitude is not None and place.longitude is not None:
        location = omit_defaults({"latitude": place.latitude, "longitude": place.longitude})
    metadata = {
        "region_config_id": reception.region.lower(),
        "region_common_name": reception.region.replace("-", "_"),
        "hotspot": place.address,
        "hotspot_name": place.name,
    }
    return omit_defaults(
        {
            "gatewayId": (reception.gateway_eui or place.gateway_eui).hex(),
            "uplinkId": int.from_bytes(reception.packet_hash[:4], "big"),
            "gwTime": format_time(reception.heard_at_ms),
            "nsTime": format_time(ns_time_ms),
            "rssi": reception.rssi_dbm,
            "snr": reception.snr_db,
            "channel": reception.channel,
            "location": location,
            "context": base64.b64encode(reception.tick.to_bytes(4, "big")).decode(),
            "metadata": metadata,
            "crcStatus": "CRC_OK",
        }
    )


def build_uplink_event(
    device: Device,
    *,
    deduplication_id: str,
    dev_addr: bytes,
    adr: bool,
    dr: int,
    f_cnt: int,
    f_port: int,
    confirmed: bool,
    data: bytes,
    decoded: dict[str, Any] | None,
    receptions: tuple[Reception, ...],
    places: dict[bytes, HotspotPlace],
    ns_time_ms: int,
) -> dict[str, Any]:
    """`integration.UplinkEvent`. `decoded` is the codec's object; None leaves it out, as an absent
    sub-message.
    """
    first = receptions[0]
    event: dict[str, Any] = {
        "deduplicationId": deduplication_id,
        "time": format_time(first.heard_at_ms),
        "deviceInfo": build_device_info(device, first.region),
        "devAddr": dev_addr.hex(),
        "adr": adr,
        "dr": dr,
        "fCnt": f_cnt,
        "fPort": f_port,
        "confirmed": confirmed,
        "data": base64.b64encode(data).decode(),
    }
    if decoded is not None:
        event["object"] = decoded
    event["rxInfo"] = [
        build_rx_info(reception, places[reception.hotspot], ns_time_ms) for reception in receptions
    ]
    event["txInfo"] = {"frequency": first.frequency_hz, "modulation": build_modulation(first)}
    event["regionConfigId"] = first.region.lower()
    return event


def build_join_event(
    device: Device, deduplication_id: str, dev_addr: bytes, heard: Reception
) -> dict[str, Any]:
    """`integration.JoinEvent`."""
    return {
        "deduplicationId": deduplication_id,
        "time": format_time(heard.heard_at_ms),
        "deviceInfo": build_device_info(device, heard.region),
        "devAddr": dev_addr.hex(),
        "regionConfigId": heard.region.lower(),
    }


def build_ack_event(
    device: Device, deduplication_id: str, item: QueueItem, acknowledged: bool, heard: Reception
) -> dict[str, Any]:
    """`integration.AckEvent`: whether the device acknowledged a confirmed downlink."""
    return {
        "deduplicationId": deduplication_id,
        "time": format_time(heard.heard_at_ms),
        "deviceInfo": build_device_info(device, heard.region),
        "queueItemId": item.item_id,
        "acknowledged": acknowledged,
        "fCntDown": item.f_cnt_down,
    }


def build_txack_event(
    device: Device,
    *,
    downlink_id: int,
    item: QueueItem,
    gateway_id: bytes,
    window: TransmitWindow,
    region: str,
    now_ms: int,
) -> dict[str, Any]:
    """`integration.TxAckEvent`: a downlink is on the air."""
    lora = {
        "bandwidth": window.bandwidth_hz,
        "spreadingFactor": window.spreading_factor,
        "codeRate": "CR_4_5",
        "polarizationInversion": True,
    }
    tx_info = {
        "frequency": window.frequency_hz,
        "power": window.power_dbm,
        "modulation": {"lora": lora},
        "timing": {"delay": {"delay": f"{window.delay_s}s"}},
        "context": base64.b64encode(
            ((window.tick - window.delay_s * 1_000_000) & 0xFFFFFFFF).to_bytes(4, "big")
        ).decode(),
    }
    return {
        "downlinkId": downlink_id,
        "time": format_time(now_ms),
        "deviceInfo": build_device_info(device, region),
        "queueItemId": item.item_id,
        "fCntDown": item.f_cnt_down,
        "gatewayId": gateway_id.hex(),
        "txInfo": omit_defaults(tx_info),
    }


def build_log_event(
    device: Device,
    *,
    level: str,
    code: str,
    description: str,
    context: dict[str, str],
    region: str,
    now_ms: int,
) -> dict[str, Any]:
    """`integration.LogEvent`; codes are ChirpStack's LogCode names."""
    return {
        "time": format_time(now_ms),
        "deviceInfo": build_device_info(device, region),
        "level": level,
        "code": code,
        "description": description,
        "context": context,
    }


def build_status_event(
    device: Device, deduplication_id: str, *, battery: int, margin: int, heard: Reception
) -> dict[str, Any]:
    """`integration.StatusEvent` from a DevStatusAns: battery 0 external, 255 unknown, else 1..254."""
    return {
        "deduplicationId": deduplication_id,
        "time": format_time(heard.heard_at_ms),
        "deviceInfo": build_device_info(device, heard.region),
        "margin": margin,
        "externalPowerSource": battery == 0,
        "batteryLevelUnavailable": battery == 255,
        "batteryLevel": 0.0 if battery in (0, 255) else round(battery * 100 / 254, 2),
    }


class _DownlinkCommand(msgspec.Struct, rename="camel"):
    """`integration.DownlinkCommand`; everything may be left out, as in protobuf."""

    id: str = ""
    dev_eui: str = ""
    confirmed: bool = False
    f_port: int = 0
    data: str = ""
    object: dict[str, Any] | None = None
    expires_at: datetime | None = None


def parse_downlink_command(payload: bytes, dev_eui: bytes, new_id: str) -> QueueItem:
    """Read a `command/down` message for `dev_eui` (from the topic). Raises CommandError."""
    try:
        command = msgspec.json.decode(payload, type=_DownlinkCommand)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise CommandError(f"not a downlink command: {error}") from error
    if command.dev_eui.lower() not in ("", dev_eui.hex()):
        raise CommandError(
            f"devEui {command.dev_eui[:32]!r} is not the topic's {dev_eui.hex()}: publish under its own topic"
        )
    if command.object is not None:
        raise CommandError('"object" needs a codec that encodes: send the bytes in "data" (base64)')
    try:
        data = base64.b64decode(command.data, validate=True)
    except ValueError as error:
        raise CommandError(f'"data" is not base64: {error}') from error
    return make_queue_item(
        command.id or new_id,
        dev_eui,
        command.f_port,
        data,
        command.confirmed,
        0 if command.expires_at is None else int(command.expires_at.timestamp() * 1000),
    )


def make_queue_item(
    item_id: str, dev_eui: bytes, f_port: int, data: bytes, confirmed: bool, expires_at_ms: int = 0
) -> QueueItem:
    """Check a wanted downlink and make it an item. Raises CommandError."""
    try:
        item_id = str(uuid.UUID(item_id))
    except ValueError as error:
        raise CommandError(f"id {item_id[:64]!r} is not a UUID: leave it out to have one made") from error
    if not 1 <= f_port <= MAX_F_PORT:
        raise CommandError(
            f"fPort {f_port} is not an application's: use 1 to {MAX_F_PORT} (LoRaWAN 1.0.4, 4.3.2)"
        )
    if len(data) > 242:
        raise CommandError(f"{len(data)} bytes are more than any data rate carries: at most 242")
    return QueueItem(
        item_id=item_id,
        dev_eui=dev_eui,
        confirmed=confirmed,
        f_port=f_port,
        data=data,
        expires_at_ms=expires_at_ms,
    )
