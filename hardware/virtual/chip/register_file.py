"""The registers and the FIFO of an SX1276: pages, pointer, counters. No time, no modem."""

from __future__ import annotations

from hardware.virtual.chip import registers as reg
from hardware.virtual.chip.settings import ModemSettings, read_receive_settings, read_settings


class RegisterFile:
    """The memory behind the SPI interface, as after reset."""

    def __init__(self) -> None:
        self.shared = _make_page(reg.SHARED_RESET)
        self.lora = _make_page(reg.LORA_RESET)
        self.fsk = _make_page(reg.FSK_RESET)
        self.fifo = bytearray(256)
        self.write_pointer = 0
        """Where the receiver writes next in the FIFO."""

    @property
    def mode(self) -> int:
        """RegOpMode's mode bits: 0 Sleep .. 7 CAD."""
        return self.shared[reg.OP_MODE] & 7

    @mode.setter
    def mode(self, mode: int) -> None:
        self.shared[reg.OP_MODE] = self.shared[reg.OP_MODE] & ~7 | mode

    @property
    def mode_name(self) -> str:
        return reg.MODE_NAMES[self.mode]

    @property
    def is_lora(self) -> bool:
        return bool(self.shared[reg.OP_MODE] & reg.LONG_RANGE_MODE)

    @property
    def settings(self) -> ModemSettings:
        return read_settings(self.shared, self.lora)

    @property
    def receive_settings(self) -> ModemSettings:
        return read_receive_settings(self.shared, self.lora)

    def get_page(self, address: int) -> bytearray:
        """The page that an SPI access of this address reaches now."""
        if address not in reg.PAGED:
            return self.shared
        exposes_fsk = not self.is_lora or self.shared[reg.OP_MODE] & reg.ACCESS_SHARED_REG
        return self.fsk if exposes_fsk else self.lora

    def exchange_fifo(self, value: int | None) -> int:
        """One access of the FIFO port, a write unless `value` is None; the pointer moves on, modulo 256."""
        pointer = self.lora[reg.FIFO_ADDR_PTR]
        self.lora[reg.FIFO_ADDR_PTR] = (pointer + 1) & 0xFF
        old = self.fifo[pointer]
        if value is not None:
            self.fifo[pointer] = value
        return old

    def get_transmit_payload(self) -> bytes:
        base, length = self.lora[reg.FIFO_TX_BASE_ADDR], self.lora[reg.PAYLOAD_LENGTH]
        return bytes(self.fifo[(base + offset) & 0xFF] for offset in range(length))

    def put_packet(self, payload: bytes) -> None:
        """A received packet: after the one before, round the 256."""
        self.lora[reg.FIFO_RX_CURRENT_ADDR] = self.write_pointer
        for byte in payload:
            self.fifo[self.write_pointer] = byte
            self.write_pointer = (self.write_pointer + 1) & 0xFF
        self.lora[reg.RX_NB_BYTES] = len(payload)
        self.lora[reg.FIFO_RX_BYTE_ADDR] = (self.write_pointer - 1) & 0xFF

    def clear_counters(self) -> None:
        self.lora[reg.RX_HEADER_CNT_MSB : reg.RX_PACKET_CNT_LSB + 1] = bytes(4)

    def count_up(self, address: int) -> None:
        """Add one to the 16-bit counter at `address`."""
        count = (int.from_bytes(self.lora[address : address + 2], "big") + 1) & 0xFFFF
        self.lora[address : address + 2] = count.to_bytes(2, "big")

    def compute_dio_levels(self) -> list[int]:
        """Levels of DIO0..DIO5: flags that aren't masked, by the mapping."""
        mapping = self.shared[reg.DIO_MAPPING_1] << 8 | self.shared[reg.DIO_MAPPING_2]
        active = self.lora[reg.IRQ_FLAGS] & ~self.lora[reg.IRQ_FLAGS_MASK] if self.is_lora else 0
        levels = [int(bool(active & reg.DIO_FLAGS[n][mapping >> 14 - 2 * n & 3])) for n in range(4)]
        dio4, dio5 = mapping >> 6 & 3, mapping >> 4 & 3
        is_locked = self.mode >= reg.FSTX
        levels.append(int(bool(active & reg.CAD_DETECTED)) if dio4 == 0 else int(is_locked and dio4 != 3))
        levels.append(int(dio5 == 0 and self.is_lora and self.mode != reg.SLEEP))
        return levels


def _make_page(values: dict[int, int]) -> bytearray:
    page = bytearray(128)
    for address, value in values.items():
        page[address] = value
    return page
