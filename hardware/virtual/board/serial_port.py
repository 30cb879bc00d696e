"""A pty as the board's serial port, found by a symlink that stays the same across restarts."""

import contextlib
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from hardware.virtual.board.scheduler import Scheduler

READ_BYTES = 4096
#: What may wait here once the kernel's buffer (some 64 kB) is full.
CONGESTED_BYTES = 4096
#: When the host has taken nothing for so long, nobody reads.
STUCK_AFTER_US = 200_000


class SerialPort:
    """The board's end of its USB-serial line. Called under the scheduler's lock.

    ``on_data(bytes)`` gets what the host sends, ``on_drained`` is called when the line takes more again.
    ``write`` never blocks: whoever writes much waits while ``must_wait``, as a UART's full buffer makes it
    wait. When nobody reads, everything unread is dropped for the newest (``on_overrun`` hears of it): a UART
    knows no flow control.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        link: Path,
        on_data: Callable[[bytes], None],
        on_drained: Callable[[], None],
        on_overrun: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._link = link
        self._on_data = on_data
        self._on_drained = on_drained
        self._on_overrun = on_overrun
        self._master, self._slave = os.openpty()
        # Both raw; our own end of the slave stays open, else the master fails while no host has it open.
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._pending = bytearray()
        self._progress_us = 0
        self._place_link()
        scheduler.add_reader(self._master, self._read)

    @property
    def must_wait(self) -> bool:
        """The line is full and somebody is reading it."""
        return len(self._pending) > CONGESTED_BYTES and not self._is_stuck

    @property
    def _is_stuck(self) -> bool:
        return self._scheduler.now_us() - self._progress_us > STUCK_AFTER_US

    def write(self, data: bytes) -> None:
        if len(self._pending) > CONGESTED_BYTES and self._is_stuck:
            self._drop_unread()
        if not self._pending:
            self._progress_us = self._scheduler.now_us()
        self._pending += data
        self._flush()

    def pause_reading(self) -> None:
        """Leave further bytes with the kernel until ``resume_reading``."""
        self._scheduler.remove_reader(self._master)

    def resume_reading(self) -> None:
        self._scheduler.add_reader(self._master, self._read)

    def close(self) -> None:
        self._scheduler.remove_reader(self._master)
        self._scheduler.remove_writer(self._master)
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
        while self._pending:
            try:
                written = os.write(self._master, self._pending)
            except BlockingIOError:
                self._scheduler.add_writer(self._master, self._flush)
                return
            del self._pending[:written]
            self._progress_us = self._scheduler.now_us()
        self._scheduler.remove_writer(self._master)
        self._on_drained()

    def _drop_unread(self) -> None:
        self._pending.clear()
        termios.tcflush(self._slave, termios.TCIFLUSH)
        termios.tcflush(self._master, termios.TCOFLUSH)
        self._on_overrun()
