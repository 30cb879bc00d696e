"""The op mac_command: neutral names of commands and fields to the names of ``router.lorawan``."""

from typing import Any

from router.lorawan.bit_fields import Flag, get_fields
from router.lorawan.frames import Direction
from router.lorawan.mac_command_stream import COMMAND_BY_NAME, decode_mac_command, encode_mac_command
from router.lorawan.mac_commands import CLASS_A, CLASS_C, MacCommand
from router.lorawan.relay_mac_commands import FilterListReq
from tests.vectors.outcomes import Mismatch, Unsupported

Fields = dict[str, Any]

_COMMANDS = {name.casefold(): cls for name, cls in COMMAND_BY_NAME.items()}

#: Names that differ by more than abbreviation.
_RENAMED = {
    ("RxParamSetupReq", "frequency"): "rx2_frequency_hz",
    ("FilterListReq", "idx"): "filter_index",
    ("FilterListReq", "filter_list_idx"): "filter_index",
    ("CtrlUplinkListReq", "idx"): "uplink_list_index",
    ("RejoinParamSetupReq", "max_time_n"): "max_time_exponent",
    ("RejoinParamSetupReq", "max_count_n"): "max_count_exponent",
    ("NotifyNewEndDeviceReq", "wor_snr"): "snr_db",
    ("NotifyNewEndDeviceReq", "wor_rssi"): "rssi_dbm",
}
_WORDS = {
    "ch": "channel",
    "freq": "frequency",
    "idx": "index",
    "dr": "data_rate",
    "gw": "gateway",
    "cnt": "count",
    "exp": "exponent",
    "req": "request",
    "len": "length",
    "fcnt": "f_count",
    "joinreq": "join_request",
}
_SUFFIXES = ("", "_hz", "_db", "_s", "_dbm", "_index", "_code")


def _expand(name: str) -> str:
    return "_".join(_WORDS.get(word, word) for word in name.split("_"))


def _find_field(cls: type[MacCommand], name: str, count: int) -> str:
    own = cls.__struct_fields__
    if (renamed := _RENAMED.get((cls.__name__, name))) is not None:
        return renamed
    for suffix in _SUFFIXES:
        for field in own:
            if _expand(field) == _expand(name) + suffix:
                return field
    if len(own) == count == 1:
        return own[0]
    raise Unsupported(f"field {name} of {cls.__name__}")


def _convert(value: Any) -> Any:
    if isinstance(value, list):
        return sum(bool(flag) << bit for bit, flag in enumerate(value))
    if value in ("A", "C"):
        return CLASS_A if value == "A" else CLASS_C
    if isinstance(value, str):
        return bytes.fromhex(value)
    return value


def mac_command(given: Fields, expected: Fields) -> Fields:
    cls = _COMMANDS.get(given["command"].casefold())
    if cls is None:
        raise Unsupported(given["command"])
    direction = Direction.DOWN if given["direction"] == "down" else Direction.UP
    if cls.direction is not direction:
        raise Mismatch(f"{cls.__name__} goes {cls.direction.name.lower()}")
    fields = {}
    for name, value in given["fields"].items():
        nested = value.items() if isinstance(value, dict) else ((name, value),)
        for inner, content in nested:
            fields[_find_field(cls, inner, len(given["fields"]))] = _convert(content)
    if cls is not FilterListReq:
        places = dict(get_fields(cls))
        fields = {name: bool(v) if _is_flag(places[name]) else v for name, v in fields.items()}
    command = cls(**fields)
    data = bytes.fromhex(expected["hex"])
    decoded = decode_mac_command(data, direction)
    if decoded != command:
        raise Mismatch(f"decoding gives {decoded}")
    return {"hex": encode_mac_command(command).hex()}


def _is_flag(place: object) -> bool:
    return isinstance(place, Flag)


OPS = {"mac_command": mac_command}
