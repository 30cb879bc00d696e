"""Pacing of one stream: how long to wait before the next packet is read. Pure: time comes in."""

from __future__ import annotations


class TokenBucket:
    """`rate_per_s` packets a second in the long run, `burst` at once. A hotspot that is faster is read
    slower: its packets wait in its own durable spool, none is thrown away.
    """

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._tokens = float(burst)
        self._at_s: float | None = None

    def take(self, now_s: float) -> float:
        """Take one token; returns the seconds to wait before going on (0: none)."""
        if self._at_s is not None:
            self._tokens = min(self.burst, self._tokens + max(0.0, now_s - self._at_s) * self.rate_per_s)
        self._at_s = now_s
        self._tokens -= 1
        return 0.0 if self._tokens >= 0 else -self._tokens / self.rate_per_s
