"""What the forwarder needs of a radio: the board and each concentrator give it in their own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from hardware.lora.modulation import DataRate

Refusal = Literal["too_late", "too_early", "collision", "radio_failed"]


class RadioRefused(Exception):
    """The radio didn't transmit. ``maybe_sent``: it is unknown whether it did (no answer came)."""

    def __init__(self, reason: Refusal, text: str, maybe_sent: bool = False) -> None:
        super().__init__(text)
        self.reason: Refusal = reason
        self.maybe_sent = maybe_sent


@dataclass(frozen=True)
class Downlink:
    """A transmission with inverted IQ and without CRC, as devices expect it. ``tick`` None: at once."""

    payload: bytes
    tick: int | None
    frequency_hz: int
    data_rate: DataRate
    power_dbm: int


class Radio(Protocol):
    """A transmitter."""

    @property
    def name(self) -> str:
        """Its name in the airtime ledger."""
        ...

    def get_tick(self) -> int | None:
        """The radio's counter now, None where that isn't known."""
        ...

    async def send(self, downlink: Downlink) -> None:
        """Return once it is on its way (or over). RadioRefused otherwise."""
        ...
