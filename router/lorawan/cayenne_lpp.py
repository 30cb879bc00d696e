"""Cayenne Low Power Payload: a list of (channel, type, value) in few bytes, to and from a JSON-able dict.

Source: myDevices "Cayenne Low Power Payload" (IPSO object numbers less 3200). Names and shape of the dict are
those of ChirpStack v4's codec: ``{"temperatureSensor": {"1": 27.2}, "gpsLocation": {"2": {"latitude": 4}}}``.
The types from 100 on that ChirpStack lacks are those of the widespread Arduino library, named in the same
manner.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from router.lorawan.errors import InvalidField, MalformedFrame, describe


class Component(msgspec.Struct, frozen=True):
    """A big endian number of ``size`` bytes, in units of 1/``per_unit``. ``key`` is its name in a compound
    value.
    """

    size: int
    per_unit: int = 1
    is_signed: bool = False
    key: str = ""


class LppType(msgspec.Struct, frozen=True):
    """One data type: its number on air, its name in the dict, its one or three components."""

    number: int
    name: str
    components: tuple[Component, ...]

    @property
    def size(self) -> int:
        return sum(component.size for component in self.components)


def _xyz(per_unit: int) -> tuple[Component, ...]:
    return tuple(Component(2, per_unit, True, key) for key in ("x", "y", "z"))


TYPES = (
    LppType(0, "digitalInput", (Component(1),)),
    LppType(1, "digitalOutput", (Component(1),)),
    LppType(2, "analogInput", (Component(2, 100, True),)),
    LppType(3, "analogOutput", (Component(2, 100, True),)),
    LppType(100, "genericSensor", (Component(4),)),
    LppType(101, "illuminanceSensor", (Component(2),)),
    LppType(102, "presenceSensor", (Component(1),)),
    LppType(103, "temperatureSensor", (Component(2, 10, True),)),
    LppType(104, "humiditySensor", (Component(1, 2),)),
    LppType(113, "accelerometer", _xyz(1000)),
    LppType(115, "barometer", (Component(2, 10),)),
    LppType(116, "voltage", (Component(2, 100),)),
    LppType(117, "current", (Component(2, 1000),)),
    LppType(118, "frequency", (Component(4),)),
    LppType(120, "percentage", (Component(1),)),
    LppType(121, "altitude", (Component(2, 1, True),)),
    LppType(125, "concentration", (Component(2),)),
    LppType(128, "power", (Component(2),)),
    LppType(130, "distance", (Component(4, 1000),)),
    LppType(131, "energy", (Component(4, 1000),)),
    LppType(132, "direction", (Component(2),)),
    LppType(133, "unixTime", (Component(4),)),
    LppType(134, "gyrometer", _xyz(100)),
    LppType(
        136,
        "gpsLocation",
        (
            Component(3, 10_000, True, "latitude"),
            Component(3, 10_000, True, "longitude"),
            Component(3, 100, True, "altitude"),
        ),
    ),
    LppType(142, "switch", (Component(1),)),
)
_BY_NUMBER = {lpp_type.number: lpp_type for lpp_type in TYPES}
_BY_NAME = {lpp_type.name: lpp_type for lpp_type in TYPES}


def decode_cayenne_lpp(payload: bytes) -> dict[str, Any]:
    """``{name: {channel: value}}`` with channels as decimal text. Raises ``MalformedFrame``.

    A channel that occurs twice with one type keeps its last value.
    """
    decoded: dict[str, Any] = {}
    position = 0
    while position < len(payload):
        if len(payload) - position < 2:
            raise MalformedFrame("lpp_truncated", f"one byte left at {position}; channel and type need two")
        channel, number = payload[position], payload[position + 1]
        lpp_type = _BY_NUMBER.get(number)
        if lpp_type is None:
            raise MalformedFrame("lpp_type", f"unknown type {number} for channel {channel}")
        position += 2
        if len(payload) - position < lpp_type.size:
            raise MalformedFrame(
                "lpp_truncated",
                f"{lpp_type.name} needs {lpp_type.size} bytes, {len(payload) - position} are left",
            )
        values = []
        for component in lpp_type.components:
            raw = int.from_bytes(
                payload[position : position + component.size], "big", signed=component.is_signed
            )
            position += component.size
            values.append(raw if component.per_unit == 1 else raw / component.per_unit)
        keys = [component.key for component in lpp_type.components]
        value = values[0] if keys == [""] else dict(zip(keys, values, strict=True))
        decoded.setdefault(lpp_type.name, {})[str(channel)] = value
    return decoded


def encode_cayenne_lpp(values: Mapping[str, Any]) -> bytes:
    """The inverse of ``decode_cayenne_lpp``, ordered by type and channel. Raises ``InvalidField``.

    Values are rounded to the nearest step of their type; what does not fit is refused.
    """
    encoded = []
    for name, channels in values.items():
        lpp_type = _BY_NAME.get(name)
        if lpp_type is None:
            raise InvalidField("lpp_type", f"unknown name {describe(name)}; one of {', '.join(_BY_NAME)}")
        if not isinstance(channels, Mapping):
            raise InvalidField("lpp_channel", f"{name} needs an object of channels")
        for channel, value in channels.items():
            number = _parse_channel(name, channel)
            encoded.append((lpp_type.number, number, _encode_value(lpp_type, value)))
    encoded.sort(key=lambda entry: entry[:2])
    return b"".join(bytes((channel, number)) + data for number, channel, data in encoded)


def _parse_channel(name: str, channel: object) -> int:
    text = str(channel)
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise InvalidField("lpp_channel", f"{name}: {describe(channel)} is no channel from 0 to 255")
    return int(text)


def _encode_value(lpp_type: LppType, value: object) -> bytes:
    data = b""
    for component in lpp_type.components:
        part = value
        if component.key:
            part = value.get(component.key) if isinstance(value, Mapping) else None
        if isinstance(part, bool) and lpp_type.size == 1:
            part = int(part)  # digital inputs and switches are written so
        if isinstance(part, bool) or not isinstance(part, int | float) or part != part:
            raise InvalidField("lpp_value", f"{lpp_type.name}: {describe(part)} is no number")
        bits = 8 * component.size
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if component.is_signed else (0, (1 << bits) - 1)
        scaled = part * component.per_unit
        if not low - 0.5 <= scaled <= high + 0.5 or not low <= (raw := round(scaled)) <= high:
            raise InvalidField(
                "lpp_value", f"{lpp_type.name}: {describe(part)} does not fit into {bits} bits"
            )
        data += raw.to_bytes(component.size, "big", signed=component.is_signed)
    return data
