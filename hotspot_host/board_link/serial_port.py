"""A serial port (or pty) as an asyncio transport: bytes out, callbacks for bytes in and for its loss."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Protocol

import serial

#: Unsent bytes at which a port counts as dead: the board has stopped reading. About 0.7 s at 115200 baud.
_MAX_UNSENT = 8192


class Transport(Protocol):
    """What a BoardLink needs of a connection. Callbacks come from the event loop, never within a call."""

    def write(self, data: bytes) -> None: ...
    def set_baud(self, baud: int) -> None: ...
    def close(self) -> None: ...


#: Opens a connection at a baud rate: (baud, on_bytes, on_lost) -> transport; OSError if it can't.
Connect = Callable[[int, Callable[[bytes], None], Callable[[str], None]], Transport]


class SerialPort:
    """A port opened without touching DTR and RTS: on most boards they are wired to reset."""

    def __init__(
        self, path: str, baud: int, on_bytes: Callable[[bytes], None], on_lost: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._unsent = bytearray()
        self._serial = serial.Serial()
        self._serial.port = path
        self._serial.baudrate = baud
        self._serial.timeout = 0
        self._serial.exclusive = True  # a second host on the same board would steal half of its frames
        self._serial.dtr = False
        self._serial.rts = False
        self._serial.open()
        self._fd: int = self._serial.fileno()
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._read)

    def write(self, data: bytes) -> None:
        if self._fd < 0:
            return
        if not self._unsent:
            try:
                with contextlib.suppress(BlockingIOError):  # what didn't go is queued below
                    data = data[os.write(self._fd, data) :]
            except OSError as error:
                self._lose(f"cannot write: {error.strerror}")
                return
            if not data:
                return
            self._loop.add_writer(self._fd, self._write_more)
        self._unsent += data
        if len(self._unsent) > _MAX_UNSENT:
            self._lose("the board takes no more bytes")

    def set_baud(self, baud: int) -> None:
        if self._fd >= 0:
            self._serial.baudrate = baud

    def close(self) -> None:
        if self._fd < 0:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._fd = -1
        self._serial.close()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"cannot read: {error.strerror}")
            return
        if data:
            self._on_bytes(data)
        else:
            self._lose("the port is closed")

    def _write_more(self) -> None:
        try:
            del self._unsent[: os.write(self._fd, self._unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"cannot write: {error.strerror}")
            return
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def _lose(self, text: str) -> None:
        self.close()
        self._loop.call_soon(self._on_lost, text)


def make_serial_connect(path: str) -> Connect:
    """A ``Connect`` for a path; a symlink is followed anew each time: a restarted board is found."""

    def connect(baud: int, on_bytes: Callable[[bytes], None], on_lost: Callable[[str], None]) -> Transport:
        return SerialPort(path, baud, on_bytes, on_lost)

    return connect
