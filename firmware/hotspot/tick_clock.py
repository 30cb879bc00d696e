# time.ticks_us() counts modulo 2**30 (17.9 minutes); hosts and LoRaWAN's tmst want 2**32. Two bits above
# it, counted here.

import time


class TickClock:
    def __init__(self):
        self._last_us = time.ticks_us()
        self._high = 0
        self._part_us = 0
        self.uptime_s = 0

    def update(self):
        # To be called at least every 500 s, and before extend(); returns time.ticks_us().
        now_us = time.ticks_us()
        if now_us < self._last_us:
            self._high = (self._high + 1) & 3
        self._part_us += time.ticks_diff(now_us, self._last_us)
        self._last_us = now_us
        while self._part_us >= 1_000_000:
            self._part_us -= 1_000_000
            self.uptime_s += 1
        return now_us

    def extend(self, ticks_us):
        # A stamp of the last few minutes as a 32-bit tick: one above "now" was taken before the counter
        # wrapped.
        high = self._high if ticks_us <= self._last_us else (self._high - 1) & 3
        return high << 30 | ticks_us

    def get_tick(self):
        return self.extend(self.update())

    def compute_ahead_us(self, tick):
        # From now to that 32-bit tick; negative: it has passed.
        return ((tick - self.get_tick() + 0x80000000) & 0xFFFFFFFF) - 0x80000000
