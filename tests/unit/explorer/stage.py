"""The node's application over a town's history, served on a free port of this machine.

Everything is real, but that the test decides when a block comes: the node doesn't produce by its clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from chain.node.http_api import ApiSettings, close_streams, create_app
from chain.node.node import Node, get_time_ms
from tests.unit.chain.home import PRODUCER
from tests.unit.explorer.history import ROUND_MS, History


class Server(uvicorn.Server):
    """Without its signal handlers: it runs in a thread of the tests."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Stage:
    """A served history. ``url`` is the map's address; ``act`` plays on while it is served."""

    def __init__(
        self, folder: Path, rounds: int, hotspots: int = 14, settings: ApiSettings | None = None
    ) -> None:
        self._settings = settings
        begin_ms = get_time_ms() - rounds * ROUND_MS - 10_000
        self.history = History(folder, begin_ms)
        self.history.add_hotspots(hotspots)
        self.history.play_rounds(rounds)
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.node: Node
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(listening,), daemon=True)
        self._thread.start()
        assert self._started.wait(20), "the application did not start"

    def play_rounds(self, rounds: int, new_hotspots: int = 0) -> None:
        """So many more rounds, told to everybody who waits for blocks; new hotspots join before."""
        self.history.add_hotspots(new_hotspots)
        self.history.play_rounds(rounds)
        asyncio.run_coroutine_threadsafe(self._tell(), self._loop).result(10)

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.url}/v1{path}", trust_env=False, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(close_streams, self._app)
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive(), "the application did not end"
        self.history.home.store.close()

    async def _tell(self) -> None:
        async with self.node._new_block:
            self.node._new_block.notify_all()

    def _serve(self, listening: socket.socket) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run(listening))

    async def _run(self, listening: socket.socket) -> None:
        home = self.history.home
        self.node = Node(home.engine, home.store, PRODUCER)
        app = self._app = create_app(self.node, None, self._settings)
        config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
        self._server = Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        self._started.set()
        await serving
