"""Frozen values that are laid out as bits of one little endian number: the payloads of MAC commands.

A field's place is its annotation: ``data_rate: Annotated[int, Uint(4, 4)]`` is four bits from bit 4 on.
Bits that no field names are RFU: written as 0, ignored when read.
"""

from typing import Any, ClassVar, Self, get_type_hints

import msgspec

from router.lorawan.errors import InvalidField, MalformedFrame


class Uint(msgspec.Struct, frozen=True):
    """``width`` bits from bit ``start`` on, unsigned; ``offset`` is added when read."""

    start: int
    width: int
    offset: int = 0

    def pack(self, name: str, value: Any) -> int:
        raw = int(value) - self.offset
        if not 0 <= raw < 1 << self.width:
            raise InvalidField(name, f"{value} does not fit into {self.width} bits")
        return raw << self.start

    def unpack(self, bits: int) -> Any:
        return (bits >> self.start & ((1 << self.width) - 1)) + self.offset


class Flag(msgspec.Struct, frozen=True):
    """One bit."""

    start: int

    def pack(self, name: str, value: Any) -> int:
        return bool(value) << self.start

    def unpack(self, bits: int) -> Any:
        return bool(bits >> self.start & 1)


class Signed(msgspec.Struct, frozen=True):
    """``width`` bits, two's complement."""

    start: int
    width: int

    def pack(self, name: str, value: Any) -> int:
        if not -(1 << self.width - 1) <= value < 1 << self.width - 1:
            raise InvalidField(name, f"{value} does not fit into {self.width} signed bits")
        return (int(value) & ((1 << self.width) - 1)) << self.start

    def unpack(self, bits: int) -> Any:
        raw = bits >> self.start & ((1 << self.width) - 1)
        return raw - (1 << self.width) if raw >> self.width - 1 else raw


class Negative(msgspec.Struct, frozen=True):
    """``width`` bits that count down from ``highest``: signal strengths of TS011."""

    start: int
    width: int
    highest: int

    def pack(self, name: str, value: Any) -> int:
        if not 0 <= self.highest - value < 1 << self.width:
            raise InvalidField(
                name, f"{value} is above {self.highest} or does not fit into {self.width} bits"
            )
        return int(self.highest - value) << self.start

    def unpack(self, bits: int) -> Any:
        return self.highest - (bits >> self.start & ((1 << self.width) - 1))


class Frequency(msgspec.Struct, frozen=True):
    """24 bits: hertz / 100 below 1.2 GHz, hertz / 200 above (2.4 GHz regions); 0 means none."""

    start: int

    def pack(self, name: str, value: Any) -> int:
        return encode_frequency(name, value) << self.start

    def unpack(self, bits: int) -> Any:
        return decode_frequency(bits >> self.start & 0xFF_FFFF)


class Octets(msgspec.Struct, frozen=True):
    """``size`` bytes from bit ``start`` on; addresses are reversed into the written order, keys are not."""

    start: int
    size: int
    is_reversed: bool = False

    def pack(self, name: str, value: Any) -> int:
        if len(value) != self.size:
            raise InvalidField(name, f"{len(value)} bytes; {self.size} expected")
        return int.from_bytes(value, "big" if self.is_reversed else "little") << self.start

    def unpack(self, bits: int) -> Any:
        raw = bits >> self.start & ((1 << 8 * self.size) - 1)
        return raw.to_bytes(self.size, "big" if self.is_reversed else "little")


_SCALE_SWITCH = 12_000_000


def encode_frequency(name: str, frequency_hz: int) -> int:
    """The 24-bit number for ``frequency_hz`` in CFList and MAC commands. Raises ``InvalidField``."""
    step = 100 if frequency_hz < _SCALE_SWITCH * 100 else 200
    raw, rest = divmod(frequency_hz, step)
    if rest or not 0 <= raw <= 0xFF_FFFF or (step == 200 and raw < _SCALE_SWITCH):
        raise InvalidField(name, f"{frequency_hz} Hz cannot be written in 24 bits of 100 or 200 Hz")
    return raw


def decode_frequency(raw: int) -> int:
    """Hertz from the 24-bit number; the inverse of ``encode_frequency``."""
    return raw * (100 if raw < _SCALE_SWITCH else 200)


class BitStruct(msgspec.Struct, frozen=True, gc=False):
    """Base of values whose fields are annotated with their bits; ``size`` is the length in bytes."""

    size: ClassVar[int] = 0

    def encode(self) -> bytes:
        bits = 0
        for name, field in get_fields(type(self)):
            bits |= field.pack(name, getattr(self, name))
        return bits.to_bytes(self.size, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) != cls.size:
            raise MalformedFrame("payload_length", f"{len(data)} bytes; {cls.__name__} has {cls.size}")
        bits = int.from_bytes(data, "little")
        return cls(**{name: field.unpack(bits) for name, field in get_fields(cls)})


_FIELDS: dict[type, tuple[tuple[str, Any], ...]] = {}


def get_fields(cls: type[BitStruct]) -> tuple[tuple[str, Any], ...]:
    """``(name, place)`` of each field of ``cls``, in the order of declaration."""
    if cls not in _FIELDS:
        hints = get_type_hints(cls, include_extras=True)
        _FIELDS[cls] = tuple((name, hints[name].__metadata__[0]) for name in cls.__struct_fields__)
    return _FIELDS[cls]
