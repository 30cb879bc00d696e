"""What a transmitter radiates and what of it arrives at one receiver, as frozen values and as JSON
objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

from hardware.lora.airtime import compute_time_on_air_us

_get_time_on_air_us = lru_cache(1024)(compute_time_on_air_us)


@dataclass(frozen=True, slots=True)
class Emission:
    """One LoRa frame on the air."""

    emission_id: int
    """Counts up per transmitter, from a start that differs from run to run."""
    start_us: int
    """CLOCK_MONOTONIC of the first chip of the preamble."""
    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int
    coding_rate: int
    """Denominator of 4/5..4/8."""
    preamble_symbols: int
    invert_iq: bool
    sync_word: int
    explicit_header: bool
    crc: bool
    low_data_rate: bool
    power_cdbm: int
    """At the antenna connector, dBm x 100."""
    payload: bytes

    @property
    def time_on_air_us(self) -> int:
        return _get_time_on_air_us(
            len(self.payload),
            self.spreading_factor,
            self.bandwidth_hz,
            self.coding_rate,
            self.preamble_symbols,
            self.explicit_header,
            self.crc,
            self.low_data_rate,
        )

    @property
    def end_us(self) -> int:
        return self.start_us + self.time_on_air_us

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "payload": self.payload.hex()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Emission:
        """Read and check one. Raises ValueError naming the field that is missing or out of range."""
        return _read_emission(value)


@dataclass(frozen=True, slots=True)
class Signal:
    """An emission as it arrives at one receiver's antenna connector."""

    emission: Emission
    transmitter: str
    """The node's name."""
    rssi_cdbm: int
    """dBm x 100."""
    cut_us: int | None = None
    """When the transmitter broke off, None if it went on to the end."""

    @property
    def key(self) -> tuple[str, int]:
        return (self.transmitter, self.emission.emission_id)

    @property
    def end_us(self) -> int:
        end_us = self.emission.end_us
        return end_us if self.cut_us is None else min(end_us, self.cut_us)


_LIMITS: dict[str, tuple[int, int]] = {
    "emission_id": (0, 2**63),
    "start_us": (0, 2**62),
    "frequency_hz": (100_000_000, 3_000_000_000),
    "spreading_factor": (5, 12),
    "bandwidth_hz": (7_000, 2_000_000),
    "coding_rate": (5, 8),
    "preamble_symbols": (0, 65_535),
    "sync_word": (0, 255),
    "power_cdbm": (-10_000, 4_000),
}
_FLAGS = ("invert_iq", "explicit_header", "crc", "low_data_rate")
_FIELDS = tuple(field.name for field in fields(Emission))


def _read_emission(value: Mapping[str, Any]) -> Emission:
    missing = [name for name in _FIELDS if name not in value]
    if missing:
        raise ValueError(f"emission without {missing[0]}")
    for name, (lowest, highest) in _LIMITS.items():
        number = value[name]
        if type(number) is not int or not lowest <= number <= highest:
            raise ValueError(f"emission's {name} {str(number)[:40]} is no integer from {lowest} to {highest}")
    for name in _FLAGS:
        if type(value[name]) is not bool:
            raise ValueError(f"emission's {name} {str(value[name])[:40]} is neither true nor false")
    text = value["payload"]
    try:
        payload = bytes.fromhex(text)
    except (TypeError, ValueError):
        raise ValueError("emission's payload is not hex") from None
    if not 1 <= len(payload) <= 255:
        raise ValueError(f"emission's payload has {len(payload)} bytes, a frame has 1 to 255")
    return Emission(**{name: value[name] for name in _FIELDS if name != "payload"}, payload=payload)
