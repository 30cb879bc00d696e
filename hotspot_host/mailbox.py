"""The bounded queue between two actors, which says what it does when it is full."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, Literal, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """FIFO of at most ``limit`` items for one reader.

    Full, it either refuses the new item ("refuse") or drops its oldest ("drop_oldest"); ``lost`` counts both.
    """

    def __init__(self, limit: int, when_full: Literal["refuse", "drop_oldest"]) -> None:
        self.limit = limit
        self.when_full = when_full
        self.lost = 0
        self._items: deque[Item] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Never blocks. False where an item was lost."""
        kept_all = True
        if len(self._items) >= self.limit:
            self.lost += 1
            kept_all = False
            if self.when_full == "refuse":
                return False
            self._items.popleft()
        self._items.append(item)
        self._arrived.set()
        return kept_all

    async def get(self) -> Item:
        """The oldest item, waiting for one."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()
        return self._items.popleft()

    def get_all(self) -> list[Item]:
        """What is there now; may be empty."""
        items = list(self._items)
        self._items.clear()
        return items
