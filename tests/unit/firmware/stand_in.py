"""MicroPython's modules for running firmware files in CPython, on a clock that moves by itself.

``Bench`` has a scheduler (microseconds that pass by being asked for, by SPI and by sleeping), one
register-level SX1276 of ``hardware.virtual.chip`` behind ``machine``'s pins and SPI, and loads firmware
modules against them.
"""

import heapq
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import firmware
from hardware.virtual.chip.sx1276 import Sx1276
from hardware.virtual.ether.emission import Emission, Signal

FIRMWARE = Path(firmware.__file__).parent
CS, RESET, DIO0, DIO1 = 18, 23, 26, 33
TICKS = 1 << 30


class Clock:
    """The chip model's scheduler. Time passes in ``pass_us``; timers run then, at their instants."""

    def __init__(self) -> None:
        self.us = 0
        self.latched_us: int | None = None
        self._timers: list[Any] = []
        self._order = itertools.count()

    def now_us(self) -> int:
        return self.us

    def call_at(self, at_us: int, call: Callable[[], None], /) -> Any:
        entry = [max(at_us, self.us), next(self._order), call]
        heapq.heappush(self._timers, entry)
        return entry

    def cancel(self, handle: Any, /) -> None:
        handle[2] = None

    def pass_us(self, us: int) -> None:
        until_us = self.us + us
        while self._timers and self._timers[0][0] <= until_us:
            at_us, _, call = heapq.heappop(self._timers)
            self.us = max(self.us, at_us)
            if call is not None:
                call()
        self.us = max(self.us, until_us)

    def pass_until(self, us: int) -> None:
        self.pass_us(max(us - self.us, 0))

    def ticks_us(self) -> int:
        if self.latched_us is not None:
            return self.latched_us % TICKS
        self.pass_us(1)
        return self.us % TICKS

    def make_time(self) -> ModuleType:
        module = ModuleType("time")
        module.__dict__.update(
            ticks_us=self.ticks_us,
            ticks_ms=lambda: self.us // 1000 % TICKS,
            ticks_add=lambda ticks, delta: (ticks + delta) % TICKS,
            ticks_diff=lambda end, start: (end - start + TICKS // 2) % TICKS - TICKS // 2,
            sleep_ms=lambda ms: self.pass_us(ms * 1000),
            sleep_us=self.pass_us,
        )
        return module


class Air:
    """A medium that keeps what the chip sends."""

    def __init__(self) -> None:
        self.emissions: list[Emission] = []
        self.cuts: list[int] = []

    def transmit(self, emission: Emission) -> None:
        self.emissions.append(emission)

    def cut(self, emission_id: int, at_us: int) -> None:
        self.cuts.append(at_us)


class Pin:
    IRQ_RISING = 1

    def __init__(self, number: int, on_level: Callable[[int], None] | None = None) -> None:
        self.number = number
        self.level = 0
        self.handler: Callable[[Any], None] | None = None
        self._on_level = on_level

    def __call__(self, level: int | None = None) -> int:
        if level is not None:
            self.level = level
            if self._on_level is not None:
                self._on_level(level)
        return self.level

    def irq(self, *, trigger: int, handler: Callable[[Any], None]) -> None:
        assert trigger == self.IRQ_RISING
        self.handler = handler


class Spi:
    """A bus of 8 MHz, with what an interpreter adds to each call."""

    def __init__(self, clock: Clock, chip: Sx1276) -> None:
        self._clock = clock
        self._chip = chip
        self.writes: list[bytes] = []

    def _exchange(self, out: bytes) -> bytes:
        self._clock.pass_us(20 + len(out))
        return self._chip.spi_transfer(out)

    def write(self, data: bytes) -> None:
        self.writes.append(bytes(data))
        self._exchange(bytes(data))

    def readinto(self, buffer: Any) -> None:
        buffer[:] = self._exchange(bytes(len(buffer)))

    def write_readinto(self, out: bytes, into: Any) -> None:
        into[:] = self._exchange(bytes(out))


class Bench:
    """A chip, its pins, and the firmware modules that see them."""

    def __init__(self, **chip_options: Any) -> None:
        self.clock = Clock()
        self.air = Air()
        self.chip = Sx1276(self.clock, self.air, random_seed=1, **chip_options)
        self.pins = {
            CS: Pin(CS, self.chip.nss),
            RESET: Pin(RESET, self.chip.nreset),
            DIO0: Pin(DIO0),
            DIO1: Pin(DIO1),
        }
        self.chip.on_dio = self._process_dio
        self._emission_ids = itertools.count()
        self.spi = Spi(self.clock, self.chip)
        self.modules: dict[str, ModuleType] = {
            "time": self.clock.make_time(),
            "micropython": _make_module("micropython", const=lambda value: value, kbd_intr=lambda _: None),
            "cryptolib": _make_module("cryptolib", aes=Aes),
        }

    def _process_dio(self, number: int, level: int, at_us: int) -> None:
        pin = self.pins.get({0: DIO0, 1: DIO1}.get(number, -1))
        if pin is not None:
            rose = level and not pin.level
            pin.level = level
            if rose and pin.handler is not None:
                self.clock.latched_us = at_us
                pin.handler(pin)
                self.clock.latched_us = None

    def load(self, path: str) -> Any:
        """A firmware file as a module, seeing the stand-ins and its neighbours by their flat names."""
        name = Path(path).stem
        if name not in self.modules:
            spec = importlib.util.spec_from_file_location(name, FIRMWARE / path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            with self._seen():
                spec.loader.exec_module(module)
            self.modules[name] = module
        return self.modules[name]

    @contextmanager
    def _seen(self) -> Iterator[None]:
        before = {name: sys.modules.get(name) for name in self.modules}
        sys.modules.update(self.modules)
        try:
            yield
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module

    def make_radio(self) -> Any:
        """The driver on this bench's chip, after its reset, with ``flag`` for its interrupts."""
        self.flag = self.load("drivers/irq_flag.py").IrqFlag()
        module = self.load("drivers/sx1276.py")
        pins = [self.pins[number] for number in (CS, RESET, DIO0, DIO1)]
        radio = module.Sx1276(self.spi, *pins, self.flag, 862_000_000, 1_020_000_000, 2, 20)
        radio.reset()
        return radio

    def get_register(self, address: int) -> int:
        """What a register of the current page holds."""
        return self.chip.registers.get_page(address)[address]

    def power_cycle(self) -> None:
        """The supply dips behind the driver's back: everything in the chip is as after a reset."""
        self.chip.nreset(0)
        self.clock.pass_us(1000)
        self.chip.nreset(1)
        self.clock.pass_us(6000)

    def arrive(
        self, payload: bytes, start_us: int | None = None, rssi_dbm: int = -80, **fields: Any
    ) -> Emission:
        """A frame from elsewhere begins (default: in 1 ms). Returns it."""
        emission = Emission(
            **{
                "emission_id": next(self._emission_ids),
                "start_us": self.clock.us + 1000 if start_us is None else start_us,
                "frequency_hz": 868_100_000,
                "spreading_factor": 7,
                "bandwidth_hz": 125_000,
                "coding_rate": 5,
                "preamble_symbols": 8,
                "invert_iq": False,
                "sync_word": 0x34,
                "explicit_header": True,
                "crc": True,
                "low_data_rate": False,
                "power_cdbm": 1400,
                "payload": payload,
                **fields,
            }
        )
        self.chip.on_signal(Signal(emission, "elsewhere", rssi_dbm * 100))
        return emission


class Aes:
    """cryptolib.aes, by the cryptography package."""

    def __init__(self, key: bytes, mode: int) -> None:
        assert mode == 1 and len(key) == 16
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self._cipher = Cipher(algorithms.AES(bytes(key)), modes.ECB())

    def encrypt(self, data: bytes) -> bytes:
        assert len(data) % 16 == 0
        worker = self._cipher.encryptor()
        return worker.update(bytes(data)) + worker.finalize()


def _make_module(name: str, **values: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(values)
    return module


def make_nvs(values: dict[str, Any], cut_after: int | None = None) -> SimpleNamespace:
    """``esp32`` with an NVS over ``values``: what is committed there survives.

    ``cut_after``: the power goes (PowerCut) in the commit of that number, counted from 0, before it is done.
    """
    commits = itertools.count()

    class Nvs:
        def __init__(self, namespace: str) -> None:
            self._pending = dict(values)

        def get_i32(self, key: str) -> int:
            if key not in self._pending:
                raise OSError(-0x1102)
            return int(self._pending[key])

        def set_i32(self, key: str, value: int) -> None:
            assert -(2**31) <= value < 2**31 and len(key) <= 15
            self._pending[key] = value

        def get_blob(self, key: str, buffer: bytearray) -> int:
            if key not in self._pending:
                raise OSError(-0x1102)
            blob = self._pending[key]
            if len(blob) > len(buffer):
                raise OSError(-0x110C)
            buffer[: len(blob)] = blob
            return len(blob)

        def set_blob(self, key: str, value: bytes) -> None:
            assert len(key) <= 15
            self._pending[key] = bytes(value)

        def commit(self) -> None:
            if next(commits) == cut_after:
                raise PowerCut
            values.clear()
            values.update(self._pending)

    return _make_module("esp32", NVS=Nvs)  # type: ignore[return-value]


class PowerCut(Exception):
    """The lights go out."""
