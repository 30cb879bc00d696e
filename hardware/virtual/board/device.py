"""The device: microcontroller, radio chip, sensors and serial port, wired as the board file says; and its
resets.
"""

import functools
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hardware.boards import Board
from hardware.virtual.board.analog import AnalogSignal
from hardware.virtual.board.flash import build_rom
from hardware.virtual.board.guest import Guest, GuestStopped, create_engine, load_module
from hardware.virtual.board.nonvolatile import Nonvolatile
from hardware.virtual.board.operations import Operations
from hardware.virtual.board.pins import EVENT_KEYBOARD, EVENT_TIMER, Events, Pins
from hardware.virtual.board.scheduler import Handle, Scheduler
from hardware.virtual.board.serial_port import SerialPort
from hardware.virtual.board.spi import SpiBuses
from hardware.virtual.board.uart import Uart
from hardware.virtual.event_lines import EventLines

#: What an ESP32's MicroPython leaves a program, and what the shims take of the guest's heap (a test measures
#: it).
PROGRAM_HEAP_KILOBYTES = 110
SHIMS_HEAP_KILOBYTES = 16
PAUSE_AFTER_FAILURE_S = 3.0
STOP_TIMEOUT_S = 1.5
CONSOLE_READ_BYTES = 65536
CONSOLE_RETRY_US = 20_000
#: UART0 has no backpressure on the chip; here the kernel keeps what the program hasn't taken.
CONSOLE_RECEIVE_BYTES = 4096
CTRL_C = 3

POWER_ON, HARD_RESET, WATCHDOG_RESET, SOFT_RESET = 1, 2, 3, 5
#: First lines of the ESP32's boot ROM on UART0, by reset cause (rom/rtc.h RESET_REASON).
ROM_BANNER = "ets Jun  8 2016 00:22:57"
ROM_SAYS = {
    POWER_ON: "rst:0x1 (POWERON_RESET)",
    HARD_RESET: "rst:0xc (SW_CPU_RESET)",
    WATCHDOG_RESET: "rst:0x8 (TG1WDT_SYS_RESET)",
    SOFT_RESET: "rst:0xc (SW_CPU_RESET)",
}
#: What main.py's end was, as _boot.py reports it.
ENDED, FAILED, STOPPED_BY_CTRL_C, EXITED = 0, 1, 2, 3


class RadioChip(Protocol):
    """What the device needs of a chip model (``hardware.virtual.chip.sx1276.Sx1276``)."""

    on_dio: Callable[[int, int, int], None] | None

    def nss(self, level: int) -> None: ...
    def nreset(self, level: int) -> None: ...
    def spi_transfer(self, mosi: bytes) -> bytes: ...


def _raise(error: Exception) -> None:
    raise error


class Device:
    """One board: ``start`` powers it, ``stop`` ends the guest; the scheduler must run in some thread."""

    def __init__(
        self,
        name: str,
        board: Board,
        flash: Path,
        port_link: Path,
        scheduler: Scheduler,
        chip: RadioChip,
        signals: list[AnalogSignal],
        events: EventLines,
    ) -> None:
        self.board = board
        self.scheduler = scheduler
        self.chip = chip
        self.unique_id = bytes.fromhex("240ac4") + hashlib.sha256(name.encode()).digest()[:3]
        self.reset_cause = POWER_ON
        self.interrupt_character = CTRL_C
        self.pause_after_failure_s = PAUSE_AFTER_FAILURE_S
        self.events = Events(self._notify)
        self.pins = Pins(self.events)
        self.spi = SpiBuses(chip, (board.spi.sck, board.spi.mosi, board.spi.miso))
        self.nonvolatile = Nonvolatile(flash / ".nvs.json")
        self.port = SerialPort(scheduler, port_link, self._receive_from_host, self._notify, self._say_overrun)
        self.uarts = (Uart(self._send_to_host), Uart(), Uart())
        self.uarts[0].on_taken = self._resume_reading
        self._flash = flash
        self._signals = {signal.pin: signal for signal in signals}
        self._say = events.say
        self._faults: set[str] = set()
        self._was_unread = False
        self._engine = create_engine()
        self._module = load_module(self._engine)
        self._rom = build_rom()
        self._operations: Operations | None = None
        self._thread: threading.Thread | None = None
        self._is_stopping = threading.Event()
        self._timers: dict[int, Handle] = {}
        self._watchdog: Handle | None = None
        self._watchdog_ms = 0
        self._console_read, self._console_write = os.pipe()
        os.set_blocking(self._console_read, False)
        self._watch_console()
        self._wire()

    def start(self) -> None:
        """Power on."""
        self._thread = threading.Thread(target=self._live, name="guest", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """End the guest and give back the port; False if the guest's thread hangs. Not under the lock."""
        self._is_stopping.set()
        operations = self._operations
        if operations is not None:
            operations.stop("power off")
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
        self.scheduler.remove_reader(self._console_read)
        self.port.close()
        if self._thread is not None and self._thread.is_alive():
            return False
        os.close(self._console_read)
        os.close(self._console_write)
        return True

    def reset(self, why: str) -> None:
        """Press EN, as it were: the guest boots again."""
        operations = self._operations
        if operations is not None:
            operations.stop(why)

    # For operations

    def get_analog_uv(self, pin: int) -> int:
        signal = self._signals.get(pin)
        return 0 if signal is None else signal.get_uv(time.time())

    def start_timer(self, number: int, period_us: int, is_periodic: bool) -> None:
        """Timer ``number`` from now on; a period of 0 or less stops it."""
        running = self._timers.pop(number, None)
        if running is not None:
            self.scheduler.cancel(running)
        if period_us > 0:
            self._arm_timer(number, self.scheduler.now_us() + period_us, period_us if is_periodic else 0)

    def feed_watchdog(self, timeout_ms: int) -> None:
        """Start it with a timeout, or feed it (0). It can't be stopped."""
        if timeout_ms:
            self._watchdog_ms = timeout_ms
        if self._watchdog is not None:
            self.scheduler.cancel(self._watchdog)
        if self._watchdog_ms:
            at_us = self.scheduler.now_us() + self._watchdog_ms * 1000
            self._watchdog = self.scheduler.call_at(at_us, lambda: self.reset("watchdog"))

    def check_uart(self, number: int) -> None:
        gps = self.board.gps
        uart = self.uarts[number]
        if gps is not None and number == gps.uart and uart.baudrate:
            if uart.baudrate != gps.baud:
                self.say_fault(f"UART({number}) at {uart.baudrate} baud, the GPS speaks {gps.baud}")
            if uart.pins[1] != gps.rx:
                self.say_fault(f"UART({number}) listens on pin {uart.pins[1]}, the GPS is wired to {gps.rx}")

    def receive_from_gps(self, data: bytes) -> None:
        gps = self.board.gps
        if gps is None:
            return
        uart = self.uarts[gps.uart]
        if uart.baudrate == gps.baud and uart.pins[1] == gps.rx:
            uart.receive(data)
            self._notify()

    def say_fault(self, text: str) -> None:
        """The program does what the hardware would not take kindly; said once for each text."""
        if text not in self._faults:
            self._faults.add(text)
            self._say("fault", text)

    # Wiring

    def _wire(self) -> None:
        radio = self.board.radio
        self.pins.on_output[radio.cs] = self._select_chip
        self.pins.on_output[radio.reset] = self.chip.nreset
        dio_pins = {0: radio.dio0, 1: radio.dio1, 2: radio.dio2}

        def drive(dio: int, level: int, at_us: int) -> None:
            if dio in dio_pins:
                self.pins.drive(dio_pins[dio], level, at_us)

        self.chip.on_dio = drive

    def _select_chip(self, level: int) -> None:
        self.spi.is_selected = level == 0
        self.chip.nss(level)

    def _arm_timer(self, number: int, at_us: int, period_us: int) -> None:
        def fire() -> None:
            self._timers.pop(number, None)
            if period_us:
                self._arm_timer(number, at_us + period_us, period_us)
            self.events.put(EVENT_TIMER, number, at_us)

        self._timers[number] = self.scheduler.call_at(at_us, fire)

    def _notify(self) -> None:
        if self._operations is not None:
            self._operations.notify()

    # Serial port

    def _receive_from_host(self, data: bytes) -> None:
        character = self.interrupt_character
        if character >= 0 and character in data:
            data = data.replace(bytes((character,)), b"")
            self.events.put(EVENT_KEYBOARD, 0, 0)
        uart = self.uarts[0]
        uart.receive_bytes = max(uart.receive_bytes, CONSOLE_RECEIVE_BYTES + len(data))
        uart.receive(data)
        if len(uart.received) >= CONSOLE_RECEIVE_BYTES:
            self.port.pause_reading()
        self._notify()

    def _resume_reading(self) -> None:
        if len(self.uarts[0].received) < CONSOLE_RECEIVE_BYTES:
            self.port.resume_reading()

    def _send_to_host(self, data: bytes) -> None:
        self._print()  # what was printed before goes first
        self.port.write(data)

    def _print(self) -> None:
        try:
            data = os.read(self._console_read, CONSOLE_READ_BYTES)
        except BlockingIOError:
            return
        self.port.write(data.replace(b"\n", b"\r\n"))

    def _pass_on_console(self) -> None:
        """What was printed, unless the line is full: then the pipe fills and print waits, as on the chip."""
        if self.port.must_wait:
            self.scheduler.remove_reader(self._console_read)
            again_us = self.scheduler.now_us() + CONSOLE_RETRY_US
            self.scheduler.call_at(again_us, self._watch_console)
        else:
            self._print()

    def _watch_console(self) -> None:
        if self._is_stopping.is_set():
            return
        self.scheduler.add_reader(self._console_read, self._pass_on_console)

    def _say_overrun(self) -> None:
        if not self._was_unread:
            self._was_unread = True
            self._say("unread", "nobody reads the serial port: the oldest unread bytes are dropped")

    # Life of the guest

    def _live(self) -> None:
        while not self._is_stopping.is_set():
            try:
                why = self._boot()
            except Exception as error:
                with self.scheduler.lock:
                    self.scheduler.call_at(0, functools.partial(_raise, error))
                return
            if self._is_stopping.is_set():
                return
            self._say("reset", f"{self.board.title}: boots again ({why})", reason=why)

    def _boot(self) -> str:
        """One life of the guest; the answer says why the next one begins."""
        operations = Operations(self)
        with self.scheduler.lock:
            self._reset_microcontroller()
            self._operations = operations
        folders = {"/": (self._flash, True), "/rom": (self._rom, False), "/dev": (Path("/dev"), False)}
        guest = Guest(
            engine=self._engine,
            module=self._module,
            heap_kilobytes=PROGRAM_HEAP_KILOBYTES + SHIMS_HEAP_KILOBYTES,
            arguments=["-m", "_boot"],
            folders=folders,
            module_path="/rom:/lib",
            console_descriptor=self._console_write,
            operate=operations,
        )
        operations.guest = guest
        try:
            guest.run()
        except GuestStopped as stop:
            why = operations.stop_reason or str(stop)
            self.reset_cause = WATCHDOG_RESET if why == "watchdog" else HARD_RESET
            return why
        except Exception as error:
            self._say("guest_failed", f"the interpreter failed: {error}")
            self._rest()
            self.reset_cause = HARD_RESET
            return "interpreter failed"
        return self._after_main(operations.end)

    def _after_main(self, end: int | None) -> str:
        self.reset_cause = SOFT_RESET
        if end == EXITED:
            return "soft reset"
        if end == STOPPED_BY_CTRL_C:
            self._say("interrupted", "main.py was stopped by Ctrl-C")
            why = "after Ctrl-C"
        elif end == ENDED:
            self._say("main_ended", "main.py has ended")
            why = "main.py ended"
        else:
            self._say("main_failed", "main.py failed, its traceback is on the serial port")
            why = "main.py failed"
        self._rest()
        return why

    def _rest(self) -> None:
        """Where a board would wait at its REPL for a person, this one waits a little and boots again."""
        self._is_stopping.wait(self.pause_after_failure_s)

    def _reset_microcontroller(self) -> None:
        """All but the radio chip and the lines into the board: those outlive a reset of the
        microcontroller.
        """
        for handle in self._timers.values():
            self.scheduler.cancel(handle)
        self._timers.clear()
        if self._watchdog is not None:
            self.scheduler.cancel(self._watchdog)
        self._watchdog = None
        self._watchdog_ms = 0
        self.events.clear()
        self.pins.reset()
        self.spi.reset()
        self.nonvolatile.reload()
        for uart in self.uarts:
            uart.close()
        self.interrupt_character = CTRL_C
        self._print()
        cause = ROM_SAYS[self.reset_cause]
        self.port.write(f"{ROM_BANNER}\r\n\r\n{cause},boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n".encode())
