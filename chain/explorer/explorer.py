"""The explorer of one node: asks the index for the map, tells the live feed, keeps observations."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection

from chain.explorer.live import LiveFeed
from chain.explorer.observations import ObservationStore
from chain.explorer.sentences import describe_for_map
from chain.index.follower import ChainIndex
from chain.index.rendering import Row, get_address
from chain.index.rows import IndexedBlock
from chain.ledger.events import StoredEvent
from chain.node.node import Node

#: The feed's beginning: so many sentences are remembered, looked for in so many of the last blocks.
KEPT_SENTENCES = 200
SEARCHED_BLOCKS = 2_000
_SEARCH_STEP = 100
INDEX_WAIT_S = 5.0
INDEX_WAIT_BLOCKS = 200
#: Answers about the whole map that are kept until the next block.
MAX_KEPT_ANSWERS = 16

Answer = TypeVar("Answer")


class Explorer:
    """Lives as long as the node's application; used in its event loop."""

    def __init__(self, node: Node, index: ChainIndex) -> None:
        self.node = node
        self.index = index
        self.live = LiveFeed()
        self._observations: ObservationStore
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="observations")
        self._sentences: deque[Row] = deque(maxlen=KEPT_SENTENCES)
        self._published = 0
        self._answers: dict[Hashable, tuple[int, Any]] = {}

    @contextlib.asynccontextmanager
    async def run(self, _: object = None) -> AsyncIterator[None]:
        """Open the observations beside the node's store, tell each block that the index takes in."""
        self._observations = ObservationStore(self.node.store.path.parent / "observations.db")
        self._published = self.node.get_head().height
        self._sentences.extend(self._find_last_sentences())
        self.index.on_blocks(self._publish)
        try:
            yield
        finally:
            self._thread.shutdown()
            self._observations.close()

    async def observe(self, ask: Callable[[ObservationStore], Answer]) -> Answer:
        """Ask the observations, in their own thread: an import waits for the disk, the node must not."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, ask, self._observations)

    async def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """Ask the index, up to date where it can be. Raises IndexUnavailable."""
        await self.catch_up()
        return await self.index.ask(question)

    async def ask_once(self, key: Hashable, question: Callable[[Connection], Answer]) -> Answer:
        """Ask what everybody asks: the answer is kept until the next block. Raises IndexUnavailable."""
        await self.catch_up()
        height = self.index.height
        kept = self._answers.get(key)
        if kept is None or kept[0] != height:
            kept = (height, await self.index.ask(question))
            while len(self._answers) >= MAX_KEPT_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
            self._answers[key] = kept
        answer: Answer = kept[1]
        return answer

    async def catch_up(self) -> None:
        """Wait for the index, unless it is far behind."""
        head = self.node.get_head().height
        if self.index.height < head <= self.index.height + INDEX_WAIT_BLOCKS:
            await self.index.wait_for(head, INDEX_WAIT_S)

    def get_sentences(self, limit: int) -> list[Row]:
        """What happened lately, newest first."""
        return list(self._sentences)[::-1][:limit]

    def _publish(self, blocks: list[IndexedBlock]) -> None:
        for block in blocks:
            if block.height <= self._published:
                continue  # an index that is being built anew: the feed has told these
            self._published = block.height
            sentences = _describe(block.events)
            self._sentences.extend(sentences)
            told: Row = {"height": block.height, "time_ms": block.time_ms}
            told["kinds"] = list(dict.fromkeys(event.kind for event in block.events))
            told["sentences"] = sentences
            self.live.publish(told)

    def _find_last_sentences(self) -> list[Row]:
        """From the last blocks, oldest first."""
        found: list[Row] = []
        above = self._published
        lowest = max(above - SEARCHED_BLOCKS, 0)
        while above > lowest and len(found) < KEPT_SENTENCES:
            low = max(above - _SEARCH_STEP, lowest)
            events = [event for event in self._read_events(low + 1) if event.height <= above]
            found = [*_describe(events), *found]
            above = low
        return found[-KEPT_SENTENCES:]

    def _read_events(self, from_height: int) -> list[StoredEvent]:
        """The events of a step's blocks: a block at a time, for a round's verdicts may be very many."""
        events: list[StoredEvent] = []
        height = from_height
        while height < from_height + _SEARCH_STEP:
            block = self.node.store.get_events(height, 1)
            if not block:
                break
            events += block
            height = block[-1].height + 1
        return events


def _describe(events: Sequence[StoredEvent]) -> list[Row]:
    return [
        {
            "height": stored.height,
            "number": stored.index,
            "time_ms": stored.time_ms,
            "kind": stored.kind,
            "text": text,
            "hotspot": get_address(stored.fields.get("hotspot")),
        }
        for stored in events
        if (text := describe_for_map(stored.event)) is not None
    ]
