"""A pty as the board's serial port, found by a symlink that stays the same across restarts."""

import contextlib
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from hardware.virtual.board.scheduler import Handle, Scheduler

#: What waits here once the kernel's buffer (some 64 kB) is full because nobody reads.
MAX_PENDING_BYTES = 16 * 1024
READ_BYTES = 4096
RETRY_US = 10_000
MAX_RETRY_US = 1_000_000


class SerialPort:
    """The board's end of its USB-serial line. Called under the scheduler's lock.

    ``on_data(bytes)`` gets what the host sends. ``write`` never blocks: a serial line has no flow control,
    so when nobody has read for long, everything unread is dropped for the newest (``on_overrun`` is told,
    once per drop).
    """

    def __init__(
        self,
        scheduler: Scheduler,
        link: Path,
        on_data: Callable[[bytes], None],
        on_overrun: Callable[[int], None],
    ) -> None:
        self._scheduler = scheduler
        self._link = link
        self._on_data = on_data
        self._on_overrun = on_overrun
        self._master, self._slave = os.openpty()
        # Both raw; our own end of the slave stays open, else the master fails whenever no host has the port
        # open.
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._pending = bytearray()
        self._retry: Handle | None = None
        self._retry_us = RETRY_US
        self._place_link()
        scheduler.add_reader(self._master, self._read)

    def write(self, data: bytes) -> None:
        self._pending += data
        if len(self._pending) > MAX_PENDING_BYTES:
            self._drop_unread()
        self._flush()

    def pause_reading(self) -> None:
        """Leave further bytes with the kernel until ``resume_reading``."""
        self._scheduler.remove_reader(self._master)

    def resume_reading(self) -> None:
        self._scheduler.add_reader(self._master, self._read)

    def close(self) -> None:
        self._scheduler.remove_reader(self._master)
        with contextlib.suppress(OSError):
            if str(self._link.readlink()) == self.path:
                self._link.unlink()
        os.close(self._master)
        os.close(self._slave)

    def _place_link(self) -> None:
        self._link.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(self.path)
        temporary.replace(self._link)

    def _read(self) -> None:
        try:
            data = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._on_data(data)

    def _flush(self) -> None:
        if self._retry is not None:
            self._scheduler.cancel(self._retry)
            self._retry = None
        while self._pending:
            try:
                written = os.write(self._master, self._pending)
            except BlockingIOError:
                self._retry = self._scheduler.call_at(self._scheduler.now_us() + self._retry_us, self._flush)
                self._retry_us = min(2 * self._retry_us, MAX_RETRY_US)
                return
            del self._pending[:written]
            self._retry_us = RETRY_US

    def _drop_unread(self) -> None:
        dropped = len(self._pending) - MAX_PENDING_BYTES // 2
        del self._pending[:dropped]
        termios.tcflush(self._slave, termios.TCIFLUSH)
        termios.tcflush(self._master, termios.TCOFLUSH)
        self._on_overrun(dropped)
