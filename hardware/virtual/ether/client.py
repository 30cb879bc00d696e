"""The board's end of the ether: what its chip radiates goes out, what arrives is handed to the chip.

    client = EtherClient(socket_path, "hotspot-1", scheduler)
    chip = Sx1276(scheduler, client, ...)
    client.on_signal = chip.on_signal
    client.start()                          # needs no running ether: connects and reconnects by itself
    client.set_position(46.9, 7.4, 540.0)   # a node that walks; told again after each reconnect
    client.close()

It lives in the board's scheduler: `add_reader(fd, call)`, `remove_reader(fd)`, `call_at`, `cancel`,
`now_us`. Every call comes under the board's lock, callbacks included; there is no thread and no wait. While
the ether is away nothing is heard and what is radiated is lost, as with an antenna pulled off (`lost` counts
it).
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from hardware.virtual.ether.emission import Emission, Signal

RECONNECT_US = 200_000
RETRY_WRITE_US = 2_000

#: Bytes that wait for a slow ether or, incoming, for the end of a line; beyond, the connection is given up.
BUFFER_LIMIT = 262_144


class Scheduler(Protocol):
    """The board's (`hardware.virtual.board.scheduler`)."""

    def now_us(self) -> int: ...
    def call_at(self, at_us: int, call: Callable[[], None], /) -> Any: ...
    def cancel(self, handle: Any, /) -> None: ...
    def add_reader(self, descriptor: int, call: Callable[[], None], /) -> None: ...
    def remove_reader(self, descriptor: int, /) -> None: ...


class EtherClient:
    """One node's connection. `gain_dbi` and `position` override what the ether's configuration says of the
    node.

    `on_link(is_up, text)` hears of changes of the connection and of what the ether refuses.
    """

    def __init__(
        self,
        path: Path | str,
        node: str,
        scheduler: Scheduler,
        *,
        gain_dbi: float | None = None,
        position: tuple[float, float, float] | None = None,
        on_signal: Callable[[Signal], None] | None = None,
        on_link: Callable[[bool, str], None] | None = None,
    ) -> None:
        self._path = str(path)
        self._node = node
        self._scheduler = scheduler
        self._gain_dbi = gain_dbi
        self._position = position
        self.on_signal = on_signal
        self.on_link = on_link
        self.lost = 0
        self._socket: socket.socket | None = None
        self._timer: Any = None
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._is_closed = False
        self._was_told_down = False

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    def start(self) -> None:
        """Connect, now or as soon as there is an ether."""
        self._connect()

    def close(self) -> None:
        """Leave the air for good."""
        self._is_closed = True
        self._drop()
        self._cancel_timer()

    # ---- the chip's medium ----------------------------------------------------------------------------

    def transmit(self, emission: Emission) -> None:
        if not self._send({"type": "transmit", "emission": emission.to_json()}):
            self.lost += 1

    def cut(self, emission_id: int, at_us: int) -> None:
        self._send({"type": "cut", "emission_id": emission_id, "at_us": at_us})

    # ---- the board's ----------------------------------------------------------------------------------

    def set_position(self, lat: float, lng: float, alt_m: float) -> None:
        """Where the node is from now on; told again after each reconnect."""
        self._position = (lat, lng, alt_m)
        self._send({"type": "set_position", "node": self._node, "lat": lat, "lng": lng, "alt_m": alt_m})

    # ---- connection -----------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._timer = None
        if self._is_closed or self._socket is not None:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            self._tell_down(f"no ether at {self._path}: {error.strerror or error}")
            self._retry()
            return
        self._socket = connection
        self._scheduler.add_reader(connection.fileno(), self._read)
        hello: dict[str, Any] = {"type": "hello", "node": self._node}
        if self._gain_dbi is not None:
            hello["gain_dbi"] = self._gain_dbi
        if self._position is not None:
            hello["lat"], hello["lng"], hello["alt_m"] = self._position
        self._was_told_down = False
        if self._send(hello) and self.on_link is not None:
            self.on_link(True, f"on the air at {self._path}")

    def _retry(self) -> None:
        if not self._is_closed and self._timer is None:
            self._timer = self._scheduler.call_at(self._scheduler.now_us() + RECONNECT_US, self._connect)

    def _drop(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            self._scheduler.remove_reader(connection.fileno())
            with contextlib.suppress(OSError):  # the other end has closed it already
                connection.shutdown(socket.SHUT_RDWR)
            # The scheduler's thread may be about to wait for this descriptor: only there it is closed safely.
            self._scheduler.call_at(self._scheduler.now_us(), connection.close)
        self._outgoing.clear()
        self._incoming.clear()

    def _lose(self, text: str) -> None:
        self._drop()
        self._cancel_timer()
        self._tell_down(text)
        self._retry()

    def _tell_down(self, text: str) -> None:
        if not self._was_told_down and not self._is_closed:
            self._was_told_down = True
            if self.on_link is not None:
                self.on_link(False, text)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._scheduler.cancel(self._timer)
            self._timer = None

    def _send(self, message: dict[str, Any]) -> bool:
        if self._socket is None:
            return False
        self._outgoing += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if len(self._outgoing) > BUFFER_LIMIT:
            self._lose("the ether takes nothing any more")
            return False
        self._flush()
        return self._socket is not None

    def _flush(self) -> None:
        while self._outgoing and self._socket is not None:
            try:
                sent = self._socket.send(self._outgoing)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EINTR):
                    self._lose(f"the ether has gone: {error.strerror}")
                elif self._timer is None:
                    self._timer = self._scheduler.call_at(
                        self._scheduler.now_us() + RETRY_WRITE_US, self._flush_again
                    )
                return
            del self._outgoing[:sent]

    def _flush_again(self) -> None:
        self._timer = None
        self._flush()

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(65_536)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                self._lose(f"the ether has gone: {error.strerror}")
            return
        if not data:
            self._lose("the ether has gone")
            return
        self._incoming += data
        *lines, rest = self._incoming.split(b"\n")
        self._incoming = bytearray(rest)
        if len(rest) > BUFFER_LIMIT:
            self._lose("the ether sends a line without end")
            return
        for line in lines:
            self._process(bytes(line))

    def _process(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            kind = message["type"]
            signal = None
            if kind == "signal":
                signal = Signal(
                    Emission.from_json(message["emission"]),
                    str(message["transmitter"]),
                    int(message["rssi_cdbm"]),
                    message["cut_us"],
                )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if self.on_link is not None:
                self.on_link(True, f"the ether sent what can't be read: {error}")
            return
        if signal is not None and self.on_signal is not None:
            self.on_signal(signal)
        elif kind == "error" and self.on_link is not None:
            self.on_link(True, f"the ether refuses: {message.get('text')}")
