"""The law of airtime as a pure sliding-hour budget on frozen values.

A station may fill no more than the sub-band's share of *any* hour, also of the hours that end in
transmissions already planned for later. A transmission counts wholly as long as any part of it lies in the
hour, so the sum errs to the lawful side by at most one frame. Source: EN 300 220-1 (duty cycle over one
hour), RP002 (dwell time).

All times are microseconds of one clock that the caller chooses; an hour-long memory must survive a restart,
so it should be the wall clock.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass

from hardware.lora.region import Region, SubBand

WINDOW_US = 3_600_000_000

OK = "ok"
NO_SUB_BAND = "no_sub_band"
EIRP = "eirp"
DWELL_TIME = "dwell_time"
DUTY_CYCLE = "duty_cycle"


@dataclass(frozen=True, slots=True, order=True)
class Transmission:
    """One frame on the air: when it starts, microseconds, how long it takes, where."""

    start_us: int
    time_on_air_us: int
    frequency_hz: int

    @property
    def end_us(self) -> int:
        return self.start_us + self.time_on_air_us


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a transmission keeps the law; if not, why and when it would."""

    is_allowed: bool
    reason: str
    """"ok", or the rule it breaks: "no_sub_band", "eirp", "dwell_time", "duty_cycle"."""
    text: str
    """One sentence for a log or a person."""
    used_us: int = 0
    """Airtime of the fullest hour that the transmission would lie in, without itself."""
    budget_us: int = 0
    """Airtime that an hour of this sub-band has."""
    earliest_start_us: int | None = None
    """The earliest start that the duty cycle allows; None where waiting doesn't help."""


def compute_budget_us(sub_band: SubBand) -> int:
    """Airtime per hour in a sub-band, microseconds, rounded down."""
    return WINDOW_US * sub_band.duty_cycle_ppm // 1_000_000


@dataclass(frozen=True, slots=True)
class DutyCycle:
    """What one station has sent and will send in a region. Every method returns a new value."""

    region: Region
    transmissions: tuple[Transmission, ...] = ()
    """In order of their starts."""

    def add(self, *transmissions: Transmission) -> DutyCycle:
        """With these transmissions, lawful or not: what was sent was sent."""
        merged = list(self.transmissions)
        for transmission in transmissions:
            insort(merged, transmission)
        return DutyCycle(self.region, tuple(merged))

    def remove(self, transmission: Transmission) -> DutyCycle:
        """Without a planned transmission that didn't take place. Unknown ones are ignored."""
        kept = list(self.transmissions)
        if transmission in kept:
            kept.remove(transmission)
        return DutyCycle(self.region, tuple(kept))

    def prune(self, now_us: int) -> DutyCycle:
        """Without what no hour from now on can see any more."""
        return DutyCycle(
            self.region, tuple(sent for sent in self.transmissions if sent.end_us > now_us - WINDOW_US)
        )

    def compute_used_us(self, sub_band: SubBand, end_us: int) -> int:
        """Airtime in a sub-band within the hour that ends at `end_us`."""
        return _Totals(self._in_band(sub_band)).sum_us(end_us)

    def decide(self, transmission: Transmission, eirp_ddbm: int | None = None) -> Decision:
        """Whether this transmission keeps sub-band, power, dwell time and duty cycle; EIRP is dBm x 10."""
        region, frequency_hz = self.region, transmission.frequency_hz
        band = region.get_sub_band(frequency_hz)
        if band is None:
            text = f"{frequency_hz} Hz lies in no sub-band of {region.name}"
            return Decision(False, NO_SUB_BAND, text)
        if eirp_ddbm is not None and eirp_ddbm > band.max_eirp_ddbm:
            text = (
                f"an EIRP of {eirp_ddbm} (dBm x 10) is more than the {band.max_eirp_ddbm} "
                f"allowed at {frequency_hz} Hz"
            )
            return Decision(False, EIRP, text)
        if region.max_dwell_time_us and transmission.time_on_air_us > region.max_dwell_time_us:
            text = (
                f"{transmission.time_on_air_us} us on the air is longer than the dwell time of "
                f"{region.max_dwell_time_us} us in {region.name}"
            )
            return Decision(False, DWELL_TIME, text)
        budget_us = compute_budget_us(band)
        if band.duty_cycle_ppm >= 1_000_000:
            return Decision(True, OK, "no duty cycle in this sub-band", 0, budget_us, transmission.start_us)
        totals = _Totals(self._in_band(band))
        used_us = totals.fullest_us(transmission)
        if used_us + transmission.time_on_air_us <= budget_us:
            return Decision(True, OK, "within the duty cycle", used_us, budget_us, transmission.start_us)
        earliest_us = totals.find_start_us(transmission, budget_us)
        text = (
            f"the duty cycle of {band.start_hz}..{band.end_hz} Hz has {max(budget_us - used_us, 0)} us left "
            f"of {budget_us} us an hour, the frame needs {transmission.time_on_air_us} us"
        )
        return Decision(False, DUTY_CYCLE, text, used_us, budget_us, earliest_us)

    def _in_band(self, band: SubBand) -> list[Transmission]:
        return [sent for sent in self.transmissions if self.region.get_sub_band(sent.frequency_hz) == band]


class _Totals:
    """Prefix sums over the transmissions of one sub-band, to sum any hour in two look-ups."""

    def __init__(self, transmissions: Iterable[Transmission]) -> None:
        by_start = sorted(transmissions)
        by_end = sorted(by_start, key=lambda sent: sent.end_us)
        self.starts = [sent.start_us for sent in by_start]
        self.ends = [sent.end_us for sent in by_end]
        self._started = _sum_up(by_start)
        self._ended = _sum_up(by_end)

    def sum_us(self, end_us: int) -> int:
        """Airtime of all that have a part in [end_us - hour, end_us)."""
        started = self._started[bisect_left(self.starts, end_us)]
        return started - self._ended[bisect_right(self.ends, end_us - WINDOW_US)]

    def fullest_us(self, new: Transmission) -> int:
        """Airtime, without `new`, of the fullest hour that holds a part of it.

        Hours are fullest when they end just after a start: that of `new` or of one within an hour after it.
        """
        first = bisect_right(self.starts, new.start_us)
        last = bisect_left(self.starts, new.end_us + WINDOW_US - 1)
        ends = [new.start_us + 1, *(start + 1 for start in self.starts[first:last])]
        return max(self.sum_us(end) for end in ends)

    def find_start_us(self, new: Transmission, budget_us: int) -> int | None:
        """The earliest start from the wished one on that fits: whenever a transmission has left the hour."""
        if new.time_on_air_us > budget_us:
            return None
        for end_us in self.ends:
            start_us = end_us + WINDOW_US - 1
            if start_us <= new.start_us:
                continue
            moved = Transmission(start_us, new.time_on_air_us, new.frequency_hz)
            if self.fullest_us(moved) + new.time_on_air_us <= budget_us:
                return start_us
        return None


def _sum_up(transmissions: Iterable[Transmission]) -> list[int]:
    sums = [0]
    for sent in transmissions:
        sums.append(sums[-1] + sent.time_on_air_us)
    return sums
