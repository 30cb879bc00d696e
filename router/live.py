"""What happens right now, for whoever looks: each listener has a bounded queue that forgets its oldest
entries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

#: Entries a slow listener may be behind.
MAX_BEHIND = 500


class LiveFeed:
    """Publishes dicts to any number of listeners; nothing waits for a listener."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._is_closed = False

    def publish(self, kind: str, **fields: Any) -> None:
        entry = {"kind": kind, **fields}
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(entry)

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        """Entries from now on, until the feed is closed."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(MAX_BEHIND)
        self._listeners.add(queue)
        try:
            while not self._is_closed and (entry := await queue.get()) is not None:
                yield entry
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        self._is_closed = True
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
