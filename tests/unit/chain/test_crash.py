"""kill -9 at each write point, and the power goes with it: no acknowledged transaction or report is lost, no
block is half there.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from chain.client import ChainClient, ChainUnavailable
from chain.coverage.reports import compute_signed_bytes
from chain.keys import Keypair
from chain.transactions import HotspotAdd, Payee, Payment, build_transaction
from chain.wire import poc_lora_pb2, poc_lora_pb2_grpc
from tests.power_cut import PowerCut, get_missing_tool
from tests.unit.chain.process import NodeProcess, init

WRITE_POINTS = [
    "chain.pending.before_commit:4",
    "chain.pending.in_commit:4",
    "chain.pending.after_commit:4",
    "chain.block.before_commit:3",
    "chain.block.in_commit:3",
    "chain.block.after_commit:3",
]


class Disk:
    """The node's folder on a disk that forgets what was not synced, where that can be simulated."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "chain"
        self._cut = None if get_missing_tool() else PowerCut(self.folder, tmp_path / "cut")

    @property
    def environment(self) -> dict[str, str] | None:
        return None if self._cut is None else self._cut.get_environment()

    def cut_power(self) -> None:
        if self._cut is not None:
            self._cut.apply()


async def submit_until_it_dies(
    url: str, faucet: Keypair, payee: bytes, on_acknowledged: Callable[[int], None] = lambda count: None
) -> list[str]:
    """Submit payments of 1, 2, 3, ... units one after the other; returns the ids of the acknowledged ones."""
    acknowledged: list[str] = []
    async with ChainClient(url) as chain:
        network, parameters = await chain.network(), await chain.parameters()
        own = faucet.public_key.binary
        nonce = (await chain.account(faucet.public_key.address)).next_nonce
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            body = Payment(payer=own, nonce=nonce, fee=0, payees=(Payee(payee, nonce),))
            try:
                id = await chain.submit(build_transaction(body, network.chain_id, parameters, [faucet]))
            except ChainUnavailable:
                return acknowledged
            acknowledged.append(id)
            on_acknowledged(len(acknowledged))
            nonce += 1
    raise AssertionError("the node did not die at its write point")


async def check_all_included(url: str, ids: list[str], payee: Keypair) -> None:
    async with ChainClient(url) as chain:
        for id in ids:
            assert (await chain.wait_included(id, timeout_s=20)).status == "included"
        received = (await chain.account(payee.public_key.address)).hxt
        count = len(ids)
        # The one in flight when the node died may have been kept without being acknowledged.
        assert received in (count * (count + 1) // 2, (count + 1) * (count + 2) // 2)
        for books in ((await chain.supply()).hxt, (await chain.supply()).data_credits):
            assert books.minted == books.burnt + books.held + books.locked
        head = (await chain.status()).height
        for height in range(1, head + 1):
            assert await chain.block(height) is not None


@pytest.mark.parametrize("point", WRITE_POINTS)
def test_no_acknowledged_transaction_is_lost(tmp_path: Path, point: str) -> None:
    disk = Disk(tmp_path)
    init(disk.folder)
    faucet, payee = Keypair.load(disk.folder / "faucet.key"), Keypair.generate()
    with NodeProcess(disk.folder, kill_at=point, environment=disk.environment) as node:
        ids = asyncio.run(submit_until_it_dies(node.url, faucet, payee.public_key.binary))
        assert node.wait_dead() == -signal.SIGKILL
    disk.cut_power()
    assert len(ids) >= 2
    with NodeProcess(disk.folder) as node:
        asyncio.run(check_all_included(node.url, ids, payee))
        assert node.stop() == 0


def test_no_acknowledged_report_is_lost(tmp_path: Path) -> None:
    """An answered claim is on disk: it gets its verdict after a kill between answer and block."""
    disk = Disk(tmp_path)
    init(disk.folder, "--round-seconds", "2", "--epoch-seconds", "4")
    owner, hotspot = Keypair.load(disk.folder / "faucet.key"), Keypair.generate()

    async def add_hotspot(url: str) -> None:
        async with ChainClient(url) as chain:
            body = HotspotAdd(
                payer=owner.public_key.binary,
                nonce=1,
                fee=0,
                owner=owner.public_key.binary,
                hotspot=hotspot.public_key.binary,
            )
            await chain.wait_included(await chain.send(body, [owner, hotspot]))

    async def send_claim(address: str) -> str:
        claim = poc_lora_pb2.lora_claim_v1(
            pub_key=hotspot.public_key.binary, commitment=bytes(range(32)), timestamp=time.time_ns()
        )
        claim.signature = hotspot.sign(compute_signed_bytes(claim))
        async with asyncio.timeout(30), grpc.aio.insecure_channel(address) as channel:
            stub = poc_lora_pb2_grpc.poc_loraStub(channel)  # type: ignore[no-untyped-call]
            while True:
                try:
                    return str((await stub.submit_lora_claim(claim, timeout=10)).id)
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.OUT_OF_RANGE:  # claims are being opened just now
                        raise
                await asyncio.sleep(0.1)

    async def wait_verdict(url: str) -> dict:
        async with ChainClient(url) as chain:
            async with asyncio.timeout(30):
                while True:
                    verdicts = await chain.verdicts(hotspot=hotspot.public_key.address)
                    if verdicts:
                        return verdicts[0]
                    await asyncio.sleep(0.1)

    with NodeProcess(disk.folder) as node:
        asyncio.run(add_hotspot(node.url))
        assert node.stop() == 0
    # The next commit of pending entries is the report's; die right after it, before any block has it.
    point = "chain.pending.after_commit"
    with NodeProcess(disk.folder, kill_at=point, environment=disk.environment) as node:
        with pytest.raises(grpc.aio.AioRpcError):
            asyncio.run(send_claim(node.wait_ready()["grpc"]))
        assert node.wait_dead() == -signal.SIGKILL
    disk.cut_power()
    with NodeProcess(disk.folder) as node:
        verdict = asyncio.run(wait_verdict(node.url))
        assert verdict["event"] in ("claim_unopened", "claim_verdict")
        assert verdict["ok"] is False
        assert verdict["reason"]


def test_kill_at_any_moment(tmp_path: Path) -> None:
    """Not at a write point but whenever: three kills while transactions pour in."""
    init(tmp_path)
    faucet, payee = Keypair.load(tmp_path / "faucet.key"), Keypair.generate()
    ids: list[str] = []
    for delay_s in (0.001, 0.01, 0.03):
        with NodeProcess(tmp_path) as node:

            def kill_soon(count: int, node: NodeProcess = node, delay_s: float = delay_s) -> None:
                if count == 5:
                    asyncio.get_running_loop().call_later(delay_s, node.process.kill)

            ids += asyncio.run(
                submit_until_it_dies(node.url, faucet, payee.public_key.binary, on_acknowledged=kill_soon)
            )
            node.wait_dead()

    async def check() -> None:
        with NodeProcess(tmp_path) as node:
            async with ChainClient(node.url) as chain:
                for id in ids:
                    await chain.wait_included(id, timeout_s=20)

    assert len(ids) >= 15
    asyncio.run(check())


@pytest.mark.skipif(bool(get_missing_tool()), reason=str(get_missing_tool()))
@pytest.mark.parametrize("point", ["chain.pending.after_commit:9", "chain.block.after_commit:4"])
@pytest.mark.parametrize("sync", [True, False], ids=["synced", "sync taken out"])
def test_power_cut(tmp_path: Path, point: str, sync: bool) -> None:
    """A cut of the power forgets what wasn't synced. With the sync taken out something acknowledged must be
    missing, or this test would prove nothing.
    """
    folder = tmp_path / "chain"
    init(folder)
    cut = PowerCut(folder, tmp_path / "cut")
    faucet, payee = Keypair.load(folder / "faucet.key"), Keypair.generate()
    with NodeProcess(folder, kill_at=point, environment=cut.get_environment(sync=sync)) as node:
        ids = asyncio.run(submit_until_it_dies(node.url, faucet, payee.public_key.binary))
        assert node.wait_dead() == -signal.SIGKILL
    undone = cut.apply()
    with NodeProcess(folder) as node:
        if sync:
            asyncio.run(check_all_included(node.url, ids, payee))
        else:
            assert undone
            assert asyncio.run(count_known(node.url, ids)) < len(ids)


async def count_known(url: str, ids: list[str]) -> int:
    """How many of these transactions the node has heard of."""
    async with ChainClient(url) as chain:
        return sum([await chain.transaction(id) is not None for id in ids])
