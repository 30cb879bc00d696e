"""Streams as real clients open them: strangers, stock gateways, the second stream of a key."""

import asyncio

from chain.keys import Keypair
from tests.unit.router.conftest import RunningRouter, TestChain, run_router
from tests.unit.router.hotspot_client import HotspotClient, hash_payload
from tests.unit.router.sensor import Sensor

KEYS = {"dev_addr": "01020304", "nwk_s_key": "0a" * 16, "app_s_key": "0b" * 16}


def make_sensor() -> Sensor:
    return Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)


async def test_strangers_are_told_why(router: RunningRouter) -> None:
    async with HotspotClient(Keypair.generate(), router.grpc) as stranger:
        await asyncio.wait_for(stranger.ended.wait(), 10)
        assert "not on the chain" in stranger.end_text
    await router.log.wait_for("refused", reason="not_on_chain")


async def test_a_stock_gateway_is_served_without_receipts(router: RunningRouter, chain: TestChain) -> None:
    await router.add_device(name="m", **KEYS)
    uplink = make_sensor().build_uplink(confirmed=True)
    async with HotspotClient(chain.hotspots[0], router.grpc, is_stock=True) as gateway:
        await gateway.send(uplink, received_at=0, coding_rate=0)
        downlink = await gateway.get_downlink()
        assert downlink.payload[0] >> 5 == 3
        async with asyncio.timeout(10):
            while await gateway.acks.get() != hash_payload(uplink):
                continue
        assert gateway.receipts == {}


async def test_a_bad_signature_is_refused_and_the_stream_goes_on(
    router: RunningRouter, chain: TestChain
) -> None:
    await router.add_device(name="m", **KEYS)
    sensor = make_sensor()
    async with HotspotClient(chain.hotspots[0], router.grpc) as hotspot:
        forged = hotspot.build_packet(sensor.build_uplink())
        forged.rssi = -20
        await hotspot.send_packet(forged)
        await router.log.wait_for("refused", reason="bad_signature")
        assert await hotspot.deliver(sensor.build_uplink()) == "BOUGHT"
        assert await hotspot.deliver(b"\x40short") == "UNWANTED"
        assert await hotspot.deliver(b"\xe0" + bytes(51)) == "FREE"
    frames = (await router.ask("/frames"))["frames"]
    assert [frame["kind"] for frame in frames] == ["unconfirmed_up", "malformed", "proprietary"]


async def test_the_newest_stream_of_a_key_is_its_stream(router: RunningRouter, chain: TestChain) -> None:
    await router.add_device(name="m", **KEYS)
    async with HotspotClient(chain.hotspots[0], router.grpc) as old:
        await router.log.wait_for("hotspot_connected")
        async with HotspotClient(chain.hotspots[0], router.grpc) as new:
            await asyncio.wait_for(old.ended.wait(), 10)
            assert "anew" in old.end_text
            assert await new.deliver(make_sensor().build_uplink()) == "BOUGHT"


async def test_hotspots_are_served_while_the_chain_is_away(router: RunningRouter, chain: TestChain) -> None:
    await router.add_device(name="m", **KEYS)
    folder = router.folder
    router.service.request_stop()
    await router.log.wait_until(lambda: not (folder / "router.db-wal").exists())
    async with run_router(folder, "http://127.0.0.1:9") as alone:
        await alone.log.wait_for("chain", reachable=False)
        async with HotspotClient(chain.hotspots[0], alone.grpc) as hotspot:
            assert await hotspot.deliver(make_sensor().build_uplink()) == "BOUGHT"
            assert hotspot.get_promised() == 1
