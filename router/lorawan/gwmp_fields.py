"""Reading and writing the single fields of GWMP's JSON objects.

Source: Lora-net/packet_forwarder PROTOCOL.TXT v1.4. What deployed forwarders write differently is
understood; all else raises ``MalformedFrame`` with a rule named after the field, ``gwmp_freq``.
"""

import binascii
import re
from typing import Any

import msgspec

from router.lorawan.errors import InvalidField, MalformedFrame, describe

LORA = "LORA"
FSK = "FSK"
LR_FHSS = "LR-FHSS"

JsonObject = dict[str, Any]

MAX_META_ENTRIES = 32

_LORA_DATR = re.compile(r"SF(\d{1,2})BW(\d{1,4}(?:\.\d+)?)", re.ASCII)
_LR_FHSS_DATR = re.compile(r"M0CW(\d{1,4}(?:\.\d+)?)", re.ASCII)
_CODING_RATE = re.compile(r"\d/\d(?:LI)?", re.ASCII)
_MAX_NUMBER = 1 << 63  # nothing in these objects is larger, and infinity is no number
_MAX_FREQUENCY_HZ = 0xFFFF_FFFF


class DataRateFields(msgspec.Struct, frozen=True, gc=False):
    """Modulation and its parameters; those of the other modulations stay None.

    LORA: ``spreading_factor``, ``bandwidth_hz``. FSK: ``bitrate_bps``. LR-FHSS: ``channel_width_hz``.
    """

    modulation: str = LORA
    spreading_factor: int | None = None
    bandwidth_hz: int | None = None
    bitrate_bps: int | None = None
    channel_width_hz: int | None = None


def get_number(json: JsonObject, name: str) -> float | None:
    value = json.get(name)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -_MAX_NUMBER < value < _MAX_NUMBER
    ):
        raise MalformedFrame(f"gwmp_{name}", f"{describe(value)} is no number")
    return value


def get_int(json: JsonObject, name: str, low: int, high: int) -> int | None:
    value = get_number(json, name)
    if value is None:
        return None
    if value != int(value) or not low <= value <= high:
        raise MalformedFrame(f"gwmp_{name}", f"{describe(value)} is no integer from {low} to {high}")
    return int(value)


def get_text(json: JsonObject, name: str) -> str | None:
    value = json.get(name)
    if value is None or isinstance(value, str):
        return value
    raise MalformedFrame(f"gwmp_{name}", f"{describe(value)} is no text")


def get_flag(json: JsonObject, name: str) -> bool | None:
    value = json.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise MalformedFrame(f"gwmp_{name}", f"{describe(value)} is neither true nor false")


def get_meta(json: JsonObject) -> JsonObject:
    """Up to 32 plain values of ``meta``; what is nested is left out."""
    meta = json.get("meta")
    if not isinstance(meta, dict):
        return {}
    plain = [(name, value) for name, value in meta.items() if isinstance(value, str | int | float)]
    return dict(plain[:MAX_META_ENTRIES])


def _require(json: JsonObject, name: str, value: int | float | str | None) -> Any:
    if value is None:
        raise MalformedFrame(f"gwmp_{name}", f"{name} is missing")
    return value


def get_frequency_hz(json: JsonObject) -> int:
    megahertz = float(_require(json, "freq", get_number(json, "freq")))
    if not 0 < megahertz * 1e6 <= _MAX_FREQUENCY_HZ:
        raise MalformedFrame("gwmp_freq", f"{megahertz!r} MHz is no radio frequency")
    return round(megahertz * 1e6)


def get_phy_payload(json: JsonObject) -> bytes:
    text = str(_require(json, "data", get_text(json, "data"))).rstrip("=")
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
    raise MalformedFrame(
        "gwmp_datr", f"{describe(datr)} with modulation {describe(modulation)} names no data rate"
    )


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


def get_coding_rate(json: JsonObject) -> str | None:
    codr = get_text(json, "codr")
    # "OFF" and the like come from FSK packets
    return codr if codr is not None and _CODING_RATE.fullmatch(codr) else None


def without_none(json: JsonObject) -> JsonObject:
    return {name: value for name, value in json.items() if value is not None}


def encode_base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
