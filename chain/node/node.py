"""The node: takes transactions and reports in durably, makes blocks when they are due, tells who listens.

One thread writes (block making and every commit), the event loop's thread answers. `submit_transaction` and
`accept_report` return once what they took is on disk: group commit, one fsync for all that came meanwhile.
A block is due when something waits and the block interval is over, when a round or epoch ends, or after
`max_empty_block_interval_ms`. Whatever goes wrong in making a block stops the node: a chain that may be
wrong must not grow.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from chain.api import TransactionCheck
from chain.blocks.application import InvalidBlock, get_open_round
from chain.blocks.bundle import Bundle
from chain.blocks.engine import AppliedBlock, CheckedTransaction, NotProducer, SingleProducer, UnknownRules
from chain.blocks.genesis import Chain
from chain.blocks.header import Block, is_ahead_of_clock
from chain.blocks.reports import (
    MAX_REPORT_BYTES,
    ReceivedReport,
    ReportKind,
    compute_report_id,
    is_arrival_signed_by,
    sign_arrival,
)
from chain.coverage.tables import OpenRound
from chain.coverage.tables import get_open_round as get_coverage_round
from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey
from chain.ledger.context import BlockContext
from chain.ledger.current_parameters import get_parameters
from chain.ledger.events import StoredEvent
from chain.ledger.parameters import Parameters
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS, Hotspot
from chain.node.mempool import Mempool, ReportsFull
from chain.store.chain_store import ChainStore, Head, Pending

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
BlockListener = Callable[[AppliedBlock], None]

_report_encoder = msgspec.msgpack.Encoder()
_report_decoder = msgspec.msgpack.Decoder(ReceivedReport)
#: Entries that wait for the disk; each is in the mempool already, so this only bounds a burst.
_MAX_COMMIT_BATCH = 2_000
_CLOCK_TOLERANCE_MS = 5_000


class NodeFailed(Exception):
    """The node stopped because a block couldn't be made, checked or stored."""


def get_time_ms() -> int:
    """The node's clock: Unix time, milliseconds. Everything later goes by block time."""
    return time.time_ns() // 1_000_000


class Node:
    """One chain node. Made and used in one event loop."""

    def __init__(self, engine: SingleProducer, store: ChainStore, key: Keypair) -> None:
        self.engine = engine
        self.store = store
        self.chain: Chain = engine.chain
        self.key = key
        """The node's key: signs arrival times of reports, and the blocks that this node makes."""
        self.configuration_key: Keypair = key
        """Signs region parameters for gateways; the node's own where it doesn't have the network's."""
        self.report_counts: Mapping[tuple[str, str], int] = {}
        """What came in over gRPC, by kind and what was answered."""
        self.seeds: list[str] = []
        """HTTP URLs that the network file names."""
        self.genesis_raw = b""
        """The genesis file's bytes, for those who join."""
        self.snapshots_folder: Path | None = None
        self.forward_transaction: Callable[[bytes], Awaitable[bytes]] | None = None
        """Where this node makes no blocks: hands a transaction to one that does; returns its id."""
        self.mempool = Mempool(store.readable, self._get_next_context())
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="chain-writer")
        self._to_disk: asyncio.Queue[tuple[Pending, bool]] = asyncio.Queue(_MAX_COMMIT_BATCH)
        self._becoming_durable: dict[bytes, asyncio.Future[None]] = {}
        self._work = asyncio.Event()
        self._new_block = asyncio.Condition()
        self._listeners: list[BlockListener] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Life

    async def start(self) -> None:
        """Take back what was acknowledged before, and begin to make blocks."""
        transactions = [self.engine.check(pending.raw) for pending in self.store.get_pending_transactions()]
        reports = [
            (p.id, self._vouch_for_arrival(_report_decoder.decode(p.raw)))
            for p in self.store.get_pending_reports()
        ]
        self.mempool.restore(transactions, reports)
        behind_ms = self.engine.head.time_ms - get_time_ms()
        if behind_ms > _CLOCK_TOLERANCE_MS:
            log.warning("the clock is %d s behind the last block: no block until then", behind_ms // 1000)
        self.run(self._commit_forever(), "chain-commit")
        if self.forward_transaction is None:
            self.run(self._produce_forever(), "chain-produce")

    def _vouch_for_arrival(self, report: ReceivedReport) -> ReceivedReport:
        """What this node took in under an earlier key counts by its key of now."""
        if is_arrival_signed_by(self.chain.chain_id, report, self.public_key):
            return report
        return sign_arrival(
            self.chain.chain_id, report.kind, report.report_bytes, report.received_at_ms, self.key
        )

    def run(self, job: Coroutine[object, object, None], name: str) -> None:
        """Run something for as long as the node lives; the node fails where it does."""
        task = asyncio.create_task(job, name=name)
        task.add_done_callback(self._notice_end)
        self._tasks.append(task)

    async def wait_failed(self) -> None:
        """Return never, unless the node fails: then raise NodeFailed with the reason."""
        await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """Finish the running commit and close the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._writer.shutdown)
        self.store.close()
        if not self._failed.done():
            self._failed.cancel()

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._failed.done():
            return
        error = task.exception()
        # Of these two the sentence says all: nothing is broken.
        is_expected = isinstance(error, NotProducer | UnknownRules)
        failure = NodeFailed(str(error) if is_expected else f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        self._failed.set_exception(failure)

    # Taking in

    async def submit_transaction(self, raw: bytes) -> bytes:
        """Check a transaction and keep it; returns its id once it is on disk.

        Sending the same again is fine, also when a block has it already. Raises InvalidTransaction.
        """
        checked = self.engine.check(raw)
        outcome = self.store.get_outcome(checked.id)
        if outcome is None or not outcome.included:
            if self.forward_transaction is not None:
                return await self.forward_transaction(raw)
            if not self.mempool.has_transaction(checked.id):
                self.mempool.admit(checked)
                await self._make_durable(Pending(checked.id, checked.raw), is_report=False)
            await self._wait_durable(checked.id)
        return checked.id

    def rehearse_transaction(self, raw: bytes) -> TransactionCheck:
        """What would come of a transaction now. Raises InvalidTransaction where the bytes are none."""
        return self.mempool.rehearse(raw)

    async def accept_report(self, kind: ReportKind, report_bytes: bytes) -> str:
        """Keep a report with the time of its arrival; returns its id (hex) once it is on disk.

        The report's own signature is the caller's business (chain/node/coverage_services.py). Raises
        ValueError for a report that is too large, ReportsFull where too many wait.
        """
        if self.forward_transaction is not None:
            raise ReportsFull("this node makes no blocks: send reports to the block producer's node")
        received_at_ms = get_time_ms()
        if len(report_bytes) > MAX_REPORT_BYTES:
            raise ValueError(f"report of {len(report_bytes)} bytes: at most {MAX_REPORT_BYTES}")
        id = compute_report_id(kind, report_bytes)
        report = sign_arrival(self.chain.chain_id, kind, report_bytes, received_at_ms, self.key)
        if self.mempool.admit_report(id, report):
            await self._make_durable(Pending(id, _report_encoder.encode(report)), is_report=True)
        await self._wait_durable(id)
        return id.hex()

    async def _make_durable(self, pending: Pending, is_report: bool) -> None:
        self._becoming_durable[pending.id] = asyncio.get_running_loop().create_future()
        await self._to_disk.put((pending, is_report))

    async def _wait_durable(self, id: bytes) -> None:
        done = self._becoming_durable.get(id)
        if done is not None:
            await asyncio.shield(done)

    async def _commit_forever(self) -> None:
        while True:
            batch = [await self._to_disk.get()]
            while not self._to_disk.empty() and len(batch) < _MAX_COMMIT_BATCH:
                batch.append(self._to_disk.get_nowait())
            transactions = [pending for pending, is_report in batch if not is_report]
            reports = [pending for pending, is_report in batch if is_report]
            try:
                await self._write(self.store.add_pending, transactions, reports)
            except Exception as error:
                for done in self._becoming_durable.values():
                    done.set_exception(NodeFailed(f"the disk refused what was sent: {error}"))
                self._becoming_durable.clear()
                raise
            self.mempool.mark_durable(pending.id for pending, _ in batch)
            for pending, _ in batch:
                self._becoming_durable.pop(pending.id).set_result(None)
            self._work.set()

    # Making blocks

    async def _produce_forever(self) -> None:
        while True:
            await self._wait_until_due()
            transactions, reports = self.mempool.take()
            time_ms = max(get_time_ms(), self.engine.head.time_ms + 1)
            applied = await self._write(self._make_block, transactions, reports, time_ms)
            await self._announce(applied)

    async def take_block(self, block: Block, bundle: Bundle) -> None:
        """Check a block that another node made, apply it and make it durable.

        Raises InvalidBlock where it breaks a rule or is ahead of the clock; then nothing has changed.
        """
        if is_ahead_of_clock(block.header, get_time_ms(), self.parameters.max_block_ahead_ms):
            raise InvalidBlock(
                f"block {block.header.height} is of {block.header.time_ms}: ahead of this node's clock"
            )
        await self._announce(await self._write(self._apply_block, block, bundle))

    async def _announce(self, applied: AppliedBlock) -> None:
        settled = [outcome.id for outcome in applied.outcomes] + applied.settled_reports
        self.mempool.settle(settled, self._get_next_context())
        for listener in self._listeners:
            try:
                listener(applied)
            except Exception:
                log.exception("a listener failed on block %d", applied.head.height)
        async with self._new_block:
            self._new_block.notify_all()

    def _apply_block(self, block: Block, bundle: Bundle) -> AppliedBlock:
        applied = self.engine.apply(block, bundle)
        self.engine.commit(applied)
        return applied

    def _make_block(
        self, transactions: Sequence[CheckedTransaction], reports: Sequence[ReceivedReport], time_ms: int
    ) -> AppliedBlock:
        applied = self.engine.propose(transactions, reports, time_ms)
        self.engine.commit(applied)
        return applied

    async def _wait_until_due(self) -> None:
        while True:
            self._work.clear()
            delay_ms = self._compute_due_ms() - get_time_ms()
            if delay_ms <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_ms / 1000):
                    await self._work.wait()

    def _compute_due_ms(self) -> int:
        parameters = self.parameters
        last_ms = self.engine.head.time_ms
        earliest_ms = last_ms + parameters.block_interval_ms
        if self.mempool.has_work:
            return earliest_ms
        context = self._get_next_context()
        boundary_ms = min(context.get_round_end_ms(), context.get_epoch_end_ms())
        return max(earliest_ms, min(boundary_ms, last_ms + parameters.max_empty_block_interval_ms))

    def _get_next_context(self) -> BlockContext:
        """The context that the next block will most likely have: what transactions are checked against."""
        head = self.store.get_head()
        state = self.get_state()
        round = get_open_round(state)
        return self.chain.get_context(state, head.height + 1, max(get_time_ms(), head.time_ms + 1), round)

    async def _write(self, job: Callable[..., Answer], *arguments: object) -> Answer:
        """Run in the writing thread; what it started it finishes, also when the caller is cancelled."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writer, job, *arguments))

    # Answering

    def get_state(self) -> State:
        """The state as of the last committed block, for reading."""
        return State(self.store.readable)

    @property
    def parameters(self) -> Parameters:
        """The parameters in force."""
        return get_parameters(self.get_state())

    @property
    def public_key(self) -> PublicKey:
        """By which this node signs arrivals, entropy and blocks."""
        return self.key.public_key

    def sign(self, message: bytes) -> bytes:
        """Sign with the node's key; 64 bytes."""
        return self.key.sign(message)

    def now_ms(self) -> int:
        """The node's clock, Unix milliseconds."""
        return get_time_ms()

    def get_open_round(self) -> OpenRound | None:
        """The round that reports are taken in for; None before the first one opens."""
        return get_coverage_round(self.get_state())

    def get_hotspot(self, key: bytes) -> Hotspot | None:
        """A hotspot's row by its 33-byte key."""
        return self.get_state().get(HOTSPOTS, key)

    def get_head(self) -> Head:
        """The last committed block."""
        return self.store.get_head()

    def events_since(self, height: int, limit: int = 10_000) -> list[StoredEvent]:
        """Events of the blocks above `height`, whole blocks, at least `limit` where there are so many.

        Ask again from the last event's height; an empty answer means that nothing happened since.
        """
        return self.store.get_events(height + 1, limit)

    def on_block(self, listener: BlockListener) -> None:
        """Have `listener(applied_block)` called in the event loop after each commit; it must not wait."""
        self._listeners.append(listener)

    async def wait_for_block_after(self, height: int) -> int:
        """Wait until there is a block above `height`; returns the newest height."""
        async with self._new_block:
            await self._new_block.wait_for(lambda: self.engine.head.height > height)
        return self.engine.head.height
