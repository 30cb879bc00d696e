"""Event lines of a service under test: collected, and waited for."""

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any


class EventLog(io.StringIO):
    """A stream that an `EventLines` writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self.add(json.loads(line))
        return len(text)

    def add(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        self._changed.set()

    def find(self, event: str, **fields: Any) -> dict[str, Any] | None:
        for entry in self.entries:
            if entry["event"] == event and all(entry.get(key) == value for key, value in fields.items()):
                return entry
        return None

    async def wait_for(self, event: str, timeout_s: float = 20, **fields: Any) -> dict[str, Any]:
        return await self.wait_until(lambda: self.find(event, **fields), timeout_s, f"{event} {fields}")

    async def wait_until(self, get: Callable[[], Any], timeout_s: float = 20, what: str = "condition") -> Any:
        """Wait until `get` gives something true; looked at after each event, and ten times a second."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := get()):
                    self._changed.clear()
                    try:
                        await asyncio.wait_for(self._changed.wait(), 0.1)
                    except TimeoutError:
                        continue
                return found
        except TimeoutError:
            seen = [entry["text"] for entry in self.entries[-30:]]
            raise AssertionError(f"{what} did not come within {timeout_s} s; seen: {seen}") from None
