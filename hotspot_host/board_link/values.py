"""What passes between a host and its board, as frozen values.

Ticks are the board's microsecond counter modulo 2**32: a packet's is the end of its last symbol, a
transmission's the start of its first preamble symbol.
"""

from dataclasses import dataclass

SYNC_WORD_PUBLIC = 0x34  # LoRaWAN and Helium; 0x12 is private


class BoardError(Exception):
    """The board can't do it; the text says what and why."""


class LinkDown(BoardError):
    """There is no link to the board now; it is being re-established."""


class RequestRefused(BoardError):
    """The board answered no; ``reason`` is one of ``firmware.link.RESULT_NAMES``."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class TransmitRefused(RequestRefused):
    """Not transmitted: ``reason`` is too_late, too_early, collision, radio_failed or invalid."""


@dataclass(frozen=True)
class Hello:
    """Who answers: ``boot_id`` is another after each boot; ``capabilities`` as ``firmware.link.CAN_*``."""

    firmware_version: str
    board: str
    radio: str
    radio_ok: bool
    capabilities: int
    boot_id: int
    tick_width_bits: int
    ring_slots: int


@dataclass(frozen=True)
class ReceiveConfig:
    """What the board listens to when nothing else is asked of it."""

    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int = 125_000
    coding_rate: int = 5
    sync_word: int = SYNC_WORD_PUBLIC
    invert_iq: bool = False


@dataclass(frozen=True)
class ListenWindow:
    """A rendezvous: listen elsewhere from ``start_tick`` for ``duration_us``, then return to the home
    config.
    """

    start_tick: int
    duration_us: int
    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int = 125_000
    invert_iq: bool = False
    coding_rate: int = 5
    sync_word: int = SYNC_WORD_PUBLIC


@dataclass(frozen=True)
class TransmitRequest:
    """A transmission at ``tick`` (None: at once). ``coding_rate`` 5..8 is 4/5..4/8; payload 1..255 bytes."""

    tick: int | None
    frequency_hz: int
    spreading_factor: int
    payload: bytes
    bandwidth_hz: int = 125_000
    coding_rate: int = 5
    power_dbm: int = 14
    invert_iq: bool = True
    crc: bool = False
    preamble_symbols: int = 8
    sync_word: int = SYNC_WORD_PUBLIC


@dataclass(frozen=True)
class TransmitResult:
    """It went out; the tick is the one at which it began."""

    tick_started: int


@dataclass(frozen=True)
class ReceivedPacket:
    """A packet from the air, good or not. ``packet_id`` is unique over boots (boot id and the board's
    counter).
    """

    packet_id: int
    tick: int
    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int
    coding_rate: int
    rssi_dbm: int
    snr_db_x4: int
    frequency_error_hz: int
    crc_ok: bool
    has_crc: bool
    payload: bytes


@dataclass(frozen=True)
class TickFix:
    """The board's tick at a moment of this host's ``time.monotonic_ns() // 1000``, give or take
    ``error_us``.
    """

    tick: int
    host_monotonic_us: int
    error_us: int


@dataclass(frozen=True)
class BoardStatus:
    """The board's counters since it booted (``firmware.link.STATUS_FIELDS``)."""

    uptime_s: int
    packets_received: int
    packets_crc_bad: int
    packets_dropped: int
    packets_unacknowledged: int
    transmissions: int
    transmissions_refused: int
    transmission_latest_us: int
    radio_resets: int
    frames_bad: int
    loop_slowest_us: int
    heap_free_bytes: int


@dataclass(frozen=True)
class LinkEvent:
    """The link came up or went down. ``rebooted``: it came up on another boot of the board than before."""

    up: bool
    text: str
    rebooted: bool = False
