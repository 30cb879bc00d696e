"""The client's side of Semtech UDP: one gateway, as the packet forwarder beside a concentrator would be."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from hotspot_host.replay.recordings import BadRecording
from router.lorawan.errors import MalformedFrame
from router.lorawan.gwmp import PullAck, PullData, PullResp, PushAck, TxAck, decode_datagram, encode_datagram

#: As in a packet forwarder's default configuration.
KEEP_ALIVE_S = 5.0
#: A packet forwarder waits 0.1 s and counts what comes later as lost; a hotspot that syncs to a slow disk may
#: take longer, and a replay has the time.
ACK_TIMEOUT_S = 5.0
#: PUSH_DATA without an answer; more would overrun the socket's buffer at the other end.
IN_FLIGHT_LIMIT = 16
FIRST_ANSWER_TIMEOUT_S = 5.0

_PUSH_DATA = 0


class PacketForwarder(asyncio.DatagramProtocol):
    """One gateway EUI on a socket of its own. Use as ``async with PacketForwarder(eui, host, port)``."""

    def __init__(self, eui: bytes, host: str, port: int) -> None:
        self.eui = eui
        self.sent = 0
        self.acknowledged = 0
        self.downlinks = 0
        self._address = (host, port)
        self._transport: asyncio.DatagramTransport | None = None
        self._token = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._pull_answered = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT_LIMIT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._problem = "no answer"

    async def __aenter__(self) -> PacketForwarder:
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=self._address)
        except OSError as error:
            raise BadRecording(f"gwmp {self._address[0]}:{self._address[1]}: {error.strerror}") from None
        self._start(self._keep_alive())
        try:
            async with asyncio.timeout(FIRST_ANSWER_TIMEOUT_S):
                await self._pull_answered.wait()
        except TimeoutError:
            await self.__aexit__(None, None, None)
            raise BadRecording(
                f"no hotspot answers gateway {self.eui.hex()} at {self._address[0]}:{self._address[1]} "
                f"({self._problem}): is it running, and is the EUI in its --gwmp-allow?"
            ) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def push(self, body: bytes) -> None:
        """Send one PUSH_DATA; returns when it is sent, waiting while too many are unanswered."""
        await self._slots.acquire()
        token = self._next_token()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        head = bytes((2,)) + token.to_bytes(2, "little") + bytes((_PUSH_DATA,))
        self._send(head + self.eui + body)
        self.sent += 1
        self._start(self._wait_for_ack(token, future))

    async def flush(self) -> None:
        """Wait until each PUSH_DATA has its answer or has timed out."""
        for _ in range(IN_FLIGHT_LIMIT):
            await self._slots.acquire()
        for _ in range(IN_FLIGHT_LIMIT):
            self._slots.release()

    async def _wait_for_ack(self, token: int, future: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(ACK_TIMEOUT_S):
                await future
            self.acknowledged += 1
        except TimeoutError:
            self._problem = "PUSH_DATA not acknowledged"
        finally:
            self._waiting.pop(token, None)
            self._slots.release()

    async def _keep_alive(self) -> None:
        while True:
            self._send(encode_datagram(PullData(token=self._next_token(), gateway_eui=self.eui)))
            await asyncio.sleep(KEEP_ALIVE_S if self._pull_answered.is_set() else 0.5)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """From the hotspot."""
        try:
            value = decode_datagram(data)
        except MalformedFrame:
            return
        if isinstance(value, PushAck):
            future = self._waiting.get(value.token)
            if future is not None and not future.done():
                future.set_result(None)
        elif isinstance(value, PullAck):
            self._pull_answered.set()
        elif isinstance(value, PullResp):
            # The device of a recording listens no more: say what a gateway says that can't send in time.
            self.downlinks += 1
            answer = TxAck(token=value.token, gateway_eui=self.eui, error="TOO_LATE")
            self._send(encode_datagram(answer))

    def error_received(self, exc: Exception) -> None:
        """The hotspot isn't there (ICMP)."""
        self._problem = str(exc)

    def _next_token(self) -> int:
        while True:
            self._token = (self._token + 1) & 0xFFFF
            if self._token not in self._waiting:
                return self._token

    def _send(self, datagram: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(datagram)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
