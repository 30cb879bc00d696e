"""A chain with hotspots on it, and routers beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h3
import httpx
import pytest

from chain.client import ChainClient
from chain.event_lines import EventLines
from chain.keys import Keypair
from chain.transactions.types import HotspotAdd, LocationAssert
from router.service import Options, RouterService
from tests.unit.router.event_log import EventLog
from tests.unit.router.processes import ChainNode, find_tool

PLACES = [(47.3769, 8.5417), (47.3790, 8.5300), (47.3650, 8.5500)]


@dataclass(frozen=True)
class TestChain:
    """A running node and the keys of three hotspots that are on it, placed."""

    __test__ = False

    url: str
    hotspots: list[Keypair]


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestChain]:
    node = ChainNode(tmp_path_factory.mktemp("chain"))
    try:
        hotspots = [Keypair(bytes([number]) * 32) for number in (1, 2, 3)]
        asyncio.run(_put_on_chain(node.url, hotspots))
        yield TestChain(node.url, hotspots)
    finally:
        node.stop()


async def _put_on_chain(url: str, hotspots: list[Keypair]) -> None:
    owner = Keypair(bytes([9]) * 32)
    me = owner.public_key.binary
    async with ChainClient(url) as client:
        await client.wait_included(await client.faucet(owner.public_key.address))
        for key, place in zip(hotspots, PLACES, strict=True):
            hotspot = key.public_key.binary
            add = HotspotAdd(payer=me, nonce=1, fee=0, owner=me, hotspot=hotspot)
            await client.send(add, [owner, key])
            cell = int(h3.latlng_to_cell(*place, 12), 16)
            location = LocationAssert(
                payer=me,
                nonce=1,
                fee=0,
                owner=me,
                hotspot=hotspot,
                location=cell,
                gain_ddbi=20,
                elevation_m=10,
            )
            await client.wait_included(await client.send(location, [owner]))


class RunningRouter:
    """A router in this process: its addresses, its API, its event lines."""

    def __init__(self, folder: Path, service: RouterService, log: EventLog, ready: dict[str, Any]) -> None:
        self.folder = folder
        self.service = service
        self.log = log
        self.grpc, self.mqtt, self.http = ready["grpc"], ready["mqtt"], f"http://{ready['http']}"
        self.token = (folder / "api.token").read_text().strip()
        self.api = httpx.AsyncClient(
            base_url=f"{self.http}/api",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=20,
            trust_env=False,
        )

    async def ask(self, path: str) -> Any:
        answer = await self.api.get(path)
        answer.raise_for_status()
        return answer.json()

    async def add_device(self, **fields: Any) -> dict[str, Any]:
        answer = await self.api.post("/devices", json=fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@contextlib.asynccontextmanager
async def run_router(folder: Path, chain_url: str, **options: Any) -> AsyncIterator[RunningRouter]:
    """A router on `folder`, stopped cleanly at the end."""
    log = EventLog()
    service = RouterService(
        Options(data_dir=folder, chain_url=chain_url, **options), EventLines("router", "r", True, log)
    )
    task = asyncio.create_task(service.run())
    try:
        ready = await log.wait_until(lambda: log.find("ready") or task.done(), 20, "ready")
        if task.done():
            task.result()
        running = RunningRouter(folder, service, log, ready)
        async with running.api:
            yield running
    finally:
        service.request_stop()
        await asyncio.wait_for(task, 10)


@pytest.fixture
async def router(tmp_path: Path, chain: TestChain) -> AsyncIterator[RunningRouter]:
    """A router that is registered and can pay."""
    async with run_router(tmp_path / "router", chain.url) as running:
        await running.log.wait_for("paying", ready=True)
        yield running


@pytest.fixture
def mosquitto_tools() -> None:
    if find_tool("mosquitto_sub") is None or find_tool("mosquitto_pub") is None:
        pytest.skip("mosquitto-clients is not installed: apt-get install mosquitto-clients")


@pytest.fixture
def mosquitto_broker(mosquitto_tools: None) -> None:
    if find_tool("mosquitto") is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
