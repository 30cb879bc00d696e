"""SPI buses of the ESP32 and the one chip that is wired to them."""

from dataclasses import dataclass
from typing import Protocol

MAX_CHIP_BAUD_HZ = 10_000_000  # SX1276 datasheet


class SpiChip(Protocol):
    def spi_transfer(self, mosi: bytes) -> bytes: ...


@dataclass(frozen=True)
class SpiSettings:
    baud_hz: int
    mode: int  # polarity * 2 + phase
    bits: int
    is_lsb_first: bool
    pins: tuple[int, int, int]  # sck, mosi, miso


class SpiBuses:
    """Buses 1 and 2. A transfer reaches the chip only over its pins, in mode 0, with its select line low."""

    def __init__(self, chip: SpiChip, chip_pins: tuple[int, int, int]) -> None:
        self._chip = chip
        self._chip_pins = chip_pins
        self._settings: dict[int, SpiSettings] = {}
        self.is_selected = False

    def reset(self) -> None:
        self._settings.clear()

    def configure(self, bus: int, settings: SpiSettings) -> str:
        """Sets a bus up; the answer names what the chip couldn't take, empty if nothing."""
        self._settings[bus] = settings
        if settings.pins != self._chip_pins:
            return (
                f"SPI({bus}) on pins {settings.pins} reaches no chip: sck, mosi, miso are {self._chip_pins}"
            )
        if settings.mode != 0 or settings.bits != 8 or settings.is_lsb_first:
            return f"SPI({bus}): the chip speaks mode 0, 8 bits, MSB first"
        if settings.baud_hz > MAX_CHIP_BAUD_HZ:
            return f"SPI({bus}) at {settings.baud_hz} Hz: the chip takes up to {MAX_CHIP_BAUD_HZ}"
        return ""

    def transfer(self, bus: int, mosi: bytes) -> bytes:
        settings = self._settings.get(bus)
        wired = settings is not None and settings.pins == self._chip_pins and settings.mode == 0
        if not (wired and self.is_selected):
            return b"\xff" * len(mosi)  # nobody drives MISO
        return self._chip.spi_transfer(mosi)
