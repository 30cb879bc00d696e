"""An epoch of a running node, done again from outside; what is found when the node doesn't tell the truth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chain import api
from chain.blocks.bundle import EMPTY_BUNDLE_ROOT, Bundle, decode_bundle, encode_bundle
from chain.blocks.header import decode_block
from chain.client import ChainClient
from chain.node.seed_client import SeedClient
from chain.verification.epoch import EpochVerification, verify_epoch
from tests.unit.chain.process import NodeProcess, init, run_cli
from tests.unit.joining.earning import Earner

pytestmark = pytest.mark.asyncio(loop_scope="module")


class World:
    """A node with an epoch in which a hotspot earned and a report is in a bundle."""

    def __init__(self, node: NodeProcess, network: api.Network, epoch: int, folder: Path) -> None:
        self.node, self.network, self.epoch, self.folder = node, network, epoch, folder

    async def verify(self, seeds: SeedClient) -> EpochVerification:
        async with seeds:
            return await verify_epoch(seeds, self.network, self.epoch, lambda line: None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("verified")
    init(folder, "--round-seconds", "1", "--epoch-seconds", "3", "--faucet-hxt", "500")
    with NodeProcess(folder) as node:
        async with ChainClient(node.url) as chain:
            earner = Earner(chain, node)
            await earner.begin()
            await earner.live_through_an_epoch()  # so that a snapshot stands before the one that counts
            epoch = await earner.live_through_an_epoch()
            yield World(node, await chain.network(), epoch, folder)
        assert node.stop() == 0


async def test_an_epoch_is_right(world: World) -> None:
    result = await world.verify(SeedClient([world.node.url]))
    assert result.findings == ()
    [payment] = [payment for payment in result.payments if payment["reward"] == "data"]
    assert payment["hxt"] > 0 and payment["why"]["data_credits"] == 1_000
    assert result.proven_rows + result.released_rows == 1
    assert result.first_height > 1, "a snapshot, not the genesis"
    assert result.closed["epoch"] == world.epoch


async def test_the_command(world: World) -> None:
    words = ["verify-epoch", str(world.epoch), "--url", world.node.url]
    words += ["--network", str(world.folder / "network.json")]
    done = await asyncio.to_thread(run_cli, *words)
    assert done.returncode == 0, done.stderr
    assert "is right: 1 payments" in done.stdout and "data_credits 1000" in done.stdout
    done = await asyncio.to_thread(run_cli, *words, "--json")
    assert json.loads(done.stdout)["findings"] == []
    done = await asyncio.to_thread(run_cli, "verify-epoch", "999999", "--url", world.node.url)
    assert done.returncode == 1 and "epoch 999999 isn't closed yet" in done.stderr


class Liar(SeedClient):
    """A node whose answers were changed on the way."""

    def __init__(self, world: World) -> None:
        super().__init__([world.node.url])

    async def get(self, path: str) -> bytes:
        return self.change(path, await super().get(path))

    def change(self, path: str, raw: bytes) -> bytes:
        raise NotImplementedError


async def test_a_payment_of_one_unit_more_is_found(world: World) -> None:
    class OneMore(Liar):
        def change(self, path: str, raw: bytes) -> bytes:
            if not path.startswith("/v1/rewards"):
                return raw
            page = json.loads(raw)
            page["items"][0]["hxt"] += 1
            return json.dumps(page).encode()

    [finding] = (await world.verify(OneMore(world))).findings
    assert "hxt is told as" in finding


async def test_a_payment_that_isnt_told_is_found(world: World) -> None:
    class Silent(Liar):
        def change(self, path: str, raw: bytes) -> bytes:
            return b'{"items": [], "cursor": null}' if path.startswith("/v1/rewards") else raw

    [finding] = (await world.verify(Silent(world))).findings
    assert "the node doesn't tell it" in finding


async def test_a_dropped_report_is_found(world: World) -> None:
    class Dropper(Liar):
        dropped = 0

        def change(self, path: str, raw: bytes) -> bytes:
            if not path.startswith("/v1/bundles/"):
                return raw
            Dropper.dropped += 1
            return encode_bundle(Bundle(decode_bundle(raw).reports[1:]))

    [finding] = (await world.verify(Dropper(world))).findings
    assert Dropper.dropped and "not of" in finding


async def test_a_changed_block_is_found(world: World) -> None:
    class Changer(Liar):
        def change(self, path: str, raw: bytes) -> bytes:
            if not path.endswith("/raw"):
                return raw
            block = decode_block(raw)
            if not block.transactions and block.header.bundle_root == EMPTY_BUNDLE_ROOT:
                return raw
            at = raw.index(block.header.state_root)
            return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]

    [finding] = (await world.verify(Changer(world))).findings
    assert "isn't signed by its producer" in finding


async def test_escrow_that_isnt_what_was_earned_is_found(world: World) -> None:
    class Forger(Liar):
        def change(self, path: str, raw: bytes) -> bytes:
            if not path.startswith("/v1/proofs/state?table=escrow"):
                return raw
            answer = json.loads(raw)
            answer["value"] = "91cd1234" if answer["value"] is None else None
            return json.dumps(answer).encode()

    [finding] = (await world.verify(Forger(world))).findings
    assert "isn't proven" in finding


async def test_another_networks_node_is_refused(world: World) -> None:
    words = ["verify-epoch", str(world.epoch), "--url", world.node.url, "--network"]
    other = json.loads((world.folder / "network.json").read_text()) | {"genesis_hash": "00" * 32}
    path = world.folder / "other.json"
    path.write_text(json.dumps(other))
    done = await asyncio.to_thread(run_cli, *words, str(path))
    assert done.returncode == 1 and "another network's node" in done.stderr
