"""The microcontroller's UARTs: what has been received and waits for the program, and where sent bytes go."""

from collections.abc import Callable

DEFAULT_RECEIVE_BYTES = 256


class Uart:
    """One UART. ``send`` takes what the program writes; None where nothing is wired to its TX."""

    def __init__(self, send: Callable[[bytes], None] | None = None) -> None:
        self.send = send
        self.received = bytearray()
        self.baudrate = 0  # 0: not opened
        self.receive_bytes = DEFAULT_RECEIVE_BYTES
        self.pins = (-1, -1)  # tx, rx
        self.lost_bytes = 0
        self.on_taken: Callable[[], None] | None = None

    def open(self, baudrate: int, receive_bytes: int, pins: tuple[int, int]) -> None:
        """``baudrate`` 0 closes. What was received before is gone, as on the chip."""
        self.baudrate = baudrate
        self.receive_bytes = max(receive_bytes, 32)
        self.pins = pins
        self.received.clear()
        self._say_taken()

    def close(self) -> None:
        self.open(0, DEFAULT_RECEIVE_BYTES, (-1, -1))

    def receive(self, data: bytes) -> None:
        """Bytes from the line. What exceeds the buffer is lost, as on the chip."""
        space = self.receive_bytes - len(self.received)
        self.received += data[: max(space, 0)]
        self.lost_bytes += max(len(data) - max(space, 0), 0)

    def take(self, limit: int) -> bytes:
        data = bytes(self.received[:limit])
        del self.received[:limit]
        self._say_taken()
        return data

    def _say_taken(self) -> None:
        if self.on_taken is not None:
            self.on_taken()
