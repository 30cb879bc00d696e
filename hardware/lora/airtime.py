"""Time on air of LoRa frames, exact, in integers.

Source: Semtech SX1276 data sheet rev 4, 4.1.1.7; SF5 (no SX1276 has it) by the SX1261 data sheet rev 2.1,
6.1.4.
"""

from __future__ import annotations

#: Symbols longer than this need low data rate optimisation (SX1276 data sheet 4.1.1.6).
LOW_DATA_RATE_SYMBOL_US = 16_000


def compute_symbol_time_us(spreading_factor: int, bandwidth_hz: int) -> int:
    """Duration of one symbol, microseconds, rounded up (exact at 125, 250 and 500 kHz)."""
    return -(-(1 << spreading_factor) * 1_000_000 // bandwidth_hz)


def is_low_data_rate(spreading_factor: int, bandwidth_hz: int) -> bool:
    """Whether the symbol is longer than 16 ms, so that both sides optimise for low data rate (SF11 and SF12
    at 125 kHz)."""
    return (1 << spreading_factor) * 1_000_000 > LOW_DATA_RATE_SYMBOL_US * bandwidth_hz


def compute_payload_symbols(
    payload_bytes: int,
    spreading_factor: int,
    coding_rate: int = 5,
    explicit_header: bool = True,
    crc: bool = True,
    low_data_rate_optimize: bool = False,
) -> int:
    """Symbols after the preamble: header, payload and CRC. `coding_rate` is the denominator of 4/5..4/8."""
    if not 0 <= payload_bytes <= 255:
        raise ValueError(f"a LoRa frame carries 0..255 bytes, not {payload_bytes}")
    if not 5 <= coding_rate <= 8:
        raise ValueError(f"coding rate 4/{coding_rate} is not one of 4/5..4/8")
    if not 5 <= spreading_factor <= 12:
        raise ValueError(f"spreading factor {spreading_factor} is not one of 5..12")
    bits = 8 * payload_bytes - 4 * spreading_factor + (16 if crc else 0) + (20 if explicit_header else 0)
    if spreading_factor > 5:
        bits += 8
    bits_per_block = 4 * (spreading_factor - (2 if low_data_rate_optimize else 0))
    blocks = -(-max(bits, 0) // bits_per_block)
    return 8 + blocks * coding_rate


def compute_time_on_air_us(
    payload_bytes: int,
    spreading_factor: int,
    bandwidth_hz: int,
    coding_rate: int = 5,
    preamble_symbols: int = 8,
    explicit_header: bool = True,
    crc: bool = True,
    low_data_rate_optimize: bool | None = None,
) -> int:
    """Duration of a frame on the air, microseconds, rounded up where a symbol is no whole number of them.

    `coding_rate` is the denominator of 4/5..4/8; `low_data_rate_optimize` None means as the symbol time
    demands. 51 bytes at SF8, 125 kHz: 184832 with CRC. Raises ValueError naming the parameter out of range.
    """
    if bandwidth_hz <= 0:
        raise ValueError(f"bandwidth {bandwidth_hz} Hz is not positive")
    if not 0 <= preamble_symbols <= 65535:
        raise ValueError(f"a preamble has 0..65535 symbols, not {preamble_symbols}")
    if low_data_rate_optimize is None:
        low_data_rate_optimize = is_low_data_rate(spreading_factor, bandwidth_hz)
    symbols = compute_payload_symbols(
        payload_bytes, spreading_factor, coding_rate, explicit_header, crc, low_data_rate_optimize
    )
    sync_quarters = 25 if spreading_factor == 5 else 17
    quarters = 4 * (preamble_symbols + symbols) + sync_quarters
    return -(-quarters * (1 << spreading_factor) * 1_000_000 // (4 * bandwidth_hz))


def compute_preamble_time_us(spreading_factor: int, bandwidth_hz: int, preamble_symbols: int = 8) -> int:
    """Duration of the preamble with its 4.25 sync symbols (6.25 at SF5), microseconds, rounded up."""
    quarters = 4 * preamble_symbols + (25 if spreading_factor == 5 else 17)
    return -(-quarters * (1 << spreading_factor) * 1_000_000 // (4 * bandwidth_hz))
