"""Following the chain: reads blocks and events from the store and takes them in, in order, for as long as the
node lives. A failure is said and tried again: the index may be late, the node goes on.

The store is read in the event loop's thread, whose connection that is; the index is written in a thread of
its own, because it may wait for a disk or a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from chain.blocks.header import compute_block_hash, decode_block
from chain.index.database import READERS, IndexDatabase, IndexUnavailable, Standing
from chain.index.rows import IndexedBlock, IndexedTransaction
from chain.index.seeding import list_hotspots, write_hotspots
from chain.index.taking_in import DEFAULT_VERDICTS_KEPT_MS, take_in
from chain.ledger.events import StoredEvent
from chain.ledger.state import State
from chain.store.chain_store import ChainStore
from chain.transactions.encoding import compute_transaction_id, decode_transaction

log = logging.getLogger(__name__)

BATCH_EVENTS = 5_000
BATCH_BLOCKS = 500
RETRY_S = 5.0
DROPPED_WAIT_S = 5.0

Answer = TypeVar("Answer")
BlocksListener = Callable[[list[IndexedBlock]], None]


class Chain(Protocol):
    """What the index needs of the node."""

    @property
    def store(self) -> ChainStore: ...

    async def wait_for_block_after(self, height: int) -> int: ...


def read_blocks(store: ChainStore, chain_id: str, after: int) -> list[IndexedBlock]:
    """The next blocks above a height, at most about a batch; empty at the head."""
    head = store.get_head().height
    first = after + 1
    while first <= head and store.get_block(first) is None:
        first += 1  # a node that began with a snapshot has no blocks below it
    if first > head:
        return []
    last = min(head, first + BATCH_BLOCKS - 1)
    events: dict[int, list[StoredEvent]] = {}
    found = store.get_events(first, BATCH_EVENTS)
    for stored in found:
        events.setdefault(stored.height, []).append(stored)
    if len(found) >= BATCH_EVENTS:  # whole blocks, and there may be more above
        last = min(last, found[-1].height)
    blocks = []
    for height in range(first, last + 1):
        raw = store.get_block(height)
        if raw is None:
            break
        blocks.append(_read_block(chain_id, raw, events.get(height, [])))
    return blocks


def _read_block(chain_id: str, raw: bytes, events: list[StoredEvent]) -> IndexedBlock:
    block = decode_block(raw)
    bodies = [decode_transaction(transaction).body for transaction in block.transactions]
    return IndexedBlock(
        height=block.header.height,
        hash=compute_block_hash(block.header),
        time_ms=block.header.time_ms,
        producer=block.header.producer,
        bytes_in_all=len(raw),
        bundle_root=block.header.bundle_root,
        transactions=[IndexedTransaction(compute_transaction_id(chain_id, body), body) for body in bodies],
        events=events,
    )


class ChainIndex:
    """The index of one running node: followed in the event loop, asked from anywhere in it."""

    def __init__(
        self,
        database: IndexDatabase,
        chain: Chain,
        chain_id: str,
        genesis_hash: bytes,
        verdicts_kept_ms: int = DEFAULT_VERDICTS_KEPT_MS,
    ) -> None:
        self.database = database
        self.genesis_hash = genesis_hash
        self.height = 0
        """Height of the last block taken in."""
        self.failure: str | None = None
        """Why it is late, where it is."""
        self._chain = chain
        self._chain_id = chain_id
        self._verdicts_kept_ms = verdicts_kept_ms
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="index-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="index-reader")
        self._grown = asyncio.Condition()
        self._dropped = asyncio.Event()
        self._listeners: list[BlocksListener] = []

    @contextlib.asynccontextmanager
    async def run(self, _: object = None) -> AsyncIterator[None]:
        """Follow the chain while the body runs. Raises IndexUnavailable where it can't be opened."""
        await self._in_writer(self.database.open)
        following = asyncio.create_task(self._follow(), name="index-follower")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            for threads in (self._writer, self._readers):
                await asyncio.get_running_loop().run_in_executor(None, threads.shutdown)
            self.database.close()

    def on_blocks(self, listener: BlocksListener) -> None:
        """Have ``listener(blocks)`` called in the event loop once they are in; it must not wait."""
        self._listeners.append(listener)

    async def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """Answer from the index as of one block, in a reading thread. Raises IndexUnavailable."""

        def read() -> tuple[int, Answer]:
            with self.database.reading() as connection:
                return self.database.get_standing(connection).height, question(connection)

        loop, expected = asyncio.get_running_loop(), self.height
        height, answer = await loop.run_in_executor(self._readers, read)
        if height >= expected:
            return answer
        # Somebody has dropped it: it is filled again at once, and the question is asked once more.
        self.height = height
        self._dropped.set()
        await self.wait_for(expected, DROPPED_WAIT_S)
        return (await loop.run_in_executor(self._readers, read))[1]

    async def wait_for(self, height: int, timeout_s: float) -> bool:
        """Wait until the index has a block; False where that takes too long."""
        if self.height >= height:
            return True
        try:
            async with asyncio.timeout(timeout_s), self._grown:
                await self._grown.wait_for(lambda: self.height >= height)
        except TimeoutError:
            return False
        return True

    async def _follow(self) -> None:
        while True:
            try:
                blocks = await self._take_in_some()
                self.failure = None
                if blocks:
                    await self._tell(blocks)
                else:
                    await self._wait_for_work()
            except Exception as error:
                self.failure = str(error)
                if isinstance(error, IndexUnavailable):
                    log.warning("%s; trying again in %d s", error, RETRY_S)
                else:
                    log.exception("the index did not take in a block; trying again in %d s", RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def _wait_for_work(self) -> None:
        """Until there is another block, or the index was found to be dropped."""
        waiting = [
            asyncio.ensure_future(self._chain.wait_for_block_after(self.height)),
            asyncio.ensure_future(self._dropped.wait()),
        ]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        self._dropped.clear()
        for task in done:
            task.result()

    async def _take_in_some(self) -> list[IndexedBlock]:
        """Take in the next blocks. Asks each time where the index stands: it may have been dropped."""
        standing = await self._in_writer(self._get_standing)
        head = self._chain.store.get_head().height
        if standing.genesis_hash != self.genesis_hash or standing.height > head:
            if standing.height:
                log.warning("the index %s was not of this chain: it is built anew", self.database.name)
            await self._in_writer(self.database.clear, self.genesis_hash)
            standing = Standing(self.genesis_hash, 0, 0)
        self.height = standing.height
        blocks = read_blocks(self._chain.store, self._chain_id, standing.height)
        if standing.height == 0 and (blocks or head) and (not blocks or blocks[0].height > 1):
            hotspots = list_hotspots(State(self._chain.store.readable))
            await self._in_writer(write_hotspots, self.database, hotspots)
        await self._in_writer(take_in, self.database, blocks, self._verdicts_kept_ms)
        return blocks

    def _get_standing(self) -> Standing:
        with self.database.reading() as connection:
            return self.database.get_standing(connection)

    async def _tell(self, blocks: list[IndexedBlock]) -> None:
        self.height = blocks[-1].height
        for listener in self._listeners:
            try:
                listener(blocks)
            except Exception:
                log.exception("a listener failed on block %d of the index", self.height)
        async with self._grown:
            self._grown.notify_all()

    async def _in_writer(self, job: Callable[..., Answer], *arguments: object) -> Answer:
        """Run in the writing thread; what it began it finishes, also when the caller is cancelled."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writer, job, *arguments))
