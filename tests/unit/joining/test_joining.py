"""New nodes, from a signed snapshot or from the genesis; copies put back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chain.client import ChainClient
from chain.keys import Keypair
from chain.node.snapshots import list_snapshots
from chain.store.snapshot import Snapshot
from chain.transactions import Payee, Payment
from tests.unit.chain.process import NodeProcess, init, run_cli
from tests.unit.joining.earning import Earner

WRITE_POINTS = ("chain.snapshot.before_write", "chain.snapshot.before_rename", "chain.snapshot.after_write")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("first")
    init(folder, "--round-seconds", "1", "--epoch-seconds", "3", "--faucet-hxt", "500")
    with NodeProcess(folder) as node:
        node.folder = folder  # type: ignore[attr-defined]
        async with ChainClient(node.url) as chain:
            earner = Earner(chain, node)
            await earner.begin()
            await earner.live_through_an_epoch()
        yield node


def get_folder(node: NodeProcess) -> Path:
    folder: Path = node.folder  # type: ignore[attr-defined]
    return folder


async def wait_same(first: ChainClient, second: ChainClient) -> None:
    """Until the second has a block that the first had, with the same state root."""
    async with asyncio.timeout(60):
        target = await first.status()
        while (await second.status()).height < target.height:
            await asyncio.sleep(0.1)
    block = await second.block(target.height)
    assert block is not None
    assert (block.hash, block.state_root) == (target.block_hash, target.state_root)


@pytest.mark.parametrize("options", [(), ("--from-genesis",)])
async def test_a_node_joins_and_follows(node: NodeProcess, tmp_path: Path, options: tuple[str, ...]) -> None:
    words = ["join", "--network", str(get_folder(node) / "network.json"), "--seed", node.url]
    done = await asyncio.to_thread(run_cli, *words, "--data-dir", str(tmp_path / "second"), *options)
    assert done.returncode == 0, done.stderr
    assert ("from its genesis" in done.stdout) == bool(options)
    with NodeProcess(tmp_path / "second") as second:
        async with ChainClient(node.url) as chain, ChainClient(second.url) as following:
            await wait_same(chain, following)
            # What the second is given it hands on, and sees in a block.
            payer, payee = Keypair.generate(), Keypair.generate().public_key
            await chain.wait_included(await chain.faucet(payer.public_key.address))
            await wait_same(chain, following)
            body = Payment(payer=payer.public_key.binary, nonce=0, fee=0, payees=(Payee(payee.binary, 7),))
            id = await following.send(body, [payer])
            await following.wait_included(id)
            assert (await following.account(payee.address)).hxt == 7
        second.kill()
    with NodeProcess(tmp_path / "second") as second:
        async with ChainClient(node.url) as chain, ChainClient(second.url) as following:
            await wait_same(chain, following)
        assert second.stop() == 0


async def test_joining_twice_or_another_network_is_refused(node: NodeProcess, tmp_path: Path) -> None:
    network = get_folder(node) / "network.json"
    words = ["join", "--network", str(network), "--seed", node.url, "--data-dir", str(tmp_path)]
    assert (await asyncio.to_thread(run_cli, *words)).returncode == 0
    done = await asyncio.to_thread(run_cli, *words)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "holds a network already" in done.stderr

    false = tmp_path / "false.json"
    false.write_text(network.read_text().replace('"genesis_hash": "', '"genesis_hash": "00')[: -0 or None])
    done = await asyncio.to_thread(
        run_cli, "join", "--network", str(false), "--seed", node.url, "--data-dir", str(tmp_path / "x")
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)

    done = await asyncio.to_thread(
        run_cli,
        "join",
        "--network",
        str(network),
        "--seed",
        "http://127.0.0.1:9",
        "--data-dir",
        str(tmp_path / "y"),
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "127.0.0.1:9" in done.stderr


async def test_a_copy_is_put_back(node: NodeProcess, tmp_path: Path) -> None:
    folder = get_folder(node)
    done = await asyncio.to_thread(run_cli, "backup", str(tmp_path / "copy"), "--data-dir", str(folder))
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "copy").glob("*.key"))
    words = ["restore", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "back")]
    done = await asyncio.to_thread(run_cli, *words)
    assert done.returncode == 0, done.stderr
    assert "stands after block" in done.stdout
    done = await asyncio.to_thread(run_cli, *words)
    assert done.returncode == 1 and "has a database" in done.stderr

    database = tmp_path / "copy" / "chain.db"
    raw = bytearray(database.read_bytes())
    at = raw.index(b"account\x00") + 45
    raw[at] ^= 1
    database.write_bytes(raw)
    done = await asyncio.to_thread(
        run_cli, "restore", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "damaged")
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "damaged" / "chain.db").exists()


@pytest.mark.parametrize("point", WRITE_POINTS)
async def test_killed_while_writing_a_snapshot(tmp_path: Path, point: str) -> None:
    init(tmp_path, "--round-seconds", "1", "--epoch-seconds", "1")
    with NodeProcess(tmp_path, kill_at=point) as node:
        assert await asyncio.to_thread(node.wait_dead) == -signal.SIGKILL
    with NodeProcess(tmp_path) as node:
        node.wait_ready()
        async with asyncio.timeout(30):
            while len(list_snapshots(tmp_path / "snapshots")) < 2:
                await asyncio.sleep(0.05)
        assert node.stop() == 0
    for kept in list_snapshots(tmp_path / "snapshots"):
        assert list(Snapshot(kept.path).iterate_rows())
