"""The node in this process: group commit, subscriptions, and how it stops when something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chain.blocks.engine import AppliedBlock
from chain.blocks.reports import BEACON, MAX_REPORT_BYTES
from chain.ledger.conservation import BooksDontAddUp
from chain.node.node import Node, NodeFailed, get_time_ms
from chain.transactions import Payee, Payment, build_transaction
from tests.unit.chain.home import FAUCET, PRODUCER, Home, make_genesis, make_parameters
from tests.unit.chain.world import make_key

ALICE = make_key(1).public_key.binary


class Running:
    """A started node on a genesis of now."""

    def __init__(self, folder: Path) -> None:
        self.genesis = make_genesis(make_parameters(block_interval_ms=20), time_ms=get_time_ms())
        self.folder = folder

    async def start(self) -> Node:
        home = Home(self.folder, self.genesis)
        self.home, self.node = home, Node(home.engine, home.store, PRODUCER)
        await self.node.start()
        return self.node

    def build(self, nonce: int) -> bytes:
        body = Payment(payer=FAUCET.public_key.binary, nonce=nonce, fee=0, payees=(Payee(ALICE, nonce),))
        chain = self.home.chain
        return build_transaction(body, chain.chain_id, chain.genesis_parameters, [FAUCET])


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    running = Running(tmp_path)
    await running.start()
    yield running
    await running.node.stop()


async def test_a_transaction_gets_into_a_block_and_listeners_hear_it(running: Running) -> None:
    node, heard = running.node, []

    def fail(applied: AppliedBlock) -> None:
        raise ZeroDivisionError

    node.on_block(fail)
    node.on_block(lambda applied: heard.append(applied.head.height))
    id = await node.submit_transaction(running.build(1))
    height = await asyncio.wait_for(node.wait_for_block_after(0), 5)
    assert heard == [height]
    assert node.store.get_outcome(id).included
    events = node.events_since(0)
    assert [event.kind for event in events] == ["fee_paid", "payment"]
    assert node.events_since(height) == []


async def test_many_at_once_share_commits(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    node, commits = running.node, []
    add_pending = node.store.add_pending
    monkeypatch.setattr(node.store, "add_pending", lambda t, r: (commits.append(len(t)), add_pending(t, r)))
    await asyncio.gather(*(node.submit_transaction(running.build(n)) for n in range(1, 51)))
    assert sum(commits) == 50
    assert len(commits) < 25


async def test_a_report_is_kept_once_and_bounded(running: Running) -> None:
    node = running.node
    ids = await asyncio.gather(*(node.accept_report(BEACON, b"report") for _ in range(3)))
    assert len(set(ids)) == 1
    await asyncio.wait_for(node.wait_for_block_after(0), 5)
    with pytest.raises(ValueError, match="at most"):
        await node.accept_report(BEACON, bytes(MAX_REPORT_BYTES + 1))


async def test_an_idle_node_makes_no_blocks(running: Running) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running.node.wait_for_block_after(0), 0.3)


async def test_what_was_pending_is_taken_back_after_a_restart(tmp_path: Path) -> None:
    running = Running(tmp_path)
    node = await running.start()
    for task in node._tasks:
        if task.get_name() == "chain-produce":
            task.cancel()
    id = await node.submit_transaction(running.build(1))
    await node.stop()
    node = await running.start()
    assert node.mempool.has_transaction(id)
    await asyncio.wait_for(node.wait_for_block_after(0), 5)
    assert node.store.get_outcome(id).included
    assert node.store.get_pending_transactions() == []
    await node.stop()


async def test_wrong_books_stop_the_node(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_a_fault(*_: object) -> None:
        raise BooksDontAddUp("hxt: minted 1 is not burnt 0 + held 0 + locked 0")

    monkeypatch.setattr("chain.blocks.engine.process_books", find_a_fault)
    await running.node.submit_transaction(running.build(1))
    with pytest.raises(NodeFailed, match="BooksDontAddUp: hxt: minted 1"):
        await asyncio.wait_for(running.node.wait_failed(), 5)
    assert running.node.get_head().height == 0


async def test_a_disk_that_refuses_stops_the_node_and_nothing_is_acknowledged(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running.node.store, "add_pending", refuse)
    with pytest.raises(NodeFailed, match="No space left"):
        await asyncio.wait_for(running.node.submit_transaction(running.build(1)), 5)
    with pytest.raises(NodeFailed, match="No space left"):
        await asyncio.wait_for(running.node.wait_failed(), 5)


async def test_a_clock_that_went_back_is_said(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await running.node.submit_transaction(running.build(1))
    await asyncio.wait_for(running.node.wait_for_block_after(0), 5)
    await running.node.stop()
    monkeypatch.setattr("chain.node.node.get_time_ms", lambda: get_time_ms() - 3_600_000)
    await running.start()
    assert "behind the last block" in caplog.text
