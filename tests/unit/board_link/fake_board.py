"""A board's end of the link in Python, behind a transport that may lose, damage and dribble bytes.

It keeps the rules that the firmware keeps (one answer a request, packets offered until acknowledged); the
firmware itself is tested on the virtual board.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware import link

Payload = bytes


@dataclass
class Line:
    """What the wire does to bytes, either way. Chances are per write; ``piece`` cuts writes up."""

    lose: float = 0.0
    garble: float = 0.0
    insert: float = 0.0
    piece: int | None = None
    source: random.Random = field(default_factory=lambda: random.Random(1))

    def pass_on(self, data: bytes) -> list[bytes]:
        if self.source.random() < self.lose:
            return []
        if self.source.random() < self.garble:
            at = self.source.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ (1 << self.source.randrange(8))]) + data[at + 1 :]
        if self.source.random() < self.insert:
            data = self.source.randbytes(self.source.randrange(1, 20)) + data
        if self.piece is None:
            return [data]
        return [data[at : at + self.piece] for at in range(0, len(data), self.piece)]


class FakeBoard:
    """Answers a BoardLink. ``packets``: what is offered until acknowledged, by number."""

    def __init__(self, line: Line | None = None) -> None:
        self.line = line or Line()
        self.version = link.VERSION
        self.boot_id = 7
        self.is_silent = False
        self.is_reachable = True
        self.capabilities = link.CAN_TRANSMIT_AT | link.CAN_LISTEN_AT
        self.baud = link.BASE_BAUD
        self.packets: dict[int, bytes] = {}
        self.acknowledged: list[int] = []
        self.configured: list[tuple[int, ...]] = []
        self.listened: list[tuple[int, ...]] = []
        self.transmitted: list[tuple[int, ...]] = []
        self.transmit_result = link.OK
        self.transmit_delay_s = 0.0
        self.tick = 1000
        self.sessions: set[int] = set()
        self.connections = 0
        self.heard_text = bytearray()
        self._transport: FakeTransport | None = None
        self._done: dict[tuple[int, int], bytes] = {}

    def connect(
        self, baud: int, on_bytes: Callable[[bytes], None], on_lost: Callable[[str], None]
    ) -> "FakeTransport":
        if not self.is_reachable:
            raise OSError("no such port")
        self.connections += 1
        self._reader = link.FrameReader(self._process_frame, self.heard_text.append)
        self._transport = FakeTransport(self, baud, on_bytes, on_lost)
        return self._transport

    def unplug(self) -> None:
        self.is_reachable = False
        if self._transport is not None:
            self._transport.on_lost("unplugged")
            self._transport = None

    def plug_in(self) -> None:
        self.is_reachable = True

    def reboot(self) -> None:
        self.boot_id += 1
        self.packets.clear()
        self.sessions.clear()
        self._done.clear()
        self.configured.clear()

    def add_packet(self, number: int, payload: bytes, flags: int = link.WITH_CRC | link.CRC_OK) -> None:
        frame = bytearray(link.PACKET_HEADER) + payload
        link.pack_packet_into(frame, number, 123_456, 868_100_000, 125_000, 7, 5, flags, -97, -10, 250)
        self.packets[number] = bytes(frame)

    def offer(self) -> None:
        for number, frame in list(self.packets.items()):
            self.send(link.PACKET, number & 0xFF, frame)

    def send(self, frame_type: int, sequence: int, payload: bytes) -> None:
        self.say(link.encode(frame_type, sequence, payload))

    def say(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or self.is_silent or transport.baud != self.baud:
            return
        for piece in self.line.pass_on(data):
            asyncio.get_running_loop().call_soon(transport.deliver, piece)

    def hear(self, data: bytes, baud: int) -> None:
        if baud == self.baud:
            for piece in self.line.pass_on(data):
                self._reader.feed(piece, len(piece))

    def _process_frame(self, request: int, sequence: int, buffer: bytearray, start: int, end: int) -> None:
        payload = bytes(buffer[start:end])
        size = len(payload)
        if request == link.ACKNOWLEDGE:
            number = link.unpack_number(payload, 0, size)
            self.acknowledged.append(number)
            self.packets.pop(number, None)
        elif request == link.HELLO:
            self._process_hello(sequence, payload)
        elif request == link.CONFIGURE:
            self.configured.append(link.unpack_configure(payload, 0, size))
            self._answer(request, sequence, link.pack_result(link.OK))
        elif request == link.LISTEN:
            values = link.unpack_listen(payload, 0, size)
            self.listened.append(values)
            result = link.OK if values[1] < 30_000_000 else link.INVALID
            self._answer(request, sequence, link.pack_result(result))
        elif request == link.TIME:
            self.tick = (self.tick + 1000) % 2**32
            self._answer(request, sequence, link.pack_number(self.tick))
        elif request == link.STATUS:
            self._answer(request, sequence, link.pack_status(tuple(range(len(link.STATUS_FIELDS)))))
        elif request == link.TRANSMIT:
            self._process_transmit(sequence, payload)
        else:
            self._answer(request, sequence, link.pack_result(link.UNKNOWN_REQUEST))

    def _process_hello(self, sequence: int, payload: bytes) -> None:
        _, session, baud = link.unpack_hello(payload, 0, len(payload))
        values = (self.version, (1, 2, 3), self.boot_id, 32, self.capabilities, 32, 1, b"fake", b"none")
        self._answer(link.HELLO, sequence, link.pack_hello_answer(*values))
        if self.capabilities & link.CAN_CHANGE_BAUD:
            asyncio.get_running_loop().call_soon(setattr, self, "baud", baud)
        if session not in self.sessions:
            self.sessions.add(session)
            self.offer()

    def _process_transmit(self, sequence: int, payload: bytes) -> None:
        values = link.unpack_transmit(payload, 0, len(payload))
        key = (sequence, values[1])
        if key in self._done:
            self._answer(link.TRANSMIT, sequence, self._done[key])
            return
        if self.transmit_result != link.OK:
            self._finish(key, link.pack_transmit_answer(self.transmit_result, 0))
            return
        self.send(link.RECEIPT, sequence, b"")
        if (*values, payload[link.TRANSMIT_HEADER :]) not in self.transmitted:
            self.transmitted.append((*values, payload[link.TRANSMIT_HEADER :]))
            answer = link.pack_transmit_answer(link.OK, values[1])
            asyncio.get_running_loop().call_later(self.transmit_delay_s, self._finish, key, answer)

    def _finish(self, key: tuple[int, int], answer: bytes) -> None:
        self._done[key] = answer
        self._answer(link.TRANSMIT, key[0], answer)

    def _answer(self, request: int, sequence: int, payload: bytes) -> None:
        self.send(request + link.ANSWER, sequence, payload)


class FakeTransport:
    def __init__(
        self, board: FakeBoard, baud: int, on_bytes: Callable[[bytes], None], on_lost: Callable[[str], None]
    ) -> None:
        self._board = board
        self.baud = baud
        self._on_bytes = on_bytes
        self.on_lost = on_lost
        self.is_closed = False

    def deliver(self, data: bytes) -> None:
        if not self.is_closed:
            self._on_bytes(data)

    def write(self, data: bytes) -> None:
        if not self.is_closed:
            self._board.hear(data, self.baud)

    def set_baud(self, baud: int) -> None:
        self.baud = baud

    def close(self) -> None:
        self.is_closed = True
