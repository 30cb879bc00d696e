"""A test's hand on the ether: move nodes, raise the path loss, read the counts.

async with EtherControl(socket_path) as control:
    await control.set_extra_loss(40)
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Any


class EtherRefused(ValueError):
    """What the ether didn't want, in its words."""


class EtherControl:
    """A control connection. Every call waits for the ether's answer, so its effect holds when it returns.

    Raises EtherRefused for a refused message, ConnectionError when the ether is away.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> EtherControl:
        self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=4_194_304)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    async def set_position(self, node: str, lat: float, lng: float, alt_m: float | None = None) -> None:
        """Move a node; without `alt_m` its height stays."""
        message: dict[str, Any] = {"type": "set_position", "node": node, "lat": lat, "lng": lng}
        await self._ask(message if alt_m is None else {**message, "alt_m": alt_m})

    async def set_extra_loss(self, extra_loss_db: float) -> None:
        """Loss added to every path, dB; 0 takes it back."""
        await self._ask({"type": "set_extra_loss", "extra_loss_db": extra_loss_db})

    async def stats(self) -> dict[str, Any]:
        """`transmissions`, `signals`, `extra_loss_db`, and by node `lat lng alt_m is_connected transmissions
        airtime_us`, since the ether started."""
        return await self._ask({"type": "stats"})

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._reader is None or self._writer is None:
            raise ConnectionError("use EtherControl with `async with`")
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()
        line = await self._reader.readline()
        if not line:
            raise ConnectionError("the ether has gone")
        answer: dict[str, Any] = json.loads(line)
        if answer["type"] == "error":
            raise EtherRefused(answer["text"])
        return answer
