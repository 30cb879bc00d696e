"""The values of the Semtech UDP protocol (GWMP v2) and their JSON objects: rxpk, stat, txpk, txpk_ack.

Source: Lora-net/packet_forwarder PROTOCOL.TXT v1.4. Units are in the names: ``frequency_hz`` (JSON: MHz),
``tmst_us`` (the concentrator's 32-bit microsecond counter). Parsing is tolerant where deployed forwarders
differ (unpadded base64, integers written as floats, absent optional fields) and raises only
``MalformedFrame``.
"""

from enum import IntEnum

import msgspec

from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.gwmp_fields import (
    DataRateFields,
    JsonObject,
    encode_base64,
    format_datr,
    get_coding_rate,
    get_flag,
    get_frequency_hz,
    get_int,
    get_meta,
    get_number,
    get_phy_payload,
    get_text,
    parse_datr,
    without_none,
)


class CrcStatus(IntEnum):
    """rxpk ``stat``: what the concentrator says about the physical CRC."""

    OK = 1
    NONE = 0
    BAD = -1


class AntennaSignal(msgspec.Struct, frozen=True, gc=False):
    """One entry of ``rsig``: the same packet as one antenna of a multi-antenna gateway heard it."""

    antenna: int = 0
    channel: int = 0
    rssi_dbm: float = 0.0
    snr_db: float | None = None
    encrypted_fine_time: str | None = None


class Rxpk(msgspec.Struct, frozen=True, gc=False):
    """One received packet. ``crc`` tells whether ``phy_payload`` can be trusted at all."""

    phy_payload: bytes
    frequency_hz: int
    data_rate: DataRateFields
    crc: CrcStatus = CrcStatus.OK
    coding_rate: str | None = None
    tmst_us: int | None = None
    time: str | None = None
    gps_time_ms: int | None = None
    fine_time_ns: int | None = None
    rssi_dbm: float = 0.0
    signal_rssi_dbm: float | None = None
    snr_db: float | None = None
    frequency_offset_hz: int | None = None
    channel: int = 0
    rf_chain: int = 0
    board: int = 0
    modem_id: int | None = None
    grid_steps: int | None = None
    aes_key_index: int | None = None
    signals: tuple[AntennaSignal, ...] = ()
    meta: JsonObject = {}


class Stat(msgspec.Struct, frozen=True, gc=False):
    """A gateway's status report; every field may be absent."""

    time: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float | None = None
    rx_received: int | None = None
    rx_ok: int | None = None
    rx_forwarded: int | None = None
    acknowledged_percent: float | None = None
    tx_received: int | None = None
    tx_emitted: int | None = None
    temperature_c: float | None = None
    meta: JsonObject = {}


class Txpk(msgspec.Struct, frozen=True, gc=False):
    """A packet to send: at once, at ``tmst_us`` of the gateway's counter, or at a GPS time in
    milliseconds.
    """

    phy_payload: bytes
    frequency_hz: int
    data_rate: DataRateFields
    power_dbm: int
    is_immediate: bool = False
    tmst_us: int | None = None
    gps_time_ms: int | None = None
    coding_rate: str | None = None
    invert_polarization: bool = True
    frequency_deviation_hz: int | None = None
    preamble_symbols: int | None = None
    no_crc: bool | None = None
    rf_chain: int = 0
    antenna: int = 0
    board: int = 0


# --- rxpk --------------------------------------------------------------------------------------------------


def parse_rxpk(json: object) -> Rxpk:
    """One element of the ``rxpk`` array."""
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_rxpk", f"{type(json).__name__} instead of an object")
    stat = get_int(json, "stat", -1, 1)
    return Rxpk(
        phy_payload=get_phy_payload(json),
        frequency_hz=get_frequency_hz(json),
        data_rate=parse_datr(json.get("datr"), get_text(json, "modu")),
        crc=CrcStatus.OK if stat is None else CrcStatus(stat),
        coding_rate=get_coding_rate(json),
        tmst_us=get_int(json, "tmst", 0, 0xFFFF_FFFF),
        time=get_text(json, "time"),
        gps_time_ms=get_int(json, "tmms", 0, 1 << 62),
        fine_time_ns=get_int(json, "ftime", 0, 999_999_999),
        rssi_dbm=get_number(json, "rssi") or 0.0,
        signal_rssi_dbm=get_number(json, "rssis"),
        snr_db=get_number(json, "lsnr"),
        frequency_offset_hz=get_int(json, "foff", -(1 << 31), 1 << 31),
        channel=get_int(json, "chan", 0, 0xFFFF_FFFF) or 0,
        rf_chain=get_int(json, "rfch", 0, 0xFFFF_FFFF) or 0,
        board=get_int(json, "brd", 0, 0xFFFF_FFFF) or 0,
        modem_id=get_int(json, "mid", 0, 0xFFFF_FFFF),
        grid_steps=get_int(json, "hpw", 0, 0xFFFF_FFFF),
        aes_key_index=get_int(json, "aesk", 0, 0xFFFF_FFFF),
        signals=_parse_rsig(json.get("rsig")),
        meta=get_meta(json),
    )


def _parse_rsig(rsig: object) -> tuple[AntennaSignal, ...]:
    if rsig is None:
        return ()
    if not isinstance(rsig, list) or not all(isinstance(entry, dict) for entry in rsig):
        raise MalformedFrame("gwmp_rsig", "no array of objects")
    return tuple(
        AntennaSignal(
            antenna=get_int(entry, "ant", 0, 0xFFFF_FFFF) or 0,
            channel=get_int(entry, "chan", 0, 0xFFFF_FFFF) or 0,
            rssi_dbm=get_number(entry, "rssic") or 0.0,
            snr_db=get_number(entry, "lsnr"),
            encrypted_fine_time=get_text(entry, "etime"),
        )
        for entry in rsig
    )


def encode_rxpk(rxpk: Rxpk) -> JsonObject:
    """The JSON object of ``rxpk``, as a packet forwarder writes it."""
    json = {
        "tmst": rxpk.tmst_us,
        "time": rxpk.time,
        "tmms": rxpk.gps_time_ms,
        "ftime": rxpk.fine_time_ns,
        "chan": rxpk.channel,
        "rfch": rxpk.rf_chain,
        "brd": rxpk.board or None,
        "mid": rxpk.modem_id,
        "freq": rxpk.frequency_hz / 1e6,
        "stat": int(rxpk.crc),
        "modu": rxpk.data_rate.modulation,
        "datr": format_datr(rxpk.data_rate),
        "codr": rxpk.coding_rate,
        "rssi": _plain_number(rxpk.rssi_dbm),
        "rssis": _plain_number(rxpk.signal_rssi_dbm),
        "lsnr": rxpk.snr_db,
        "foff": rxpk.frequency_offset_hz,
        "hpw": rxpk.grid_steps,
        "aesk": rxpk.aes_key_index,
        "rsig": [_encode_signal(signal) for signal in rxpk.signals] or None,
        "meta": rxpk.meta or None,
        "size": len(rxpk.phy_payload),
        "data": encode_base64(rxpk.phy_payload),
    }
    return without_none(json)


def _encode_signal(signal: AntennaSignal) -> JsonObject:
    json = {
        "ant": signal.antenna,
        "chan": signal.channel,
        "rssic": _plain_number(signal.rssi_dbm),
        "lsnr": signal.snr_db,
        "etime": signal.encrypted_fine_time,
    }
    return without_none(json)


def _plain_number(value: float | None) -> float | int | None:
    # forwarders write whole dBm without a decimal point, and some servers insist
    return int(value) if value is not None and value == int(value) else value


# --- stat --------------------------------------------------------------------------------------------------


def parse_stat(json: object) -> Stat:
    """The ``stat`` object."""
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_stat", f"{type(json).__name__} instead of an object")
    return Stat(
        time=get_text(json, "time"),
        latitude=get_number(json, "lati"),
        longitude=get_number(json, "long"),
        altitude_m=get_number(json, "alti"),
        rx_received=get_int(json, "rxnb", 0, 0xFFFF_FFFF),
        rx_ok=get_int(json, "rxok", 0, 0xFFFF_FFFF),
        rx_forwarded=get_int(json, "rxfw", 0, 0xFFFF_FFFF),
        acknowledged_percent=get_number(json, "ackr"),
        tx_received=get_int(json, "dwnb", 0, 0xFFFF_FFFF),
        tx_emitted=get_int(json, "txnb", 0, 0xFFFF_FFFF),
        temperature_c=get_number(json, "temp"),
        meta=get_meta(json),
    )


def encode_stat(stat: Stat) -> JsonObject:
    """The JSON object of ``stat``."""
    json = {
        "time": stat.time,
        "lati": stat.latitude,
        "long": stat.longitude,
        "alti": _plain_number(stat.altitude_m),
        "rxnb": stat.rx_received,
        "rxok": stat.rx_ok,
        "rxfw": stat.rx_forwarded,
        "ackr": stat.acknowledged_percent,
        "dwnb": stat.tx_received,
        "txnb": stat.tx_emitted,
        "temp": stat.temperature_c,
        "meta": stat.meta or None,
    }
    return without_none(json)


# --- txpk --------------------------------------------------------------------------------------------------


def parse_txpk(json: object) -> Txpk:
    """The ``txpk`` object of a PULL_RESP."""
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_txpk", f"{type(json).__name__} instead of an object")
    power = get_number(json, "powe")
    return Txpk(
        phy_payload=get_phy_payload(json),
        frequency_hz=get_frequency_hz(json),
        data_rate=parse_datr(json.get("datr"), get_text(json, "modu")),
        power_dbm=round(power) if power is not None else 0,
        is_immediate=get_flag(json, "imme") or False,
        tmst_us=get_int(json, "tmst", 0, 0xFFFF_FFFF),
        gps_time_ms=get_int(json, "tmms", 0, 1 << 62),
        coding_rate=get_coding_rate(json),
        invert_polarization=get_flag(json, "ipol") or False,
        frequency_deviation_hz=get_int(json, "fdev", 0, 0xFFFF_FFFF),
        preamble_symbols=get_int(json, "prea", 0, 0xFFFF),
        no_crc=get_flag(json, "ncrc"),
        rf_chain=get_int(json, "rfch", 0, 0xFF) or 0,
        antenna=get_int(json, "ant", 0, 0xFF) or 0,
        board=get_int(json, "brd", 0, 0xFF) or 0,
    )


def encode_txpk(txpk: Txpk) -> JsonObject:
    """The JSON object of ``txpk``; raises ``InvalidField`` unless exactly one moment of sending is given."""
    moments = (txpk.is_immediate, txpk.tmst_us is not None, txpk.gps_time_ms is not None)
    if sum(moments) != 1:
        raise InvalidField("txpk_time", "give exactly one of is_immediate, tmst_us, gps_time_ms")
    if len(txpk.phy_payload) > 255:
        raise InvalidField("phy_payload", f"{len(txpk.phy_payload)} bytes; a LoRa packet carries at most 255")
    json = {
        "imme": txpk.is_immediate,
        "tmst": txpk.tmst_us,
        "tmms": txpk.gps_time_ms,
        "freq": txpk.frequency_hz / 1e6,
        "rfch": txpk.rf_chain,
        "powe": txpk.power_dbm,
        "ant": txpk.antenna,
        "brd": txpk.board,
        "modu": txpk.data_rate.modulation,
        "datr": format_datr(txpk.data_rate),
        "codr": txpk.coding_rate,
        "fdev": txpk.frequency_deviation_hz,
        "ipol": txpk.invert_polarization,
        "prea": txpk.preamble_symbols,
        "ncrc": txpk.no_crc,
        "size": len(txpk.phy_payload),
        "data": encode_base64(txpk.phy_payload),
    }
    return without_none(json)
