"""What the guest's shims may ask: one letter each, arguments and answer in the mailbox.

``shims/_bridge.py`` is the other end. Every operation runs in the guest's thread under the board's lock,
except while it waits. Word 0 takes the answer, word 15 says whether interrupts wait.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hardware.virtual.board import nonvolatile
from hardware.virtual.board.analog import ADC_PINS, measure
from hardware.virtual.board.guest import Guest, GuestStopped
from hardware.virtual.board.pins import VALID_PINS
from hardware.virtual.board.spi import SpiSettings

if TYPE_CHECKING:
    from hardware.virtual.board.device import Device

TICKS_MASK = (1 << 30) - 1  # MicroPython's ticks period on 32-bit machines
TICKS_US = ord("t")
FOREVER = -1
INTERRUPTED = -1
SEND_RETRY_S = 0.02
UNIX_TIME_2000_S = 946_684_800


class Operations:
    """The operations of one boot of a device."""

    def __init__(self, device: "Device") -> None:
        self._device = device
        self._lock = device.scheduler.lock
        self._changed = threading.Condition(self._lock)
        self._boot_us = device.scheduler.now_us()
        self._stopped: str | None = None
        self._namespaces: list[str] = []
        self.guest: Guest | None = None
        self.end: int | None = None
        self._table: dict[int, Callable[[memoryview[int]], None]] = {
            ord(letter): call
            for letter, call in {
                "m": self._ticks_ms, "s": self._time, "D": self._deadline,
                "w": self._wait, "e": self._next_event, "P": self._check_pin, "p": self._configure_pin,
                "i": self._get_pin,
                "o": self._set_pin, "q": self._set_trigger, "S": self._configure_spi, "x": self._transfer,
                "U": self._open_uart, "n": self._count_received, "r": self._take_received, "u": self._send,
                "v": self._measure, "T": self._start_timer, "d": self._watchdog, "I": self._identify,
                "R": self._reset, "X": self._end_main, "K": self._set_interrupt_character, "a": self._crypt,
                "N": self._open_namespace, "g": self._get_value, "h": self._put_value, "k": self._erase_value,
                "c": self._commit_values,
            }.items()
        }  # fmt: skip

    def __call__(self, letter: int) -> None:
        guest = self.guest
        assert guest is not None
        box = guest.mailbox
        if letter == TICKS_US:
            # A program waits for an instant by asking for the time over and over: it must not hold the lock
            # then, or the timers hardly get it.
            self._ticks_us(box)
        else:
            with self._lock:
                if self._stopped is not None:
                    raise GuestStopped(self._stopped)
                self._table[letter](box)
        box[15] = 1 if self._device.events else 0

    def stop(self, why: str) -> None:
        """End the run: at once if it waits, else at its next operation or branch."""
        with self._lock:
            if self._stopped is None:
                self._stopped = why
            self._changed.notify_all()
            if self.guest is not None:
                self.guest.interrupt()

    @property
    def stop_reason(self) -> str | None:
        return self._stopped

    def notify(self) -> None:
        """Something that a waiting guest may wait for has happened."""
        self._changed.notify_all()

    # Time

    def _ticks_us(self, box: "memoryview[int]") -> None:
        box[0] = (time.monotonic_ns() // 1000 - self._boot_us) & TICKS_MASK

    def _ticks_ms(self, box: "memoryview[int]") -> None:
        box[0] = ((time.monotonic_ns() // 1000 - self._boot_us) // 1000) & TICKS_MASK

    def _time(self, box: "memoryview[int]") -> None:
        since_boot_us = time.monotonic_ns() // 1000 - self._boot_us
        box[0], box[1] = since_boot_us // 1_000_000, since_boot_us % 1_000_000

    def _deadline(self, box: "memoryview[int]") -> None:
        at_us = time.monotonic_ns() // 1000 - self._boot_us + box[1] * 1000 + box[2]
        box[1], box[2] = at_us & TICKS_MASK, at_us >> 30

    def _wait(self, box: "memoryview[int]") -> None:
        """Until the deadline in words 1 and 2 (0), a UART of mask 3 has bytes (its bit), or interrupts
        (-1).
        """
        device = self._device
        until_us = None if box[2] == FOREVER else (box[1] | box[2] << 30) + self._boot_us
        mask = box[3]
        while True:
            if self._stopped is not None:
                raise GuestStopped(self._stopped)
            ready = 0
            for number, uart in enumerate(device.uarts):
                if mask >> number & 1 and uart.received:
                    ready |= 1 << number
            if ready:
                box[0] = ready
                return
            if device.events:
                box[0] = INTERRUPTED
                return
            if until_us is None:
                self._changed.wait()
                continue
            left_us = until_us - time.monotonic_ns() // 1000
            if left_us <= 0:
                box[0] = 0
                return
            self._changed.wait(left_us / 1e6)

    # Interrupts, pins, timers

    def _next_event(self, box: "memoryview[int]") -> None:
        event = self._device.events.take()
        if event is None:
            box[0] = 0
        else:
            box[0], box[1] = event[0], event[1]
            box[2] = (event[2] - self._boot_us) & TICKS_MASK

    def _check_pin(self, box: "memoryview[int]") -> None:
        box[0] = 0 if box[1] in VALID_PINS else -1

    def _configure_pin(self, box: "memoryview[int]") -> None:
        try:
            self._device.pins.configure(box[1], box[2], box[3], box[4])
            box[0] = 0
        except ValueError:
            box[0] = -1

    def _get_pin(self, box: "memoryview[int]") -> None:
        box[0] = self._device.pins.get_level(box[1])

    def _set_pin(self, box: "memoryview[int]") -> None:
        self._device.pins.set_output(box[1], box[2])

    def _set_trigger(self, box: "memoryview[int]") -> None:
        self._device.pins.set_trigger(box[1], box[2])

    def _start_timer(self, box: "memoryview[int]") -> None:
        self._device.start_timer(box[1], box[2], box[3] == 1)

    # Buses

    def _configure_spi(self, box: "memoryview[int]") -> None:
        bus = box[1]
        if bus not in (1, 2):
            box[0] = -1
            return
        settings = SpiSettings(box[2], box[3] & 3, box[3] >> 3, bool(box[3] & 4), (box[4], box[5], box[6]))
        fault = self._device.spi.configure(bus, settings)
        if fault:
            self._device.say_fault(fault)
        box[0] = 0

    def _transfer(self, box: "memoryview[int]") -> None:
        guest = self.guest
        assert guest is not None
        bus, length, source, target, fill = box[1], box[2], box[3], box[4], box[5]
        mosi = bytes(guest.memory[source : source + length]) if source else bytes((fill & 0xFF,)) * length
        miso = self._device.spi.transfer(bus, mosi)
        if target:
            guest.memory[target : target + length] = miso

    def _open_uart(self, box: "memoryview[int]") -> None:
        self._device.uarts[box[1]].open(box[2], box[3], (box[4], box[5]))
        self._device.check_uart(box[1])

    def _count_received(self, box: "memoryview[int]") -> None:
        box[0] = len(self._device.uarts[box[1]].received)

    def _take_received(self, box: "memoryview[int]") -> None:
        guest = self.guest
        assert guest is not None
        data = self._device.uarts[box[1]].take(box[3])
        guest.memory[box[2] : box[2] + len(data)] = data
        box[0] = len(data)

    def _send(self, box: "memoryview[int]") -> None:
        guest = self.guest
        assert guest is not None
        send = self._device.uarts[box[1]].send
        if send is not None:
            data = bytes(guest.memory[box[2] : box[2] + box[3]])
            while self._device.port.must_wait and self._stopped is None:
                self._changed.wait(SEND_RETRY_S)
            send(data)
        box[0] = box[3]

    def _measure(self, box: "memoryview[int]") -> None:
        if box[1] not in ADC_PINS:
            box[0] = -1
            return
        box[0], box[1] = measure(self._device.get_analog_uv(box[1]), box[2] & 3)

    # The chip itself

    def _watchdog(self, box: "memoryview[int]") -> None:
        self._device.feed_watchdog(box[1])

    def _identify(self, box: "memoryview[int]") -> None:
        guest = self.guest
        assert guest is not None
        guest.memory[box[1] : box[1] + 6] = self._device.unique_id
        box[0] = self._device.reset_cause

    def _reset(self, box: "memoryview[int]") -> None:
        raise GuestStopped("machine.reset")

    def _end_main(self, box: "memoryview[int]") -> None:
        self.end = box[1]

    def _set_interrupt_character(self, box: "memoryview[int]") -> None:
        self._device.interrupt_character = box[1] if box[1] < 256 else -1

    def _crypt(self, box: "memoryview[int]") -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        guest = self.guest
        assert guest is not None
        memory = guest.memory
        key = bytes(memory[box[1] : box[1] + box[2]])
        vector = bytes(memory[box[4] : box[4] + 16])
        source = bytes(memory[box[5] : box[5] + box[6]])
        is_decrypting = box[8] == 1
        mode = modes.ECB() if box[3] == 1 else modes.CBC(vector)
        cipher = Cipher(algorithms.AES(key), mode)
        context = cipher.decryptor() if is_decrypting else cipher.encryptor()
        result = context.update(source) + context.finalize()
        memory[box[7] : box[7] + len(result)] = result
        if source:
            memory[box[4] : box[4] + 16] = (source if is_decrypting else result)[-16:]

    # Non-volatile storage

    def _read_text(self, address: int, length: int) -> str:
        guest = self.guest
        assert guest is not None
        return bytes(guest.memory[address : address + length]).decode(errors="replace")

    def _open_namespace(self, box: "memoryview[int]") -> None:
        name = self._read_text(box[1], box[2])
        if not name or len(name.encode()) > nonvolatile.MAX_NAME_BYTES:
            box[0] = nonvolatile.INVALID_NAME
            return
        if name not in self._namespaces:
            self._namespaces.append(name)
        box[0] = self._namespaces.index(name)

    def _get_value(self, box: "memoryview[int]") -> None:
        guest = self.guest
        assert guest is not None
        namespace, key = self._namespaces[box[1]], self._read_text(box[2], box[3])
        value = self._device.nonvolatile.get(namespace, key, bytes if box[4] else int)
        if value is None:
            box[0] = nonvolatile.NOT_FOUND
        elif isinstance(value, int):
            box[0], box[1] = 0, value
        elif len(value) > box[6]:
            box[0] = nonvolatile.INVALID_LENGTH
        else:
            guest.memory[box[5] : box[5] + len(value)] = value
            box[0] = len(value)

    def _put_value(self, box: "memoryview[int]") -> None:
        guest = self.guest
        assert guest is not None
        namespace, key = self._namespaces[box[1]], self._read_text(box[2], box[3])
        value = bytes(guest.memory[box[5] : box[5] + box[6]]) if box[4] else box[5]
        box[0] = self._device.nonvolatile.put(namespace, key, value)

    def _erase_value(self, box: "memoryview[int]") -> None:
        box[0] = self._device.nonvolatile.erase(self._namespaces[box[1]], self._read_text(box[2], box[3]))

    def _commit_values(self, box: "memoryview[int]") -> None:
        # Only this thread touches the store, and a slow disk must not hold up the radio's timers.
        self._lock.release()
        try:
            self._device.nonvolatile.commit()
        finally:
            self._lock.acquire()
        box[0] = 0
