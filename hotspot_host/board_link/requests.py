"""Requests in flight: futures by (type, sequence), repeated until answered, failed together when the link
goes.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from firmware import link as frames
from hotspot_host.board_link.values import LinkDown

#: A request or its answer may meet garbage on the line: this often and this long apart it is sent again.
TRIES = 4
RETRY_S = 0.5
#: Requests in flight; the board's UART ring (4096 bytes) holds that many of the longest.
_WINDOW = 6

_T = TypeVar("_T")


class _Pending:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.receipt: asyncio.Future[None] = loop.create_future()
        self.answer: asyncio.Future[bytes] = loop.create_future()

    def fail(self, text: str) -> None:
        for future in (self.receipt, self.answer):
            if not future.done():
                future.set_exception(LinkDown(text))
                future.exception()  # seen: nobody may be waiting on one of the two


class Requests:
    """Sends requests through ``send`` (an encoded frame) and matches answers to them."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._pending: dict[tuple[int, int], _Pending] = {}
        self._sequence = 0
        self._window = asyncio.Semaphore(_WINDOW)

    async def ask(self, frame_type: int, payload: bytes = b"", tries: int = TRIES) -> bytes:
        """The answer's payload; ``LinkDown`` if none comes."""
        async with self._window:
            key, pending = self._begin(frame_type)
            try:
                return await self._repeat(key, payload, pending.answer, tries)
            finally:
                del self._pending[key]

    async def ask_slowly(self, frame_type: int, payload: bytes, answer_within_s: float) -> bytes:
        """For a request whose receipt comes at once and whose answer later (TRANSMIT)."""
        key, pending = self._begin(frame_type)
        try:
            async with self._window:
                await self._repeat(key, payload, pending.receipt, TRIES)
            # The answer itself may be lost: once it is overdue, asking again brings it again.
            await asyncio.wait((pending.answer,), timeout=answer_within_s)
            return await self._repeat(key, payload, pending.answer, TRIES)
        finally:
            del self._pending[key]

    def process_frame(self, frame_type: int, sequence: int, payload: bytes) -> bool:
        """Take a frame from the board; False if it answers nothing that is asked."""
        if frame_type == frames.RECEIPT:
            pending = self._pending.get((frames.TRANSMIT, sequence))
            if pending is not None and not pending.receipt.done():
                pending.receipt.set_result(None)
            return pending is not None
        pending = self._pending.get((frame_type - frames.ANSWER, sequence))
        if pending is None or pending.answer.done():
            return False
        pending.answer.set_result(payload)
        if not pending.receipt.done():
            pending.receipt.set_result(None)
        return True

    def fail_all(self, text: str) -> None:
        for pending in self._pending.values():
            pending.fail(text)

    def _begin(self, frame_type: int) -> tuple[tuple[int, int], _Pending]:
        taken = {sequence for _, sequence in self._pending}
        if len(taken) >= 128:
            raise LinkDown("128 requests to the board are waiting already")
        while True:
            self._sequence = (self._sequence + 1) & 0xFF
            if self._sequence not in taken:
                break
        key = (frame_type, self._sequence)
        self._pending[key] = pending = _Pending()
        return key, pending

    async def _repeat(
        self, key: tuple[int, int], payload: bytes, future: "asyncio.Future[_T]", tries: int
    ) -> _T:
        frame = frames.encode(key[0], key[1], payload)
        for _ in range(tries):
            if not future.done():
                self._send(frame)
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the result.
                await asyncio.wait((future,), timeout=RETRY_S)
            if future.done():
                return future.result()
        raise LinkDown(f"the board did not answer request {key[0]:#04x} in {tries * RETRY_S:g} s")
