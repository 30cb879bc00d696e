"""How many reports a hotspot may hand in, by a token bucket for each: bounded in rate and in memory."""

from collections import OrderedDict


class ReportRate:
    """Token buckets by key. A bucket holds ``burst`` claims and reports and refills at ``per_minute``.

    At most ``buckets`` keys are remembered; the one that has been quiet longest is forgotten for a new one,
    which at worst hands it a full bucket again.
    """

    def __init__(self, burst: int = 128, per_minute: int = 240, buckets: int = 10_000) -> None:
        self.burst = burst
        self.per_minute = per_minute
        self.buckets = buckets
        # Tokens x 60,000, so that a millisecond's refill is a whole number.
        self._levels: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def take(self, key: bytes, now_ms: int) -> bool:
        """Whether one more report fits now (milliseconds of any clock that doesn't run backwards much)."""
        full = self.burst * 60_000
        level, at_ms = self._levels.pop(key, (full, now_ms))
        level = min(full, level + max(now_ms - at_ms, 0) * self.per_minute)
        is_allowed = level >= 60_000
        if is_allowed:
            level -= 60_000
        self._levels[key] = (level, now_ms)
        if len(self._levels) > self.buckets:
            self._levels.popitem(last=False)
        return is_allowed
