"""Which routers there are, and which spooled packet goes to which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hotspot_host.forwarder.router_stream import RouterStream
from hotspot_host.forwarder.routes import Route, pick_route
from hotspot_host.forwarder.uplink_filter import Uplink, judge_payload
from hotspot_host.store.database import Database
from hotspot_host.store.spool import Spool, SpooledPacket
from hotspot_host.tally import Tally

#: Streams at once: those of the first routers by address.
MAX_ROUTERS = 16

_ROUTES_FACT = "routes"
_BATCH = 256


class RouterPool:
    """A stream for each router on the chain; hands out the spool's packets by the routing table.

    The table is kept on the disk: a hotspot that starts while the chain is away goes on with the last one it
    saw. Packets are dropped as "no_route" only by a table that came from the chain since the start.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        tally: Tally,
        make_stream: Callable[[Route], RouterStream],
    ) -> None:
        self._database = database
        self._spool = spool
        self._tally = tally
        self._make_stream = make_stream
        self._streams: dict[str, tuple[RouterStream, asyncio.Task[None]]] = {}
        self._last_id = 0
        self._unrouted: list[SpooledPacket] = []
        self._is_fresh = False
        self._failure: BaseException | None = None
        self._wake = asyncio.Event()
        self._new_routes: tuple[Route, ...] | None = None
        kept = database.get_fact(_ROUTES_FACT)
        self.routes: tuple[Route, ...] = (
            () if kept is None else msgspec.json.decode(kept, type=tuple[Route, ...])
        )

    def on_spooled(self) -> None:
        """There is something new in the spool."""
        self._wake.set()

    def set_routes(self, routes: Sequence[Route]) -> None:
        """The chain's routing table, just read."""
        ordered = tuple(sorted(routes, key=lambda route: route.router))
        if ordered != self.routes:
            self._database.put_fact(_ROUTES_FACT, msgspec.json.encode(ordered))
        self._new_routes = ordered
        self._wake.set()

    def get_states(self) -> list[dict[str, Any]]:
        """For the status page."""
        return [
            {
                "router": stream.route.router,
                "grpc": stream.route.grpc,
                "state": stream.state,
                "paused": stream.paused,
                "waiting": stream.waiting,
            }
            for stream, _ in self._streams.values()
        ]

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._apply_routes(self.routes)
            while True:
                if self._new_routes is not None:
                    routes, self._new_routes = self._new_routes, None
                    if routes != self.routes:
                        await self._apply_routes(routes)
                    self._is_fresh = True
                self._dispatch()
                await self._wake.wait()
                self._wake.clear()
                if self._failure is not None:
                    raise self._failure
        finally:
            await self._apply_routes(())

    async def _apply_routes(self, routes: tuple[Route, ...]) -> None:
        """Start and stop streams; what a stopped one still had is handed out anew."""
        wanted = {route.router: route for route in routes[:MAX_ROUTERS]}
        stopped = []
        for router, (stream, task) in list(self._streams.items()):
            if wanted.get(router) != stream.route:
                task.cancel()
                stopped.append(task)
                self._unrouted += stream.withdraw()
                del self._streams[router]
        await asyncio.gather(*stopped, return_exceptions=True)
        for router, route in wanted.items():
            if router not in self._streams:
                stream = self._make_stream(route)
                task = asyncio.create_task(stream.run(), name=f"router {route.grpc}")
                task.add_done_callback(self._on_stream_end)
                self._streams[router] = (stream, task)
        self.routes = routes

    def _on_stream_end(self, task: asyncio.Task[None]) -> None:
        """A stream retries for ever; one that ends by itself has met a bug, which must not go unseen."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._wake.set()

    def _dispatch(self) -> None:
        oldest = self._spool.get_oldest_id()
        for stream, _ in self._streams.values():
            stream.forget_before(oldest)
        waiting = [packet for packet in self._unrouted if packet.id >= oldest]
        self._unrouted = []
        while batch := self._spool.read_after(self._last_id, _BATCH):
            self._last_id = batch[-1].id
            waiting += batch
        for packet in sorted(waiting, key=lambda packet: packet.id):
            uplink = judge_payload(packet.parse().payload)
            route = pick_route(self.routes, uplink) if isinstance(uplink, Uplink) else None
            if route is not None and route.router in self._streams:
                self._streams[route.router][0].offer(packet)
            elif self._is_fresh:
                self._spool.remove(packet.id)
                self._tally.drop("no_route", "packet dropped: no router on the chain wants it")
            else:
                self._unrouted.append(packet)
