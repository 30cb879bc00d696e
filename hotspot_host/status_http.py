"""``GET /status``: one JSON object about the hotspot. Reads only; plain HTTP/1.1 on loopback unless told
otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

REQUEST_TIMEOUT_S = 5.0
MAX_REQUEST_BYTES = 8192
MAX_CONNECTIONS = 16

#: A client that sends half a request, or leaves, gets no answer.
_CLIENT_LEFT = (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class StatusServer:
    """A server of one document, without a framework: three hotspots on one machine shouldn't carry three."""

    def __init__(self, get_status: Callable[[], dict[str, Any]]) -> None:
        self._get_status = get_status
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen (port 0: a free one); returns where. OSError where the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_REQUEST_BYTES)
        bound_host, bound_port = self._server.sockets[0].getsockname()[:2]
        return str(bound_host), int(bound_port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            with contextlib.suppress(*_CLIENT_LEFT):
                await self._talk(reader, writer)
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open > MAX_CONNECTIONS:
            code, body = 503, _make_error("busy", "too many connections")
        else:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = await reader.readuntil(b"\r\n\r\n")
            code, body = self._answer(request)
        writer.write(_format(code, body))
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            await writer.drain()

    def _answer(self, request: bytes) -> tuple[int, dict[str, Any]]:
        method, _, rest = request.partition(b"\r\n")[0].partition(b" ")
        path = rest.split(b" ")[0].split(b"?")[0]
        if path != b"/status":
            return 404, _make_error("not_found", "only /status is here")
        if method != b"GET":
            return 405, _make_error("method", "only GET")
        return 200, self._get_status()


_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


def _make_error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _format(code: int, body: dict[str, Any]) -> bytes:
    content = msgspec.json.encode(body)
    head = (
        f"HTTP/1.1 {code} {_REASONS[code]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + content
