"""The GPS receiver: NMEA 0183 sentences once a second from where the walk is."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from hardware.virtual.board.scheduler import Scheduler
from hardware.virtual.board.walk import Fix, Walk, compute_fix

KNOTS_PER_MPS = 1.943844
ALTITUDE_M = 0.0


def compute_nmea(fix: Fix, time_s: float) -> bytes:
    """A GGA and an RMC sentence (NMEA 0183; minutes with four decimals: 0.2 m)."""
    instant = datetime.fromtimestamp(time_s, UTC)
    clock = instant.strftime("%H%M%S.00")
    place = f"{_format_angle(fix.lat, 2, 'NS')},{_format_angle(fix.lng, 3, 'EW')}"
    position = f"GPGGA,{clock},{place},1,08,1.0,{ALTITUDE_M:.1f},M,0.0,M,,"
    motion = f"{fix.speed_mps * KNOTS_PER_MPS:.2f},{fix.course_deg:.1f},{instant.strftime('%d%m%y')}"
    minimum = f"GPRMC,{clock},A,{place},{motion},,,A"
    return _frame(position) + _frame(minimum)


class Gps:
    """Sends sentences at each full second to ``send`` and tells ``moved`` where the board is now."""

    def __init__(
        self,
        scheduler: Scheduler,
        walk: Walk,
        send: Callable[[bytes], None],
        moved: Callable[[float, float], None],
    ) -> None:
        self._scheduler = scheduler
        self._walk = walk
        self._send = send
        self._moved = moved
        self._tick()

    def _tick(self) -> None:
        now_s = time.time()
        fix = compute_fix(self._walk, now_s)
        self._moved(fix.lat, fix.lng)
        self._send(compute_nmea(fix, now_s))
        until_next_us = round((1 - now_s % 1) * 1e6)
        self._scheduler.call_at(self._scheduler.now_us() + until_next_us, self._tick)


def _format_angle(degrees: float, width: int, signs: str) -> str:
    ten_thousandths = round(abs(degrees) * 60 * 10_000)
    whole, rest = divmod(ten_thousandths, 60 * 10_000)
    return f"{whole:0{width}d}{rest / 10_000:07.4f},{signs[0] if degrees >= 0 else signs[1]}"


def _frame(body: str) -> bytes:
    checksum = 0
    for byte in body.encode():
        checksum ^= byte
    return f"${body}*{checksum:02X}\r\n".encode()
