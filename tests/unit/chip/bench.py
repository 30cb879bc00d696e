"""A bench for chips: virtual time, an air in memory, and a driver that knows nothing but SPI bytes."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from hardware.virtual.chip.sx1276 import Sx1276
from hardware.virtual.ether.emission import Emission, Signal


class VirtualScheduler:
    """Timers in virtual time: `run_until` jumps from one to the next."""

    def __init__(self, now_us: int = 1_000_000) -> None:
        self._now_us = now_us
        self._order = itertools.count()
        self._timers: list[tuple[int, int, list[Callable[[], None]]]] = []

    def now_us(self) -> int:
        return self._now_us

    def call_at(self, at_us: int, call: Callable[[], None], /) -> list[Callable[[], None]]:
        handle = [call]
        heapq.heappush(self._timers, (max(at_us, self._now_us), next(self._order), handle))
        return handle

    def cancel(self, handle: list[Callable[[], None]], /) -> None:
        handle.clear()

    def run_until(self, end_us: int) -> None:
        while self._timers and self._timers[0][0] <= end_us:
            at_us, _, handle = heapq.heappop(self._timers)
            self._now_us = at_us
            for call in handle:
                call()
        self._now_us = end_us

    def run_for(self, duration_us: int) -> None:
        self.run_until(self._now_us + duration_us)


@dataclass
class Air:
    """Who hears whom how strong; each message takes `delay_us`."""

    scheduler: VirtualScheduler
    delay_us: int = 0
    losses_cdb: dict[tuple[str, str], int] = field(default_factory=dict)
    chips: dict[str, Sx1276] = field(default_factory=dict)
    emissions: list[tuple[str, Emission]] = field(default_factory=list)

    def deliver(self, name: str, emission: Emission, cut_us: int | None = None) -> None:
        for other, chip in self.chips.items():
            loss_cdb = self.losses_cdb.get((name, other), self.losses_cdb.get((other, name), 10_000))
            if other != name:
                signal = Signal(emission, name, emission.power_cdbm - loss_cdb, cut_us)
                at_us = self.scheduler.now_us() + self.delay_us
                self.scheduler.call_at(at_us, lambda chip=chip, signal=signal: chip.on_signal(signal))


@dataclass
class Antenna:
    """One chip's medium."""

    air: Air
    name: str

    def transmit(self, emission: Emission) -> None:
        self.air.emissions.append((self.name, emission))
        self.air.deliver(self.name, emission)

    def cut(self, emission_id: int, at_us: int) -> None:
        emission = next(one for _, one in self.air.emissions if one.emission_id == emission_id)
        self.air.deliver(self.name, emission, at_us)


class Driver:
    """Drives one chip by SPI bytes, as firmware does."""

    def __init__(self, air: Air, name: str, **options: object) -> None:
        self.scheduler = air.scheduler
        self.edges: list[tuple[int, int, int]] = []
        self.chip = Sx1276(
            air.scheduler,
            Antenna(air, name),
            random_seed=len(air.chips),
            on_dio=lambda number, level, at_us: self.edges.append((number, level, at_us)),
            **options,  # type: ignore[arg-type]
        )
        air.chips[name] = self.chip

    def transfer(self, data: bytes) -> bytes:
        self.chip.nss(0)
        answer = self.chip.spi_transfer(data)
        self.chip.nss(1)
        return answer

    def read(self, address: int) -> int:
        return self.transfer(bytes([address, 0]))[1]

    def write(self, address: int, *values: int) -> None:
        self.transfer(bytes([address | 0x80, *values]))

    def reset(self) -> None:
        self.chip.nreset(0)
        self.scheduler.run_for(1_000)
        self.chip.nreset(1)
        self.scheduler.run_for(6_000)

    def begin(
        self, *, factor: int = 7, bandwidth_code: int = 7, sync_word: int = 0x34, frf: int = 0xD90666
    ) -> None:
        """Reset, LoRa mode, 868.1 MHz, +14 dBm at PA_BOOST, CRC on; ends in Standby."""
        self.reset()
        self.write(0x01, 0x00)
        self.write(0x01, 0x80)
        self.write(0x01, 0x81)
        self.write(0x06, frf >> 16, frf >> 8 & 0xFF, frf & 0xFF)
        self.write(0x09, 0x80 | 12)
        self.write(0x0E, 0x00, 0x00)
        self.write(0x1D, bandwidth_code << 4 | 0x02, factor << 4 | 0x04)
        slow = (1 << factor) * 1000 > 16 * (7.8, 10.4, 15.6, 20.8, 31.25, 41.7, 62.5, 125, 250, 500)[
            bandwidth_code
        ] * 1000
        self.write(0x26, 0x04 | (0x08 if slow else 0))
        self.write(0x31, 0xC3)
        self.write(0x37, 0x0A)
        self.write(0x39, sync_word)
        self.set_iq()

    def set_iq(self, *, rx_inverted: bool = False, tx_inverted: bool = False) -> None:
        self.write(0x33, 0x26 | (0x40 if rx_inverted else 0) | (0 if tx_inverted else 1))
        self.write(0x3B, 0x19 if rx_inverted or tx_inverted else 0x1D)

    def transmit(self, payload: bytes) -> None:
        self.write(0x01, 0x81)
        self.write(0x40, 0x40)
        self.write(0x0D, 0x00)
        self.write(0x00, *payload)
        self.write(0x22, len(payload))
        self.write(0x01, 0x83)

    def receive(self, *, single_symbols: int | None = None) -> None:
        self.write(0x01, 0x81)
        self.write(0x40, 0x00)
        self.write(0x12, 0xFF)
        if single_symbols is not None:
            config_2 = self.read(0x1E) & 0xFC
            self.write(0x1E, config_2 | single_symbols >> 8, single_symbols & 0xFF)
        self.write(0x01, 0x85 if single_symbols is None else 0x86)

    def get_packet(self) -> bytes:
        """Read the last packet out of the FIFO and clear the flags."""
        self.write(0x0D, self.read(0x10))
        length = self.read(0x13)
        payload = self.transfer(bytes(length + 1))[1:]
        self.write(0x12, 0xFF)
        return payload

    def get_flags(self) -> int:
        return self.read(0x12)


def make_pair(**options: object) -> tuple[VirtualScheduler, Air, Driver, Driver]:
    """Two chips in Standby on the home channel, 100 dB apart."""
    scheduler = VirtualScheduler()
    air = Air(scheduler)
    one, other = Driver(air, "one", **options), Driver(air, "other", **options)
    one.begin()
    other.begin()
    return scheduler, air, one, other
