# A fixed set of deadlines in time.ticks_us(), none further away than 500 s.

import time


class Deadlines:
    def __init__(self, count):
        self._at_us = [0] * count
        self._armed = [False] * count

    def set(self, which, at_us):
        self._at_us[which] = at_us
        self._armed[which] = True

    def set_in_ms(self, which, ms):
        self.set(which, time.ticks_add(time.ticks_us(), ms * 1000))

    def clear(self, which):
        self._armed[which] = False

    def take(self, which):
        # True once, when it is due.
        if self._armed[which] and time.ticks_diff(self._at_us[which], time.ticks_us()) <= 0:
            self._armed[which] = False
            return True
        return False

    def compute_wait_ms(self, most_ms):
        # How long nothing is due: rounded down, so that a wait ends before the deadline, never after.
        now_us = time.ticks_us()
        wait_us = most_ms * 1000
        for which in range(len(self._at_us)):
            if self._armed[which]:
                left_us = time.ticks_diff(self._at_us[which], now_us)
                if left_us < wait_us:
                    wait_us = left_us
        return wait_us // 1000 if wait_us > 0 else 0
