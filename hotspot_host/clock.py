"""The two clocks of a host: Unix time, which others share, and the steady one that board ticks are mapped
to.
"""

from __future__ import annotations

import time


def get_wall_us() -> int:
    """Unix time, microseconds."""
    return time.time_ns() // 1000


def get_wall_ms() -> int:
    """Unix time, milliseconds."""
    return time.time_ns() // 1_000_000


def get_monotonic_us() -> int:
    """``time.monotonic``, microseconds: never set back."""
    return time.monotonic_ns() // 1000
