"""The values of the Semtech UDP protocol (GWMP v2) and their JSON objects: rxpk, stat, txpk, txpk_ack.

Source: Lora-net/packet_forwarder PROTOCOL.TXT v1.4. Units are in the names: ``frequency_hz`` (JSON: MHz),
``tmst_us`` (the concentrator's 32-bit microsecond counter). Parsing is tolerant where deployed forwarders
differ (unpadded base64, integers written as floats, absent optional fields) and raises only
``MalformedFrame``.
"""

import binascii
import re
from enum import IntEnum
from typing import Any

import msgspec

from router.lorawan.errors import InvalidField, MalformedFrame

LORA = "LORA"
FSK = "FSK"
LR_FHSS = "LR-FHSS"

JsonObject = dict[str, Any]

_LORA_DATR = re.compile(r"SF(\d{1,2})BW(\d{1,4}(?:\.\d+)?)", re.ASCII)
_LR_FHSS_DATR = re.compile(r"M0CW(\d{1,4}(?:\.\d+)?)", re.ASCII)
_CODING_RATE = re.compile(r"\d/\d(?:LI)?", re.ASCII)
_MAX_NUMBER = 1 << 63  # nothing in these objects is larger, and infinity is no number
_MAX_FREQUENCY_HZ = 0xFFFF_FFFF


class CrcStatus(IntEnum):
    """rxpk ``stat``: what the concentrator says about the physical CRC."""

    OK = 1
    NONE = 0
    BAD = -1


class DataRateFields(msgspec.Struct, frozen=True, gc=False):
    """Modulation and its parameters; those of the other modulations stay None.

    LORA: ``spreading_factor``, ``bandwidth_hz``. FSK: ``bitrate_bps``. LR-FHSS: ``channel_width_hz``.
    """

    modulation: str = LORA
    spreading_factor: int | None = None
    bandwidth_hz: int | None = None
    bitrate_bps: int | None = None
    channel_width_hz: int | None = None


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


# --- reading single fields ---------------------------------------------------------------------------------


def _get_number(json: JsonObject, name: str) -> float | None:
    value = json.get(name)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -_MAX_NUMBER < value < _MAX_NUMBER
    ):
        raise MalformedFrame(f"gwmp_{name}", f"{value!r} is no number")
    return value


def _get_int(json: JsonObject, name: str, low: int, high: int) -> int | None:
    value = _get_number(json, name)
    if value is None:
        return None
    if value != int(value) or not low <= value <= high:
        raise MalformedFrame(f"gwmp_{name}", f"{value!r} is no integer from {low} to {high}")
    return int(value)


def _get_text(json: JsonObject, name: str) -> str | None:
    value = json.get(name)
    if value is None or isinstance(value, str):
        return value
    raise MalformedFrame(f"gwmp_{name}", f"{value!r} is no text")


def _get_flag(json: JsonObject, name: str) -> bool | None:
    value = json.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise MalformedFrame(f"gwmp_{name}", f"{value!r} is neither true nor false")


def _get_meta(json: JsonObject) -> JsonObject:
    meta = json.get("meta")
    return meta if isinstance(meta, dict) else {}


def _require(json: JsonObject, name: str, value: int | float | str | None) -> Any:
    if value is None:
        raise MalformedFrame(f"gwmp_{name}", f"{name} is missing")
    return value


def _get_frequency_hz(json: JsonObject) -> int:
    megahertz = float(_require(json, "freq", _get_number(json, "freq")))
    if not 0 < megahertz * 1e6 <= _MAX_FREQUENCY_HZ:
        raise MalformedFrame("gwmp_freq", f"{megahertz!r} MHz is no radio frequency")
    return round(megahertz * 1e6)


def _get_phy_payload(json: JsonObject) -> bytes:
    text = str(_require(json, "data", _get_text(json, "data"))).rstrip("=")
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedFrame("gwmp_data", f"no base64 ({error})") from None
    if len(data) > 255:
        raise MalformedFrame("gwmp_data", f"{len(data)} bytes; a LoRa packet carries at most 255")
    return data


def parse_datr(datr: object, modulation: str | None) -> DataRateFields:
    """ "SF7BW125", bits per second, or "M0CW137"; ``modulation`` is ``modu`` and may be absent."""
    if isinstance(datr, str):
        if (lora := _LORA_DATR.fullmatch(datr)) and modulation in (LORA, None):
            spreading_factor = int(lora[1])
            bandwidth_hz = round(float(lora[2]) * 1000)
            if 5 <= spreading_factor <= 12 and bandwidth_hz > 0:
                return DataRateFields(LORA, spreading_factor=spreading_factor, bandwidth_hz=bandwidth_hz)
        elif (fhss := _LR_FHSS_DATR.fullmatch(datr)) and modulation in (LR_FHSS, None):
            return DataRateFields(LR_FHSS, channel_width_hz=round(float(fhss[1]) * 1000))
    elif (
        isinstance(datr, int | float)
        and not isinstance(datr, bool)
        and modulation in (FSK, None)
        and 0 < datr <= 10_000_000
        and datr == int(datr)
    ):
        return DataRateFields(FSK, bitrate_bps=int(datr))
    raise MalformedFrame("gwmp_datr", f"{datr!r} with modulation {modulation!r} names no data rate")


def format_datr(data_rate: DataRateFields) -> str | int:
    """The inverse of ``parse_datr``."""
    if data_rate.modulation == LORA and data_rate.spreading_factor and data_rate.bandwidth_hz:
        return f"SF{data_rate.spreading_factor}BW{_kilohertz(data_rate.bandwidth_hz)}"
    if data_rate.modulation == FSK and data_rate.bitrate_bps:
        return data_rate.bitrate_bps
    if data_rate.modulation == LR_FHSS and data_rate.channel_width_hz:
        return f"M0CW{_kilohertz(data_rate.channel_width_hz)}"
    raise InvalidField("data_rate", f"{data_rate!r} lacks the parameters of its modulation")


def _kilohertz(hertz: int) -> str:
    return f"{hertz / 1000:g}"


def _get_coding_rate(json: JsonObject) -> str | None:
    codr = _get_text(json, "codr")
    # "OFF" and the like come from FSK packets
    return codr if codr is not None and _CODING_RATE.fullmatch(codr) else None


def _without_none(json: JsonObject) -> JsonObject:
    return {name: value for name, value in json.items() if value is not None}


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


# --- rxpk --------------------------------------------------------------------------------------------------


def parse_rxpk(json: object) -> Rxpk:
    """One element of the ``rxpk`` array."""
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_rxpk", f"{type(json).__name__} instead of an object")
    stat = _get_int(json, "stat", -1, 1)
    return Rxpk(
        phy_payload=_get_phy_payload(json),
        frequency_hz=_get_frequency_hz(json),
        data_rate=parse_datr(json.get("datr"), _get_text(json, "modu")),
        crc=CrcStatus.OK if stat is None else CrcStatus(stat),
        coding_rate=_get_coding_rate(json),
        tmst_us=_get_int(json, "tmst", 0, 0xFFFF_FFFF),
        time=_get_text(json, "time"),
        gps_time_ms=_get_int(json, "tmms", 0, 1 << 62),
        fine_time_ns=_get_int(json, "ftime", 0, 999_999_999),
        rssi_dbm=_get_number(json, "rssi") or 0.0,
        signal_rssi_dbm=_get_number(json, "rssis"),
        snr_db=_get_number(json, "lsnr"),
        frequency_offset_hz=_get_int(json, "foff", -(1 << 31), 1 << 31),
        channel=_get_int(json, "chan", 0, 0xFFFF_FFFF) or 0,
        rf_chain=_get_int(json, "rfch", 0, 0xFFFF_FFFF) or 0,
        board=_get_int(json, "brd", 0, 0xFFFF_FFFF) or 0,
        modem_id=_get_int(json, "mid", 0, 0xFFFF_FFFF),
        grid_steps=_get_int(json, "hpw", 0, 0xFFFF_FFFF),
        aes_key_index=_get_int(json, "aesk", 0, 0xFFFF_FFFF),
        signals=_parse_rsig(json.get("rsig")),
        meta=_get_meta(json),
    )


def _parse_rsig(rsig: object) -> tuple[AntennaSignal, ...]:
    if rsig is None:
        return ()
    if not isinstance(rsig, list) or not all(isinstance(entry, dict) for entry in rsig):
        raise MalformedFrame("gwmp_rsig", "no array of objects")
    return tuple(
        AntennaSignal(
            antenna=_get_int(entry, "ant", 0, 0xFFFF_FFFF) or 0,
            channel=_get_int(entry, "chan", 0, 0xFFFF_FFFF) or 0,
            rssi_dbm=_get_number(entry, "rssic") or 0.0,
            snr_db=_get_number(entry, "lsnr"),
            encrypted_fine_time=_get_text(entry, "etime"),
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
        "data": _base64(rxpk.phy_payload),
    }
    return _without_none(json)


def _encode_signal(signal: AntennaSignal) -> JsonObject:
    json = {
        "ant": signal.antenna,
        "chan": signal.channel,
        "rssic": _plain_number(signal.rssi_dbm),
        "lsnr": signal.snr_db,
        "etime": signal.encrypted_fine_time,
    }
    return _without_none(json)


def _plain_number(value: float | None) -> float | int | None:
    # forwarders write whole dBm without a decimal point, and some servers insist
    return int(value) if value is not None and value == int(value) else value


# --- stat --------------------------------------------------------------------------------------------------


def parse_stat(json: object) -> Stat:
    """The ``stat`` object."""
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_stat", f"{type(json).__name__} instead of an object")
    return Stat(
        time=_get_text(json, "time"),
        latitude=_get_number(json, "lati"),
        longitude=_get_number(json, "long"),
        altitude_m=_get_number(json, "alti"),
        rx_received=_get_int(json, "rxnb", 0, 0xFFFF_FFFF),
        rx_ok=_get_int(json, "rxok", 0, 0xFFFF_FFFF),
        rx_forwarded=_get_int(json, "rxfw", 0, 0xFFFF_FFFF),
        acknowledged_percent=_get_number(json, "ackr"),
        tx_received=_get_int(json, "dwnb", 0, 0xFFFF_FFFF),
        tx_emitted=_get_int(json, "txnb", 0, 0xFFFF_FFFF),
        temperature_c=_get_number(json, "temp"),
        meta=_get_meta(json),
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
    return _without_none(json)


# --- txpk --------------------------------------------------------------------------------------------------


def parse_txpk(json: object) -> Txpk:
    """The ``txpk`` object of a PULL_RESP."""
    if not isinstance(json, dict):
        raise MalformedFrame("gwmp_txpk", f"{type(json).__name__} instead of an object")
    power = _get_number(json, "powe")
    return Txpk(
        phy_payload=_get_phy_payload(json),
        frequency_hz=_get_frequency_hz(json),
        data_rate=parse_datr(json.get("datr"), _get_text(json, "modu")),
        power_dbm=round(power) if power is not None else 0,
        is_immediate=_get_flag(json, "imme") or False,
        tmst_us=_get_int(json, "tmst", 0, 0xFFFF_FFFF),
        gps_time_ms=_get_int(json, "tmms", 0, 1 << 62),
        coding_rate=_get_coding_rate(json),
        invert_polarization=_get_flag(json, "ipol") or False,
        frequency_deviation_hz=_get_int(json, "fdev", 0, 0xFFFF_FFFF),
        preamble_symbols=_get_int(json, "prea", 0, 0xFFFF),
        no_crc=_get_flag(json, "ncrc"),
        rf_chain=_get_int(json, "rfch", 0, 0xFF) or 0,
        antenna=_get_int(json, "ant", 0, 0xFF) or 0,
        board=_get_int(json, "brd", 0, 0xFF) or 0,
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
        "data": _base64(txpk.phy_payload),
    }
    return _without_none(json)
