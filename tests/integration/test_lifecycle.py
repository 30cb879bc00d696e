"""Starting, ending, going on: what somebody sees who only ever types ``make run`` and Ctrl-C."""

import asyncio
import base64
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import aiomqtt
import psutil
import pytest

from tests.integration.network import ROOT, Network, running, start_network

pytestmark = [pytest.mark.network, pytest.mark.timeout(400)]


def find_processes(data_dir: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(data_dir) in word for word in process.cmdline()):
                found.append(process)
    return found


async def get_height(network: Network) -> int:
    async with network.chain as chain:
        return int((await chain.get("/status")).json()["height"])


async def test_ctrl_c_ends_everything_and_the_next_run_goes_on(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    first = await start_network(data_dir, "--hotspots", "1", "--sensors", "1", "--pace", "1.5")
    try:
        await first.wait_for("uplink", 90)
        height, ready = await get_height(first), dict(first.ready)
        assert len(find_processes(data_dir)) >= 7
        second = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "hexhaul.py"), "up", "--data-dir", str(data_dir),
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await second.communicate()
        assert second.returncode == 1 and b"another `hexhaul up` runs" in errors
    finally:
        assert await first.stop() == 0
    assert find_processes(data_dir) == []

    async with running(data_dir, "--hotspots", "1", "--sensors", "1", "--pace", "1.5") as again:
        assert again.ready == ready
        assert await get_height(again) >= height
        await again.wait_for("uplink", 60)
        assert not again.find("hotspot_added") and not again.find("device_added")
    assert find_processes(data_dir) == []


async def test_kill_9_on_any_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--pace", "1.5") as network:
        events: list[tuple[str, dict[str, Any]]] = []
        listening = asyncio.create_task(listen(network, events))
        await network.wait_for("uplink", 90)
        for name in ("hotspot-1", "hotspot-1-host", "ether", "collar-1", "chain"):
            heights = await get_height(network)
            mark = len(network.lines)
            await network.kill(name)
            await network.wait_for("uplink", 60, after=mark)
            if name == "chain":
                assert await get_height(network) >= heights

        # A downlink that MQTT has acknowledged, and then the router dies.
        info = next(event["deviceInfo"] for topic, event in events if topic.endswith("/up"))
        command = {
            "devEui": info["devEui"],
            "fPort": 9,
            "confirmed": True,
            "data": base64.b64encode(b"sit").decode(),
        }
        base = f"application/{info['applicationId']}/device/{info['devEui']}"
        host, port = network.mqtt
        async with aiomqtt.Client(host, port) as client:
            await client.publish(f"{base}/command/down", json.dumps(command), qos=1)
        before = await get_counters(network)
        await network.kill("router")
        after = await get_counters(network)
        assert all(after[key] >= before[key] for key in before), (before, after)
        async with asyncio.timeout(120):
            while not any(topic == f"{base}/event/ack" for topic, _ in events):
                await asyncio.sleep(0.1)
        listening.cancel()

        ids: dict[tuple[str, str, int, str], set[str]] = {}
        for topic, event in events:
            if topic.endswith("/event/up"):
                key = (event["deviceInfo"]["devEui"], event["devAddr"], event["fCnt"], event["data"])
                ids.setdefault(key, set()).add(event["deduplicationId"])
        assert len(ids) > 6
        assert all(len(found) == 1 for found in ids.values())
        assert len(set.union(*ids.values())) == len(ids)
        async with network.chain as chain:
            supply = (await chain.get("/supply")).json()
        for token in ("hxt", "data_credits"):
            books = supply[token]
            assert books["minted"] == books["burnt"] + books["held"] + books["locked"]


async def get_counters(network: Network) -> dict[str, int]:
    """What may only grow: frame counters of the devices, data credits promised to hotspots."""
    counters: dict[str, int] = {}
    async with network.router as router:
        for device in (await router.get("/devices")).json():
            detail = (await router.get(f"/devices/{device['dev_eui']}")).json()
            for session in detail["sessions"]:
                for name in ("f_cnt_up", "f_cnt_down"):
                    counters[f"{device['name']} {session['dev_addr']} {name}"] = session[name]
        for total in (await router.get("/data-credits")).json()["vouchers"]:
            counters[f"{total['hotspot_name']} data credits"] = total["total_data_credits"]
    assert len(counters) >= 4
    return counters


async def listen(network: Network, events: list[tuple[str, dict[str, Any]]]) -> None:
    """All events, across the broker's own death."""
    host, port = network.mqtt
    while True:
        with contextlib.suppress(aiomqtt.MqttError):
            async with aiomqtt.Client(host, port, identifier="listener", clean_session=False) as client:
                await client.subscribe("application/#", qos=1)
                async for message in client.messages:
                    events.append((str(message.topic), json.loads(bytes(message.payload))))  # type: ignore[arg-type]
        await asyncio.sleep(0.2)
