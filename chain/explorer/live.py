"""The live feed: each block as it comes, to everybody who listens.

Every listener has a queue of its own, and a full one never holds up the others: what the listener was too
slow for is dropped, and it is told how many blocks these were, so that it can ask anew.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakSet

MAX_LISTENERS = 200
QUEUED_BLOCKS = 64


class TooManyListeners(Exception):
    """No more can listen at the moment."""


class Listener:
    """One client's queue."""

    def __init__(self, room: int) -> None:
        self._blocks: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(room)
        self._dropped = 0

    def offer(self, block: dict[str, Any] | None) -> None:
        """Queue a block, or None for the end; where there is no room, all that waited goes."""
        if self._blocks.full():
            while not self._blocks.empty():
                self._blocks.get_nowait()
                self._dropped += 1
        self._blocks.put_nowait(block)

    async def next(self) -> tuple[int, dict[str, Any] | None]:
        """The next block, None at the end, and how many were dropped before it."""
        block = await self._blocks.get()
        dropped, self._dropped = self._dropped, 0
        return dropped, block


class LiveFeed:
    """Who listens."""

    def __init__(self, room: int = QUEUED_BLOCKS, most: int = MAX_LISTENERS) -> None:
        self._room = room
        self._most = most
        # A client that is gone before its stream began leaves nothing behind.
        self._listeners: WeakSet[Listener] = WeakSet()
        self._is_closed = False

    def publish(self, block: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener.offer(block)

    def join(self) -> Listener:
        """Raises TooManyListeners."""
        if self._is_closed:
            raise TooManyListeners("the node is stopping: try again later")
        if len(self._listeners) >= self._most:
            raise TooManyListeners(f"{self._most} listen already: try again later")
        listener = Listener(self._room)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """End all streams, so that a server that stops needn't cut them off."""
        self._is_closed = True
        for listener in self._listeners:
            listener.offer(None)

    @property
    def listeners(self) -> int:
        return len(self._listeners)
