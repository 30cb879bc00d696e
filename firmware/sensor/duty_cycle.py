# The device's own keeping of the duty cycle: after a transmission its sub-band stays silent for so long
# that the share on the air is kept at every moment (LoRaWAN 1.0.3, 7.2.1 of the regional parameters: Toff =
# ToA / duty cycle - ToA).

import time

from micropython import const

#: No silence lasts a day: a deadline further off passed half the millisecond counter ago (6 days).
_DAY_MS = const(86_400_000)


class DutyCycle:
    def __init__(self, region):
        self._region = region
        count = len(region.bands)
        # time.ticks_ms() at which each sub-band is free; the last is all of them together (DutyCycleReq).
        self._free_at_ms = [time.ticks_ms()] * (count + 1)
        self.most_share = 1  # 1 / duty cycle over all sub-bands

    def add(self, frequency_hz, air_us, share=0):
        # A transmission has ended. share: 1 / duty cycle to keep if that is stricter than the sub-band's
        # (joins).
        band = self._region.find_band(frequency_hz)
        self._hold(band, air_us * (max(self._region.bands[band][2], share) - 1))
        self._hold(len(self._free_at_ms) - 1, air_us * (self.most_share - 1))

    def _hold(self, index, us):
        self._free_at_ms[index] = time.ticks_add(time.ticks_ms(), (us + 999) // 1000)

    def compute_wait_ms(self, frequency_hz):
        band = self._region.find_band(frequency_hz)
        now_ms = time.ticks_ms()
        wait_ms = 0
        for index in (band, len(self._free_at_ms) - 1):
            left_ms = time.ticks_diff(self._free_at_ms[index], now_ms)
            if left_ms <= 0 or left_ms > _DAY_MS:
                self._free_at_ms[index] = now_ms
            elif left_ms > wait_ms:
                wait_ms = left_ms
        return wait_ms
