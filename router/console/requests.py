"""What the API takes, and its reading: one clear sentence for each thing that is wrong."""

from __future__ import annotations

import base64
import hashlib
import uuid
from datetime import datetime

import msgspec

from router.applications.chirpstack_json import CommandError, make_queue_item
from router.applications.codec import CODECS
from router.network.values import NO_EUI, Device, QueueItem, Session


class BadRequest(ValueError):
    """A request that cannot be met; the message names the value, the rule and the remedy."""


class DeviceRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """POST /api/devices. Either `app_key` (OTAA) or `dev_addr` with both session keys (ABP). Hex strings."""

    name: str
    dev_eui: str = ""
    join_eui: str = ""
    app_key: str = ""
    dev_addr: str = ""
    nwk_s_key: str = ""
    app_s_key: str = ""
    application: str = "demo"
    codec: str = ""
    skip_f_cnt_check: bool = False
    tags: dict[str, str] = {}


class ActivationRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """POST /api/devices/{dev_eui}/activation: session keys by hand (ABP)."""

    dev_addr: str
    nwk_s_key: str
    app_s_key: str
    f_cnt_up: int = 0
    f_cnt_down: int = 0
    skip_f_cnt_check: bool | None = None


class QueueRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """POST /api/devices/{dev_eui}/queue. `data` is base64; or give `hex`."""

    f_port: int
    data: str = ""
    hex: str = ""
    confirmed: bool = False
    id: str = ""
    expires_at: datetime | None = None


def parse_hex(name: str, text: str, size: int) -> bytes:
    """`size` bytes from hex, with or without separators. Raises BadRequest."""
    cleaned = text.strip().replace("-", "").replace(":", "").replace(" ", "")
    try:
        value = bytes.fromhex(cleaned)
    except ValueError:
        value = b""
    if len(value) != size:
        shown = f"{text[:40]!r} " if "key" not in name else ""
        raise BadRequest(f"{name} {shown}must be {size * 2} hex digits ({size} bytes)")
    return value


def parse_dev_eui(text: str) -> bytes:
    return parse_hex("dev_eui", text, 8)


def read_device(request: DeviceRequest, now_ms: int, rx1_delay_s: int) -> tuple[Device, Session | None]:
    """The device to store and, for ABP, its session. Raises BadRequest."""
    if not 1 <= len(request.name.strip()) <= 64:
        raise BadRequest("name must have 1 to 64 characters")
    if not 1 <= len(request.application.strip()) <= 64:
        raise BadRequest("application must have 1 to 64 characters")
    if request.codec not in CODECS:
        raise BadRequest(
            f"codec {request.codec[:40]!r} is unknown: use one of {', '.join(filter(None, CODECS))}, or none"
        )
    is_abp = bool(request.dev_addr or request.nwk_s_key or request.app_s_key)
    if is_abp == bool(request.app_key):
        raise BadRequest("give either app_key (the device joins) or dev_addr, nwk_s_key and app_s_key (ABP)")
    if not request.dev_eui and not is_abp:
        raise BadRequest("dev_eui is missing: a device that joins is found by it")
    if request.dev_eui:
        dev_eui = parse_dev_eui(request.dev_eui)
    else:
        dev_eui = make_local_dev_eui(request.name, parse_hex("dev_addr", request.dev_addr, 4))
    device = Device(
        dev_eui=dev_eui,
        name=request.name.strip(),
        join_eui=parse_hex("join_eui", request.join_eui, 8) if request.join_eui else NO_EUI,
        app_key=parse_hex("app_key", request.app_key, 16) if request.app_key else b"",
        application=request.application.strip(),
        codec=request.codec,
        skip_f_cnt_check=request.skip_f_cnt_check,
        created_at_ms=now_ms,
        tags=request.tags,
    )
    if not is_abp:
        return device, None
    activation = ActivationRequest(
        dev_addr=request.dev_addr, nwk_s_key=request.nwk_s_key, app_s_key=request.app_s_key
    )
    return device, read_activation(activation, dev_eui, now_ms, 1)


def read_activation(request: ActivationRequest, dev_eui: bytes, now_ms: int, rx1_delay_s: int) -> Session:
    """The session of an ABP device. Its RX1 delay is the standard's 1 s: nobody told it otherwise."""
    for name, value in (("f_cnt_up", request.f_cnt_up), ("f_cnt_down", request.f_cnt_down)):
        if not 0 <= value < 2**32:
            raise BadRequest(f"{name} {value} must be 0 to 4294967295")
    return Session(
        dev_eui=dev_eui,
        dev_addr=parse_hex("dev_addr", request.dev_addr, 4),
        nwk_s_key=parse_hex("nwk_s_key", request.nwk_s_key, 16),
        app_s_key=parse_hex("app_s_key", request.app_s_key, 16),
        f_cnt_up=request.f_cnt_up,
        f_cnt_down=request.f_cnt_down,
        started_at_ms=now_ms,
        rx1_delay_s=rx1_delay_s,
    )


def make_local_dev_eui(name: str, dev_addr: bytes) -> bytes:
    """A locally administered EUI for an ABP device that came without one; the same for the same name
    and address.
    """
    digest = bytearray(hashlib.sha256(b"hexhaul/abp\x00" + dev_addr + name.strip().encode()).digest()[:8])
    digest[0] = digest[0] & 0xFC | 0x02
    return bytes(digest)


def read_queue_item(request: QueueRequest, dev_eui: bytes) -> QueueItem:
    """The downlink to queue. Raises BadRequest."""
    if request.data and request.hex:
        raise BadRequest("give data (base64) or hex, not both")
    try:
        if request.hex:
            data = bytes.fromhex(request.hex.replace(" ", ""))
        else:
            data = base64.b64decode(request.data, validate=True)
    except ValueError as error:
        raise BadRequest(f"{'hex' if request.hex else 'data'} cannot be read: {error}") from error
    expires_at_ms = int(request.expires_at.timestamp() * 1000) if request.expires_at else 0
    try:
        return make_queue_item(
            request.id or str(uuid.uuid4()), dev_eui, request.f_port, data, request.confirmed, expires_at_ms
        )
    except CommandError as error:
        raise BadRequest(str(error)) from error
