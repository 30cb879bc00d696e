"""The explorer of one node: takes its blocks into the index, tells the live feed, keeps observations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chain.explorer.index import ExplorerIndex
from chain.explorer.live import LiveFeed
from chain.explorer.observations import ObservationStore
from chain.node.node import Node

log = logging.getLogger(__name__)

BATCH_EVENTS = 2_000
RETRY_S = 5.0

Answer = TypeVar("Answer")


class Explorer:
    """Lives as long as the node's application; used in its event loop."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.live = LiveFeed()
        self.index: ExplorerIndex
        self._observations: ObservationStore
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="observations")

    @contextlib.asynccontextmanager
    async def run(self, _: object = None) -> AsyncIterator[None]:
        """Open the files beside the node's store, follow the chain, close them at the end."""
        folder = self.node.store.path.parent
        self.index = ExplorerIndex(folder / "explorer.db")
        self._observations = ObservationStore(folder / "observations.db")
        self._take_in()
        following = asyncio.create_task(self._follow(), name="explorer-index")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self._thread.shutdown()
            self.index.close()
            self._observations.close()

    async def observe(self, ask: Callable[[ObservationStore], Answer]) -> Answer:
        """Ask the observations, in their own thread: an import waits for the disk, the node must not."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, ask, self._observations)

    async def _follow(self) -> None:
        """Take each block in. A failure is said and tried again: the map may be late, the node goes on."""
        is_live = False
        while True:
            try:
                for block in self._take_in():
                    if is_live:
                        self.live.publish(block)
                if self.index.get_height() >= self.node.get_head().height:
                    is_live = True
                    await self.node.wait_for_block_after(self.index.get_height())
                else:
                    await asyncio.sleep(0)  # a long catch-up leaves the node its turns
            except Exception:
                log.exception("the map's index did not take in a block; trying again in %d s", RETRY_S)
                await asyncio.sleep(RETRY_S)

    def _take_in(self) -> list[dict[str, Any]]:
        """Take in what happened since, at most a batch; returns the blocks for the live feed."""
        head = self.node.get_head()
        genesis_hash = self.node.chain.genesis_hash
        if not self.index.belongs_to(genesis_hash, head.height):
            if self.index.get_height():
                log.warning("the map's index was not this chain's: it is built anew")
            self.index.clear(genesis_hash)
        events = self.node.events_since(self.index.get_height(), BATCH_EVENTS)
        # Events come in whole blocks. The head was read before them, so less than a batch reaches it.
        height = events[-1].height if events else head.height
        if len(events) < BATCH_EVENTS:
            height = max(height, head.height)
        sentences = self.index.apply(events, height)
        blocks: dict[int, dict[str, Any]] = {}
        for event in events:
            block = blocks.setdefault(
                event.height,
                {"height": event.height, "time_ms": event.time_ms, "kinds": [], "sentences": []},
            )
            if event.kind not in block["kinds"]:
                block["kinds"].append(event.kind)
        for sentence in sentences:
            blocks[sentence["height"]]["sentences"].append(sentence)
        if height == head.height and height not in blocks:
            blocks[height] = {"height": height, "time_ms": head.time_ms, "kinds": [], "sentences": []}
        return list(blocks.values())
