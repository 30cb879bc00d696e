"""A whole host with a real chain node: onto the chain, packets bought, vouchers claimed, beacons believed."""

import asyncio
import io
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from chain.client import ChainClient
from chain.event_lines import EventLines
from chain.ledger.tables import DevAddrRange, EuiFilter
from chain.transactions import Burn, ChannelOpen, RouterRegister
from hotspot_host.cli import app
from hotspot_host.service import HotspotService, RunOptions
from hotspot_host.settings import Settings, load_settings, save_settings

from .conftest import make_data_frame
from .fakes import FakeLink, FakeRouter, make_packet, running_router, wait_for
from .test_gwmp_server import Gateway, make_rxpk

ROOT = Path(__file__).resolve().parents[3]
HEXHAUL = [sys.executable, str(ROOT / "hexhaul.py")]


@asynccontextmanager
async def running_chain(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """A node as its own process; gives its HTTP URL and gRPC address."""
    data_dir = str(folder / "chain")
    pace = ["--epoch-seconds", "20", "--round-seconds", "14", "--block-seconds", "0.5"]
    init = await asyncio.create_subprocess_exec(
        *HEXHAUL, "chain", "init", "--data-dir", data_dir, *pace, stdout=asyncio.subprocess.DEVNULL
    )
    assert await init.wait() == 0
    ports = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--json"]
    process = await asyncio.create_subprocess_exec(
        *HEXHAUL, "chain", "run", "--data-dir", data_dir, *ports, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        while True:
            line = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            if line["event"] == "ready":
                break
        drain = asyncio.create_task(process.stdout.read())
        yield f"http://{line['http']}", line["grpc"]
        drain.cancel()
    finally:
        process.kill()
        await process.wait()


async def put_router_on_chain(router: FakeRouter, chain: ChainClient) -> None:
    """As a router does when it starts."""
    owner = router.owner.public_key
    await chain.wait_included(await chain.faucet(owner.address))
    bodies: list[Any] = [
        Burn(payer=owner.binary, nonce=1, fee=0, payee=owner.binary, hxt=10 * 10**8),
        RouterRegister(
            payer=owner.binary, nonce=1, fee=0, owner=owner.binary,
            voucher_key=router.voucher_key.public_key.binary, grpc=f"127.0.0.1:{router.port}",
            dev_addr_ranges=(DevAddrRange(0, 0xFFFFFFFF),), eui_filters=(EuiFilter(0, 0),),
        ),
        ChannelOpen(payer=owner.binary, nonce=1, fee=0, router=owner.binary, data_credits=1000),
    ]  # fmt: skip
    for body in bodies:
        transaction_id = await chain.send(body, [router.owner])
        await chain.wait_included(transaction_id)
    router.channel_id = bytes.fromhex(transaction_id)
    router.chain_id = (await chain.network()).chain_id


def make_settings(folder: Path, chain: str, chain_grpc: str) -> Settings:
    return Settings(
        port="/dev/null", latitude=48.2082, longitude=16.3738, gain_dbi=2.0, elevation_m=12, chain=chain,
        chain_grpc=chain_grpc, owner_key=str(folder / "owner.key"),
    )  # fmt: skip


async def test_a_host_joins_earns_and_beacons(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as (url, grpc), running_router() as router:
        chain = ChainClient(url)
        await put_router_on_chain(router, chain)
        said = io.StringIO()
        link = FakeLink()
        options = RunOptions(gwmp_port=0, claim_interval_s=1.0)
        service = HotspotService(
            tmp_path / "hotspot", make_settings(tmp_path, url, grpc), options,
            open_link=link.open, lines=EventLines("hotspot", "h", as_json=True, stream=said),
        )  # fmt: skip
        stop = asyncio.Event()
        running = asyncio.create_task(service.run(stop))
        address = service.key.public_key.address

        await wait_for(lambda: service.chain_actor.is_registered or running.done(), 60)
        hotspot = await chain.hotspot(address)
        assert hotspot is not None
        assert (hotspot.location, hotspot.gain_ddbi, hotspot.elevation_m) == (service.settings.cell, 20, 12)
        assert hotspot.owner == service.owner.public_key.address

        ready = json.loads(said.getvalue().splitlines()[0])
        assert ready["event"] == "ready"
        gateway = Gateway(int(ready["gwmp"].rpartition(":")[2]))
        link.hear(make_packet(1, make_data_frame(1, length=20)))
        gateway.push(1, make_rxpk(make_data_frame(2)))
        await wait_for(lambda: len(router.packets) == 2, 30)
        assert router.problems == []

        async def is_claimed() -> bool:
            channel = await chain.channel(router.channel_id.hex())
            return channel is not None and channel.claimed_data_credits == 3  # 33 and 23 bytes: 2 + 1

        while not await asyncio.wait_for(is_claimed(), 30):
            await asyncio.sleep(0.1)
        await wait_for(lambda: service.vouchers.get_unclaimed() == [])
        balance = service.vouchers.get_balance(router.owner.public_key.address)
        assert (balance.bought_packets, balance.unvouchered_packets) == (2, 0)

        await wait_for(lambda: service.tally.get("beacon_reports") >= 1, 45)
        await wait_for(lambda: link.sent)
        assert link.sent[0].payload[0] == 0xE0

        async with httpx.AsyncClient(trust_env=False) as http:
            answer = (await http.get(f"http://{ready['http']}/status")).json()
            assert (await http.get(f"http://{ready['http']}/else")).status_code == 404
            assert (await http.post(f"http://{ready['http']}/status")).status_code == 405
        assert answer["registered"] and answer["board"]["up"] and answer["spool"]["packets"] == 0
        assert answer["routers"][0]["balance"]["bought_data_credits"] == 3
        assert answer["data_credits_claimed"] == 3
        assert answer["duty_cycle"]["board"][0]["budget_us"] > 0
        stop.set()
        await asyncio.wait_for(running, 5)
        await chain.close()


async def test_the_command_starts_without_chain_or_board_and_ends_on_sigterm(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "hotspot")
    setup = [
        "hotspot", "setup", "--data-dir", data_dir, "--port", str(tmp_path / "tty"),
        "--location", "48.2,16.37", "--chain", "http://127.0.0.1:9", "--chain-grpc", "127.0.0.1:9", "--yes",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*HEXHAUL, *setup, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
    assert (tmp_path / "hotspot/hotspot.key").stat().st_mode & 0o777 == 0o600
    run = [
        "hotspot",
        "run",
        "--data-dir",
        data_dir,
        "--gwmp",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--json",
    ]
    process = await asyncio.create_subprocess_exec(
        *HEXHAUL, *run, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    assert ready["event"] == "ready" and ready["service"] == "hotspot"
    gateway = Gateway(int(ready["gwmp"].rpartition(":")[2]))
    gateway.push(1, make_rxpk(make_data_frame(1)))
    assert (await gateway.receive())[3] == 1  # spooled until there is a router
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 5) == 0
    assert b"Traceback" not in await process.stderr.read()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"--location": "north"}, "write LAT,LNG"),
        ({"--location": "95,16"}, "not on earth"),
        ({"--gain-dbi": "99"}, "antenna gain"),
        ({"--elevation-m": "99999"}, "elevation"),
        ({"--chain": "localhost"}, "no URL"),
        ({"--chain-grpc": "localhost"}, "HOST:PORT"),
        ({"--region": "MARS"}, "MARS"),
    ],
)
def test_setup_names_what_is_wrong(tmp_path: Path, changes: dict[str, str], text: str) -> None:
    options = {
        "--data-dir": str(tmp_path), "--port": "p", "--location": "48.2,16.37", "--chain": "http://h:1",
        "--chain-grpc": "h:1",
    } | changes  # fmt: skip
    arguments = [word for pair in options.items() for word in pair]
    result = CliRunner().invoke(app, ["setup", *arguments, "--yes"])
    assert result.exit_code == 1 and text in result.output
    assert not (tmp_path / "hotspot.json").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "--data-dir", "/nowhere"], "hotspot setup"),
        (["run", "--gwmp", "0.0.0.0:0"], "--gwmp-allow any"),
        (["run", "--gwmp-allow", "xyz"], "16 hex digits"),
        (["run", "--http", "nowhere"], "HOST:PORT"),
        (["status", "--url", "http://127.0.0.1:9"], "no hotspot answers"),
    ],
)
def test_commands_fail_with_one_line(tmp_path: Path, arguments: list[str], text: str) -> None:
    save_settings(tmp_path, make_settings(tmp_path, "http://h:1", "h:1"))
    if arguments[0] == "run" and "--data-dir" not in arguments:
        arguments = [*arguments, "--data-dir", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1 and text in result.output, result.output
    assert len(result.output.strip().splitlines()) == 1


def test_settings_round_trip(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, "http://h:1", "h:1")
    save_settings(tmp_path, settings)
    assert load_settings(tmp_path) == settings
