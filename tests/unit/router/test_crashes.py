"""kill -9 at each write point of the router, as a process of its own; then what was acknowledged must
be there.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.power_cut import PowerCut, get_missing_tool
from tests.unit.router.conftest import TestChain
from tests.unit.router.hotspot_client import HotspotClient
from tests.unit.router.processes import MosquittoSub, RouterProcess, get_free_port, publish
from tests.unit.router.sensor import Sensor

pytestmark = pytest.mark.usefixtures("mosquitto_tools")

ABP = {"dev_addr": "01020304", "nwk_s_key": "0a" * 16, "app_s_key": "0b" * 16}
ABP_EUI = "0000000000abcdef"


def make_abp() -> Sensor:
    return Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)


@pytest.fixture
def process(tmp_path: Path, chain: TestChain) -> RouterProcess:
    """A router on fixed ports, so that hotspots and subscribers find it again."""
    ports = [f"127.0.0.1:{get_free_port()}" for _ in range(2)]
    return RouterProcess(tmp_path / "router", chain.url, "--grpc", ports[0], "--mqtt", ports[1])


async def call(process: RouterProcess, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {process.token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.request(method, f"{process.http}/api{path}", headers=headers, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def start_with_device(process: RouterProcess, kill_at: str, **device: str) -> None:
    """Start with a device and a funded channel, then again with the trap set."""
    await process.start()
    await process.log.wait_for("paying", ready=True)
    await call(process, "POST", "/devices", {"name": "dut", **device})
    assert await process.stop() == 0
    await process.start(kill_at)


async def send_until_answered(
    process: RouterProcess, client: HotspotClient, packet: Any, kill_at: str
) -> Any:
    """What a hotspot does: send; the router dies; connect again and send the same until there is a
    receipt.
    """
    await client.send_packet(packet)
    assert await process.wait_dead() == -9, f"{kill_at} was not reached: {process.errors}"
    await process.start()
    return await connect_and_send(process, client, packet)


async def connect_and_send(process: RouterProcess, client: HotspotClient, packet: Any) -> Any:
    async with HotspotClient(client.key, process.grpc) as again:
        packet.signature = again._signer.sign(_bare(packet))
        await again.send_packet(packet)
        return await again.get_receipt(_hash(packet)), again.get_promised()


def _bare(packet: Any) -> bytes:
    from router.ingress.stream_session import serialize_without

    return serialize_without(packet, "signature")


def _hash(packet: Any) -> bytes:
    from router.ingress.stream_session import compute_packet_hash

    return compute_packet_hash(packet)


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
@pytest.mark.parametrize("point", ["router.uplink", "router.outbox"])
async def test_uplink(process: RouterProcess, chain: TestChain, point: str, moment: str) -> None:
    """One event id, one payment, one counter step, however the router dies."""
    kill_at = f"{point}.{moment}"
    await start_with_device(process, kill_at, dev_eui=ABP_EUI, **ABP)
    async with MosquittoSub(process.mqtt) as subscriber:
        async with HotspotClient(chain.hotspots[0], process.grpc) as hotspot:
            packet = hotspot.build_packet(make_abp().build_uplink(b"x" * 20))
            receipt, promised = await send_until_answered(process, hotspot, packet, kill_at)
        assert (receipt.status, receipt.data_credits, promised) == (0, 2, 2)
        ups = await subscriber.wait_count("up", 1)
        device = await call(process, "GET", f"/devices/{ABP_EUI}")
        assert device["sessions"][0]["f_cnt_up"] == 1
        events = (await call(process, "GET", f"/devices/{ABP_EUI}/events?kind=up"))["events"]
        assert len(events) == 1
        assert {up["deduplicationId"] for up in ups} == {events[0]["body"]["deduplicationId"]}
    await process.stop()


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
async def test_join(process: RouterProcess, chain: TestChain, moment: str) -> None:
    """A DevNonce that may have been answered is used up; the device joins with the next."""
    kill_at = f"router.join.{moment}"
    sensor = Sensor(bytes.fromhex(ABP_EUI), bytes(8), bytes(range(16)))
    await start_with_device(process, kill_at, dev_eui=ABP_EUI, app_key=sensor.app_key.hex())
    async with HotspotClient(chain.hotspots[0], process.grpc) as hotspot:
        packet = hotspot.build_packet(sensor.build_join_request())
        receipt, _ = await send_until_answered(process, hotspot, packet, kill_at)
        assert receipt.status == 2
    async with HotspotClient(chain.hotspots[0], process.grpc) as hotspot:
        if moment == "after_commit":
            sensor.dev_nonce -= 1
            await hotspot.deliver(sensor.build_join_request(), timestamp=7)  # replayed
            await process.log.wait_for("join_refused")
            await hotspot.deliver(sensor.build_join_request(), frequency=868_500_000)
            sensor.take_join_accept((await hotspot.get_downlink()).payload)
            assert await hotspot.deliver(sensor.build_uplink()) == "BOUGHT"
        events = (await call(process, "GET", f"/devices/{ABP_EUI}/events?kind=join"))["events"]
        assert len(events) == (2 if moment == "after_commit" else 1)
    await process.stop()


@pytest.mark.parametrize(
    "kill_at",
    [
        "router.downlink.before_commit",
        "router.downlink.after_commit",
        "router.downlink_sent.before_commit",
        "router.downlink_sent.after_commit",
    ],
)
async def test_downlink(process: RouterProcess, chain: TestChain, kill_at: str) -> None:
    """The item is not lost, and no downlink counter is on the air twice."""
    await start_with_device(process, kill_at, dev_eui=ABP_EUI, **ABP)
    sensor = make_abp()
    on_air: list[tuple[int, bytes]] = []
    await call(process, "POST", f"/devices/{ABP_EUI}/activation", {**ABP, "f_cnt_down": 70_000})
    await call(process, "POST", f"/devices/{ABP_EUI}/queue", {"f_port": 9, "hex": "beef"})
    async with HotspotClient(chain.hotspots[0], process.grpc) as hotspot:
        await hotspot.send(sensor.build_uplink())
        await asyncio.wait(
            [asyncio.create_task(hotspot.get_downlink(15)), asyncio.create_task(process.process.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        if kill_at.startswith("router.downlink_sent"):
            await hotspot.answer_downlink(1)
            on_air.append((70_000, b"\xbe\xef"))
        assert await process.wait_dead() == -9
    await process.start()
    queue = await call(process, "GET", f"/devices/{ABP_EUI}/queue")
    is_done = kill_at == "router.downlink_sent.after_commit"
    assert len(queue) == (0 if is_done else 1)
    async with HotspotClient(chain.hotspots[0], process.grpc) as hotspot:
        if queue and queue[0]["state"] == "in_flight":
            if kill_at.startswith("router.downlink_sent"):
                await hotspot.answer_downlink(1)  # the hotspot says again what it got no rid of
                await process.log.wait_for("downlink", window=1)
                assert await call(process, "GET", f"/devices/{ABP_EUI}/queue") == []
            else:
                await process.log.wait_for("downlink_failed", reason="OVERDUE", timeout_s=30)
        await hotspot.deliver(sensor.build_uplink(confirmed=True))
        downlink = await hotspot.get_downlink()
        used = 70_001 if kill_at != "router.downlink.before_commit" else 70_000
        _, plain = sensor.read_downlink(downlink.payload, used)
        assert plain == (b"" if on_air else b"\xbe\xef")
    await process.stop()


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
async def test_command(process: RouterProcess, moment: str) -> None:
    """A command is in the store before the embedded broker acknowledges it."""
    await start_with_device(process, f"router.command.{moment}", dev_eui=ABP_EUI, **ABP)
    device = await call(process, "GET", f"/devices/{ABP_EUI}")
    command = {"id": "5600f2a5-9f0b-4b5f-8d2c-2a4b4bd7b1a9", "fPort": 5, "data": "AQ=="}
    first = asyncio.create_task(publish(process.mqtt, device["topics"]["down"], json.dumps(command)))
    assert await process.wait_dead() == -9
    with pytest.raises(AssertionError):
        await first  # no PUBACK: the publisher knows, and will publish again
    await process.start()
    assert len(await call(process, "GET", f"/devices/{ABP_EUI}/queue")) == (moment == "after_commit")
    await publish(process.mqtt, device["topics"]["down"], json.dumps(command))
    assert len(await call(process, "GET", f"/devices/{ABP_EUI}/queue")) == 1
    await process.kill()
    await process.start()
    assert len(await call(process, "GET", f"/devices/{ABP_EUI}/queue")) == 1
    await process.stop()


@pytest.mark.parametrize(
    "kill_at",
    ["router.channel_intent.after_commit", "router.channel.before_commit", "router.channel.after_commit"],
)
async def test_channel(process: RouterProcess, kill_at: str) -> None:
    """A channel that was opened on the chain is used, whenever the router died."""
    await process.start(kill_at)
    assert await process.wait_dead() == -9
    await process.start()
    await process.log.wait_for("paying", ready=True)
    credits = await call(process, "GET", "/data-credits")
    assert credits["available"] == 50_000
    assert len(credits["channels"]) == 1
    await process.stop()


@pytest.mark.parametrize("sync", [True, False], ids=["synced", "sync taken out"])
async def test_power_cut(tmp_path: Path, chain: TestChain, sync: bool) -> None:
    """Power fails right after a receipt. With the syncs taken out the frame is gone: so they are what
    keeps it.
    """
    if (missing := get_missing_tool()) is not None:
        pytest.skip(missing)
    root = tmp_path / "disk"
    root.mkdir()
    cut = PowerCut(root, tmp_path / "cut")
    process = RouterProcess(root / "router", chain.url, environment=cut.get_environment(sync=True))
    await process.start()
    await process.log.wait_for("paying", ready=True)
    await call(process, "POST", "/devices", {"name": "dut", "dev_eui": ABP_EUI, **ABP})
    assert await process.stop() == 0

    process = RouterProcess(root / "router", chain.url, environment=cut.get_environment(sync=sync))
    await process.start()
    async with HotspotClient(chain.hotspots[0], process.grpc) as hotspot:
        assert await hotspot.deliver(make_abp().build_uplink()) == "BOUGHT"
    await process.kill()
    cut.apply()
    await process.start()
    device = await call(process, "GET", f"/devices/{ABP_EUI}")
    assert device["sessions"][0]["f_cnt_up"] == (1 if sync else 0)
    await process.kill()
