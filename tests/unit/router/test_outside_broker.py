"""A Mosquitto of one's own instead of the embedded broker, and subscribers that speak MQTT 5."""

import base64
import json
from pathlib import Path

import pytest

from router.applications.mqtt_link import BrokerAddress, BrokerUrlError, parse_broker_url
from tests.unit.router.conftest import TestChain, run_router
from tests.unit.router.hotspot_client import HotspotClient
from tests.unit.router.processes import Mosquitto, MosquittoSub, publish
from tests.unit.router.sensor import Sensor

KEYS = {"dev_addr": "01020304", "nwk_s_key": "0a" * 16, "app_s_key": "0b" * 16}


@pytest.mark.usefixtures("mosquitto_broker")
async def test_events_wait_for_the_broker_and_commands_for_the_router(
    tmp_path: Path, chain: TestChain
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    folder = tmp_path / "router"
    sensor = Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)
    async with run_router(folder, chain.url, mqtt_broker=f"mqtt://{broker.address}") as router:
        device = await router.add_device(name="meter", **KEYS)
        async with HotspotClient(chain.hotspots[0], router.grpc) as hotspot:
            for number in range(3):  # the broker is down: nothing is lost, nothing waits but the events
                await hotspot.deliver(sensor.build_uplink(bytes([number])))
            assert (await router.ask("/status"))["events_waiting"] == 3
            broker.start()
            try:
                async with MosquittoSub(broker.address, "-V", "mqttv5") as subscriber:
                    ups = await subscriber.wait_count("up", 3)
                    assert [base64.b64decode(up["data"]) for up in ups] == [b"\0", b"\1", b"\2"]
                    await hotspot.deliver(sensor.build_uplink(b"\3"))
                    assert (await subscriber.wait_count("up", 4))[-1]["fCnt"] == 3
            except BaseException:
                broker.stop()
                raise
    try:
        # The router is away: the broker keeps the command for its session.
        down = device["topics"]["down"]
        await publish(broker.address, down, json.dumps({"fPort": 7, "data": "/w=="}), "-V", "mqttv5")
        async with run_router(folder, chain.url, mqtt_broker=f"mqtt://{broker.address}") as router:
            await router.log.wait_for("queued")
            [item] = await router.ask(f"/devices/{device['dev_eui']}/queue")
            assert (item["f_port"], item["data"]) == (7, "/w==")
    finally:
        broker.stop()


@pytest.mark.usefixtures("mosquitto_tools")
async def test_refused_commands_are_told_in_a_log_event(tmp_path: Path, chain: TestChain) -> None:
    async with run_router(tmp_path, chain.url) as router:
        device = await router.add_device(name="meter", **KEYS)
        down = device["topics"]["down"]
        async with MosquittoSub(router.mqtt) as subscriber:
            for payload in (
                '{"fPort":0,"data":"AQ=="}',
                '{"fPort":224,"data":"AQ=="}',
                '{"fPort":1,"object":{"a":1}}',
                "nonsense",
                '{"fPort":1,"data":"*"}',
                '{"fPort":1,"devEui":"0101010101010101"}',
                '{"id":"x","fPort":1}',
            ):
                await publish(router.mqtt, down, payload)
            logs = await subscriber.wait_count("log", 7)
        assert {log["code"] for log in logs} == {"DOWNLINK_CODEC"}
        texts = " / ".join(log["description"] for log in logs)
        assert "fPort 224" in texts
        for part in ("fPort 0", "object", "not a downlink command", "base64", "devEui '0101", "not a UUID"):
            assert part in texts
        other = down.replace(device["application_id"], "00000000-0000-0000-0000-000000000000")
        await publish(router.mqtt, other, '{"fPort":1,"data":"AQ=="}')
        await router.log.wait_for(
            "command_refused",
            text=f"command refused: no device {device['dev_eui']} in "
            "application 00000000-0000-0000-0000-000000000000",
        )
        same = '{"id":"5600f2a5-9f0b-4b5f-8d2c-2a4b4bd7b1a9","fPort":1,"data":"AQ=="}'
        for _ in range(2):
            await publish(router.mqtt, down, same)
        assert len(await router.ask(f"/devices/{device['dev_eui']}/queue")) == 1


def test_broker_urls() -> None:
    assert parse_broker_url("mqtt://a:1884") == BrokerAddress("a", 1884)
    assert parse_broker_url("mqtts://u:p%40@host") == BrokerAddress("host", 8883, "u", "p@", True)
    assert "p@" not in str(parse_broker_url("mqtts://u:p%40@host"))
    for wrong in ("http://a", "mqtt://", "mqtt://a:port"):
        with pytest.raises(BrokerUrlError):
            parse_broker_url(wrong)
