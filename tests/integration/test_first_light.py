"""A sensor's packet reaches MQTT, a beacon pays a hotspot: the journeys through a whole network."""

import asyncio
import base64
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from hardware.lora.airtime import compute_time_on_air_us
from hardware.lora.regions import get_region
from tests.integration.network import Network

pytestmark = [
    pytest.mark.network,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]
READY_KEYS = {"map", "console", "chain_api", "router_api", "mqtt", "gwmp", "data_dir"}


async def get(network: Network, path: str, **params: Any) -> Any:
    async with network.chain as client:
        answer = await client.get(path, params=params)
        answer.raise_for_status()
        return answer.json()


async def get_items(network: Network, path: str, **params: Any) -> list[Any]:
    """The first page of a list."""
    items: list[Any] = (await get(network, path, **params))["items"]
    return items


async def collect(
    network: Network, topic: str, count: int, timeout_s: float
) -> list[tuple[str, dict[str, Any]]]:
    """The next messages of a topic, from the broker as any client gets them."""
    host, port = network.mqtt
    messages: list[tuple[str, dict[str, Any]]] = []
    async with asyncio.timeout(timeout_s), aiomqtt.Client(host, port) as client:
        await client.subscribe(topic, qos=1)
        async for message in client.messages:
            messages.append((str(message.topic), json.loads(bytes(message.payload))))  # type: ignore[arg-type]
            if len(messages) == count:
                break
    return messages


async def test_the_ready_file_says_where_all_is(town: Network) -> None:
    assert set(town.ready) == READY_KEYS
    assert town.ready["data_dir"] == str(town.data_dir)
    assert stat.S_IMODE((town.data_dir / "up.json").stat().st_mode) == 0o600
    assert (await get(town, "/status"))["height"] >= 0


async def test_secrets_are_private_files(town: Network) -> None:
    keys = [
        path
        for path in town.data_dir.rglob("*")
        if path.is_file() and ("key" in path.name or "token" in path.name)
    ]
    assert len(keys) >= 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


async def test_sensors_join_and_their_readings_reach_mqtt_via_several_hotspots(
    town: Network, shared: Path
) -> None:
    await town.wait_for("uplink", 120)
    events = await collect(town, "application/+/device/+/event/up", 5, 120)
    example = json.loads((shared / "vectors/chirpstack_messages/up.json").read_text())
    hotspots = {h["gateway_eui"]: h for h in await get_items(town, "/hotspots")}
    objects = {}
    heard = 0
    for topic, event in events:
        assert set(example) - {"object"} <= set(event)
        assert set(example["deviceInfo"]) <= set(event["deviceInfo"])
        info = event["deviceInfo"]
        assert topic == f"application/{info['applicationId']}/device/{info['devEui']}/event/up"
        assert {rx["gatewayId"] for rx in event["rxInfo"]} <= set(hotspots)
        assert len({rx["gatewayId"] for rx in event["rxInfo"]}) == len(event["rxInfo"])
        assert event["txInfo"]["frequency"] == 868_100_000
        assert event["txInfo"]["modulation"]["lora"]["spreadingFactor"] == 7
        heard = max(heard, len(event["rxInfo"]))
        objects[info["deviceName"]] = event["object"]
    assert heard >= 2, "no uplink came via two hotspots"
    assert set(objects) == {"collar-1", "garden-1"}
    assert (
        "gpsLocation" in json.dumps(objects["collar-1"]) or "gps" in json.dumps(objects["collar-1"]).lower()
    )


@pytest.mark.skipif(not shutil.which("mosquitto_sub"), reason="mosquitto_sub is not installed")
async def test_mosquitto_sub_shows_a_reading(town: Network) -> None:
    host, port = town.mqtt
    command = ["mosquitto_sub", "-h", host, "-p", str(port), "-t", "application/#", "-C", "1", "-W", "90"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert json.loads(output)["deviceInfo"]["deviceName"] in ("collar-1", "garden-1")


async def test_a_downlink_published_on_mqtt_reaches_the_sensor(town: Network) -> None:
    _, event = (await collect(town, "application/+/device/+/event/up", 1, 90))[0]
    info = event["deviceInfo"]
    base = f"application/{info['applicationId']}/device/{info['devEui']}"
    host, port = town.mqtt
    command = {
        "devEui": info["devEui"],
        "confirmed": True,
        "fPort": 10,
        "data": base64.b64encode(b"woof").decode(),
    }
    seen: dict[str, dict[str, Any]] = {}
    said = bytearray()
    serial_port = (town.data_dir / "boards" / f"{info['deviceName']}.tty").open("rb", buffering=0)
    loop = asyncio.get_running_loop()
    loop.add_reader(serial_port, lambda: said.extend(serial_port.read(4096)))
    async with asyncio.timeout(150), aiomqtt.Client(host, port) as client:
        await client.subscribe(f"{base}/event/+", qos=1)
        await client.publish(f"{base}/command/down", json.dumps(command), qos=1)
        async for message in client.messages:
            seen[str(message.topic).rsplit("/", 1)[1]] = json.loads(bytes(message.payload))  # type: ignore[arg-type]
            if {"txack", "ack"} <= set(seen):
                break
    assert seen["ack"]["acknowledged"] is True
    async with asyncio.timeout(30):  # and what the sensor itself says on its serial port:
        while b"downlink port 10 776f6f66" not in bytes(said).lower():
            await asyncio.sleep(0.1)
    loop.remove_reader(serial_port)
    serial_port.close()


async def test_beacons_are_witnessed_verified_and_paid(town: Network) -> None:
    await town.wait_for("epoch_closed", 200, is_it=lambda line: line.get("hotspots", 0) >= 3)
    (auditor,) = await get_items(town, "/auditors")
    assert auditor["kind"] == "hotspot", "one hotspot is named as audited, the others earn since it met them"
    verdicts = await get_items(town, "/poc/verdicts", limit=200)
    good = [row for row in verdicts if row["event"] == "witness_verdict" and row["ok"]]
    assert len({row["hotspot"] for row in good}) == 3
    assert all(row["hotspot"] != row["beaconer"] for row in good)
    rewards = await get_items(town, "/rewards", limit=200)
    assert {"beacon", "witness"} <= {row["reward"] for row in rewards if row["hxt"] > 0}


async def test_the_hotspot_that_delivered_is_credited_and_the_books_add_up(town: Network) -> None:
    await town.wait_for("uplink", 60)

    async def get_claimed() -> int:
        channels = await get_items(town, "/channels")
        return sum(channel["claimed_data_credits"] for channel in channels)

    async with asyncio.timeout(200):
        while not await get_claimed():
            await asyncio.sleep(0.5)
    supply = await get(town, "/supply")
    for token, books in supply.items():
        if isinstance(books, dict):
            assert books["minted"] == books["burnt"] + books["held"] + books["locked"], token
    assert supply["data_credits"]["burnt"] > 0


async def test_everything_on_the_air_keeps_the_law(town: Network) -> None:
    """Adds up what each station sent in each sub-band, from the ether's own record."""
    everybody = {"hotspot-1", "hotspot-2", "hotspot-3", "collar-1", "garden-1"}
    sent: list[dict[str, Any]] = []
    span_us = 0
    async with asyncio.timeout(150):
        while span_us < 100_000_000 or not everybody <= {row["node"] for row in sent}:
            await asyncio.sleep(0.5)
            lines = (town.data_dir / "logs" / "air.jsonl").read_text().rpartition("\n")[0].splitlines()
            sent = [json.loads(line) for line in lines]
            start_us = min((row["at_us"] for row in sent), default=0)
            span_us = max((row["at_us"] + row["time_on_air_us"] for row in sent), default=0) - start_us
    region = get_region("EU868")
    totals: dict[tuple[str, int], int] = {}
    limits: dict[int, int] = {}
    last_uplink: dict[str, int] = {}
    for row in sent:
        expected_us = compute_time_on_air_us(
            row["payload_bytes"], row["spreading_factor"], row["bandwidth_hz"], crc=not row["invert_iq"]
        )
        assert row["time_on_air_us"] == expected_us
        band = next(b for b in region.sub_bands if b.start_hz <= row["frequency_hz"] < b.end_hz)
        limits[band.start_hz] = band.duty_cycle_ppm
        totals[row["node"], band.start_hz] = (
            totals.get((row["node"], band.start_hz), 0) + row["time_on_air_us"]
        )
        if not row["node"].startswith("hotspot"):
            previous = last_uplink.get(row["node"])
            assert previous is None or row["at_us"] - previous > 9_500_000
            last_uplink[row["node"]] = row["at_us"]
    for (node, band_hz), airtime_us in totals.items():
        # one transmission may stand at the edge of the span
        assert airtime_us - 250_000 <= span_us * limits[band_hz] // 1_000_000, (
            node,
            band_hz,
            airtime_us,
            span_us,
        )
