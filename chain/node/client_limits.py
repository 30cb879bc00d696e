"""How often one client may ask: a token bucket for each address, in a table of bounded size.

An address is an IPv4 address or an IPv6 network of 64 bits (what one subscriber has). Programs on this
machine have a rate of their own, so that a node's own services are never held up by what protects it from
others. A proxy on this machine is believed when it names the client (X-Forwarded-For); others aren't.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from chain import api

MAX_CLIENTS = 10_000
#: How many seconds' worth of requests may come at once: a map page asks for some 40 things when it opens.
BURST_S = 4

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Requests per second for one client address; 0 = as many as it likes."""

    others: int = 50
    this_machine: int = 2_000


class ClientLimits:
    """The buckets of all clients."""

    def __init__(
        self, rates: Rates, room: int = MAX_CLIENTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rates = rates
        self._room = room
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Client: (tokens, when that was), who asked last at the end."""

    @property
    def clients(self) -> int:
        """How many are remembered."""
        return len(self._buckets)

    def take(self, address: str) -> float:
        """Count a request; returns 0 where it may pass, or in how many seconds the next one may."""
        client, is_local = get_client(address)
        rate = self.rates.this_machine if is_local else self.rates.others
        if rate == 0:
            return 0
        now = self._clock()
        full = float(rate * BURST_S)
        tokens, since = self._buckets.pop(client, (full, now))
        tokens = min(full, tokens + (now - since) * rate)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / rate
        self._buckets[client] = (tokens - 1 if wait_s == 0 else tokens, now)
        while len(self._buckets) > self._room:
            self._buckets.popitem(last=False)
        return wait_s


def get_client(address: str) -> tuple[str, bool]:
    """Whose bucket it is, and whether the client is on this machine."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64], False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif not parsed.is_loopback:
            return str(ipaddress.ip_network((parsed, 64), strict=False)), False
    return str(parsed), parsed.is_loopback


def limit_clients(app: AsgiApp, limits: ClientLimits) -> AsgiApp:
    """The application, behind the limits. Who asks too often gets 429 and when to ask again."""

    async def limited(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        client = scope.get("client")
        wait_s = limits.take(client[0] if client else "")
        if wait_s <= 0:
            await app(scope, receive, send)
            return
        seconds = max(1, math.ceil(wait_s))
        message = f"too many requests from your address: ask again in {seconds} s"
        body = msgspec.json.encode(api.ErrorResponse(api.ErrorBody("rate_limit", message)))
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "retry-after": str(seconds),
            "access-control-allow-origin": "*",
        }
        raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 429, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return limited
