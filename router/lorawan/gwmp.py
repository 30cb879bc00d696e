"""GWMP: the datagrams of the Semtech UDP packet forwarder protocol, both directions.

Source: Lora-net/packet_forwarder PROTOCOL.TXT v1.4. A datagram is version (2; 1 is seen from old forwarders),
token (2 bytes; an answer repeats it), identifier, then for gateway-to-server kinds the 8-byte gateway EUI,
then JSON. The token is kept as a little endian number. ``decode_datagram`` raises only ``MalformedFrame``;
a bad ``rxpk`` beside good ones costs only itself and is listed in ``PushData.rejected``.
"""

from enum import IntEnum
from typing import Any, TypeAlias

import msgspec

from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.frames import encode_uint, require_bytes
from router.lorawan.gwmp_fields import DataRateFields, JsonObject
from router.lorawan.gwmp_values import (
    AntennaSignal,
    CrcStatus,
    Rxpk,
    Stat,
    Txpk,
    encode_rxpk,
    encode_stat,
    encode_txpk,
    parse_rxpk,
    parse_stat,
    parse_txpk,
)

__all__ = [
    "AntennaSignal",
    "CrcStatus",
    "DataRateFields",
    "Datagram",
    "Header",
    "Kind",
    "PullAck",
    "PullData",
    "PullResp",
    "PushAck",
    "PushData",
    "Rxpk",
    "Stat",
    "TxAck",
    "Txpk",
    "decode_datagram",
    "decode_header",
    "encode_datagram",
]

PROTOCOL_VERSION = 2
MAX_RXPK_A_DATAGRAM = 256


class Kind(IntEnum):
    """Octet 3 of a datagram."""

    PUSH_DATA = 0
    PUSH_ACK = 1
    PULL_DATA = 2
    PULL_RESP = 3
    PULL_ACK = 4
    TX_ACK = 5


_WITH_GATEWAY_EUI = frozenset((Kind.PUSH_DATA, Kind.PULL_DATA, Kind.TX_ACK))


class Header(msgspec.Struct, frozen=True, gc=False):
    """What every datagram starts with. ``gateway_eui`` (8 bytes) is None in what a server sends."""

    version: int
    token: int
    kind: Kind
    gateway_eui: bytes | None


class PushData(msgspec.Struct, frozen=True, gc=False):
    """Gateway to server: received packets and/or a status report. ``rejected`` says what was wrong with the
    others.
    """

    token: int
    gateway_eui: bytes
    rxpks: tuple[Rxpk, ...] = ()
    stat: Stat | None = None
    rejected: tuple[str, ...] = ()
    version: int = PROTOCOL_VERSION


class PushAck(msgspec.Struct, frozen=True, gc=False):
    """Server to gateway, at once after a PUSH_DATA."""

    token: int
    version: int = PROTOCOL_VERSION


class PullData(msgspec.Struct, frozen=True, gc=False):
    """Gateway to server, every few seconds: keeps the way for downlinks open."""

    token: int
    gateway_eui: bytes
    version: int = PROTOCOL_VERSION


class PullAck(msgspec.Struct, frozen=True, gc=False):
    """Server to gateway, at once after a PULL_DATA."""

    token: int
    version: int = PROTOCOL_VERSION


class PullResp(msgspec.Struct, frozen=True, gc=False):
    """Server to gateway: a packet to send; goes to the address of the gateway's last PULL_DATA."""

    token: int
    txpk: Txpk
    version: int = PROTOCOL_VERSION


class TxAck(msgspec.Struct, frozen=True, gc=False):
    """Gateway to server: what became of the PULL_RESP with this token. ``error`` None (or "NONE") is
    success.
    """

    token: int
    gateway_eui: bytes
    error: str | None = None
    warning: str | None = None
    version: int = PROTOCOL_VERSION

    @property
    def is_accepted(self) -> bool:
        return self.error in (None, "", "NONE")


Datagram: TypeAlias = PushData | PushAck | PullData | PullAck | PullResp | TxAck


def decode_header(datagram: bytes) -> tuple[Header, bytes]:
    """The header and what follows it, without trailing 00 bytes and white space. Raises
    ``MalformedFrame``.
    """
    if len(datagram) < 4:
        raise MalformedFrame("gwmp_length", f"{len(datagram)} bytes; a datagram has at least 4")
    version = datagram[0]
    if version not in (1, 2):
        raise MalformedFrame("gwmp_version", f"version {version}; 2 is spoken, 1 is understood")
    if datagram[3] > 5:
        raise MalformedFrame("gwmp_kind", f"identifier {datagram[3]}; 0 to 5 exist")
    kind = Kind(datagram[3])
    gateway_eui = None
    body_start = 4
    if kind in _WITH_GATEWAY_EUI:
        if len(datagram) < 12:
            raise MalformedFrame("gwmp_length", f"{len(datagram)} bytes; a {kind.name} has at least 12")
        gateway_eui = datagram[4:12]
        body_start = 12
    header = Header(version=version, token=datagram[1] | datagram[2] << 8, kind=kind, gateway_eui=gateway_eui)
    return header, datagram[body_start:].rstrip(b"\0 \t\r\n")


def decode_json(body: bytes) -> JsonObject:
    """The JSON object of a datagram; an empty body is an empty object. Raises ``MalformedFrame``."""
    if not body:
        return {}
    try:
        json: Any = msgspec.json.decode(body)
    except RecursionError:
        raise MalformedFrame("gwmp_json", "nested too deeply") from None
    except ValueError as error:
        raise MalformedFrame("gwmp_json", str(error)) from None
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_json", f"{type(json).__name__} instead of an object")
    return json


def decode_datagram(datagram: bytes) -> Datagram:
    """The value in ``datagram``. Raises ``MalformedFrame``."""
    header, body = decode_header(datagram)
    version, token, eui = header.version, header.token, header.gateway_eui
    if header.kind == Kind.PUSH_ACK:
        return PushAck(token=token, version=version)
    if header.kind == Kind.PULL_ACK:
        return PullAck(token=token, version=version)
    if header.kind == Kind.PULL_RESP:
        return PullResp(token=token, txpk=parse_txpk(decode_json(body).get("txpk")), version=version)
    assert eui is not None  # of the other three kinds, by _WITH_GATEWAY_EUI
    if header.kind == Kind.PULL_DATA:
        return PullData(token=token, gateway_eui=eui, version=version)
    if header.kind == Kind.TX_ACK:
        error, warning = _parse_txpk_ack(decode_json(body).get("txpk_ack"))
        return TxAck(token=token, gateway_eui=eui, error=error, warning=warning, version=version)
    return _parse_push_data(header, eui, decode_json(body))


def _parse_push_data(header: Header, gateway_eui: bytes, json: JsonObject) -> PushData:
    entries = json.get("rxpk")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise MalformedFrame("gwmp_rxpk", f"{type(entries).__name__} instead of an array")
    if len(entries) > MAX_RXPK_A_DATAGRAM:
        raise MalformedFrame("gwmp_rxpk", f"{len(entries)} packets in one datagram")
    rxpks = []
    rejected = []
    for entry in entries:
        try:
            rxpks.append(parse_rxpk(entry))
        except MalformedFrame as error:
            rejected.append(str(error))
    stat = None
    if json.get("stat") is not None:
        try:
            stat = parse_stat(json["stat"])
        except MalformedFrame as error:
            rejected.append(str(error))
    return PushData(
        token=header.token,
        gateway_eui=gateway_eui,
        rxpks=tuple(rxpks),
        stat=stat,
        rejected=tuple(rejected),
        version=header.version,
    )


def _parse_txpk_ack(json: object) -> tuple[str | None, str | None]:
    if json is None:
        return None, None
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_txpk_ack", f"{type(json).__name__} instead of an object")
    error, warning = json.get("error"), json.get("warn")
    if not isinstance(error, str | None) or not isinstance(warning, str | None):
        raise MalformedFrame("gwmp_txpk_ack", "error and warn are texts")
    return error, warning


def encode_datagram(datagram: Datagram) -> bytes:
    """The bytes of ``datagram``. Raises ``InvalidField``."""
    if isinstance(datagram, PushData):
        json: JsonObject = {}
        if datagram.rxpks:
            json["rxpk"] = [encode_rxpk(rxpk) for rxpk in datagram.rxpks]
        if datagram.stat is not None:
            json["stat"] = encode_stat(datagram.stat)
        return _head(datagram, Kind.PUSH_DATA, datagram.gateway_eui) + msgspec.json.encode(json)
    if isinstance(datagram, PullResp):
        return _head(datagram, Kind.PULL_RESP) + msgspec.json.encode({"txpk": encode_txpk(datagram.txpk)})
    if isinstance(datagram, TxAck):
        head = _head(datagram, Kind.TX_ACK, datagram.gateway_eui)
        ack = {"error": datagram.error, "warn": datagram.warning}
        present = {name: text for name, text in ack.items() if text is not None}
        return head + (msgspec.json.encode({"txpk_ack": present}) if present else b"")
    if isinstance(datagram, PullData):
        return _head(datagram, Kind.PULL_DATA, datagram.gateway_eui)
    return _head(datagram, Kind.PUSH_ACK if isinstance(datagram, PushAck) else Kind.PULL_ACK)


def _head(datagram: Datagram, kind: Kind, gateway_eui: bytes | None = None) -> bytes:
    if datagram.version not in (1, 2):
        raise InvalidField("gwmp_version", f"version {datagram.version}; 1 and 2 exist")
    head = bytes((datagram.version,)) + encode_uint("token", datagram.token, 2) + bytes((kind,))
    return head if gateway_eui is None else head + require_bytes("gateway_eui", gateway_eui, 8)
