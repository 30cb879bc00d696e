"""Event streams: every event as its block is made, for as long as a client listens.

A stream reads the store from where the client stands, so a slow client holds up nobody and misses nothing,
and one that comes back goes on after the last event it has seen: an event's place (height, number) is its id.
How many streams there are is bounded, in all and for each client.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from types import TracebackType
from typing import NamedTuple

from chain.ledger.events import StoredEvent
from chain.node.node import Node

MAX_STREAMS = 200
MAX_STREAMS_PER_CLIENT = 20
KEEP_ALIVE_S = 15.0
_BATCH_EVENTS = 500
_MAX_DIGITS = 18


class TooManyStreams(Exception):
    """No more streams at the moment; the message says whose fault and when to try again."""


class Place(NamedTuple):
    """After which event a stream goes on; ``number`` None is the end of the block."""

    height: int
    number: int | None


def parse_place(text: str) -> Place:
    """From an event's id, ``height-number``. Raises ValueError."""
    height, dash, number = text.strip().partition("-")
    parts = (height, number)
    if not dash or not all(part.isascii() and part.isdigit() and len(part) <= _MAX_DIGITS for part in parts):
        raise ValueError(f"Last-Event-ID {text[:40]!r} is no event's id: it is height-number, such as 1204-3")
    return Place(int(height), int(number))


class Slot:
    """One client's right to a stream, given back at the end."""

    def __init__(self, streams: EventStreams, client: str) -> None:
        self._streams = streams
        self._client = client
        self._is_open = True

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._streams.leave(self._client)

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A client that is gone before its stream began.
        self.close()


class EventStreams:
    """All streams of one node's application."""

    def __init__(self, most: int = MAX_STREAMS, most_per_client: int = MAX_STREAMS_PER_CLIENT) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._clients: Counter[str] = Counter()
        self._closing = asyncio.Event()

    @property
    def open(self) -> int:
        """How many there are."""
        return self._clients.total()

    def join(self, client: str) -> Slot:
        """Raises TooManyStreams."""
        if self._closing.is_set():
            raise TooManyStreams("the node is stopping: try again later")
        if self.open >= self._most:
            raise TooManyStreams(f"{self._most} streams are open already: try again later")
        if self._clients[client] >= self._most_per_client:
            raise TooManyStreams(
                f"{self._most_per_client} streams of {client} are open already: close one, and share it"
            )
        self._clients[client] += 1
        return Slot(self, client)

    def leave(self, client: str) -> None:
        self._clients[client] -= 1
        if self._clients[client] <= 0:
            del self._clients[client]

    def close(self) -> None:
        """End all streams, so that a server that stops needn't cut them off."""
        self._closing.set()

    async def follow(self, node: Node, after: Place) -> AsyncIterator[StoredEvent | None]:
        """Events after a place, forever until the node stops; None where nothing came for a while."""
        height, number = after
        while not self._closing.is_set():
            if number is not None:  # the rest of the block in which the client left off
                for stored in node.store.get_events(height, 1):
                    if stored.height == height and stored.index > number:
                        yield stored
                number = None
            head = node.get_head().height
            events = node.store.get_events(height + 1, _BATCH_EVENTS) if head > height else []
            for stored in events:
                yield stored
            if events:
                # Whole blocks: what came after the head was read belongs to it now.
                height = max(events[-1].height, head if len(events) < _BATCH_EVENTS else 0)
            elif head > height:
                height = head
            elif not await self._wait(node, height):
                yield None

    async def _wait(self, node: Node, height: int) -> bool:
        """Wait for a block above a height, or the end; False where that takes long."""
        waiting = [
            asyncio.ensure_future(node.wait_for_block_after(height)),
            asyncio.ensure_future(self._closing.wait()),
        ]
        try:
            done, _ = await asyncio.wait(waiting, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return bool(done)
