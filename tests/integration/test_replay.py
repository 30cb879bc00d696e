"""Recordings that nobody here made, fed through a hotspot's Semtech-UDP port as a packet forwarder would."""

import asyncio
import base64
import csv
import gzip
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import pytest

from tests.integration.network import ROOT, Network

pytestmark = [
    pytest.mark.network,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]


async def hexhaul(town: Network, *words: str) -> dict[str, Any]:
    """Runs a command against the town, as a user beside it would; its last line of JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "hexhaul.py"), *words, "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ, HEXHAUL_DATA=str(town.data_dir)),
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    answer: dict[str, Any] = json.loads(output.decode().strip().splitlines()[-1])
    return answer


async def wait_until(is_it: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not await is_it():
            await asyncio.sleep(0.1)


async def get_frames(router: httpx.AsyncClient, after: int = 0, **params: Any) -> list[dict[str, Any]]:
    """All frames of the router's frame view after a cursor."""
    frames: list[dict[str, Any]] = []
    while True:
        answer = await router.get("/frames", params={"after": after, "limit": 1000, **params})
        answer.raise_for_status()
        page = answer.json()
        if not page["frames"]:
            return frames
        frames += page["frames"]
        after = page["next"]


async def get_last_frame_id(router: httpx.AsyncClient) -> int:
    frames = (await router.get("/frames", params={"limit": 1})).json()["frames"]
    return int(frames[0]["frame_id"]) if frames else 0


async def get_drops(town: Network) -> dict[str, int]:
    """What the first hotspot's host dropped, by reason."""
    port = json.loads((town.data_dir / "ports.json").read_text())["hotspot-http-0"]
    async with httpx.AsyncClient() as client:
        status = (await client.get(f"http://127.0.0.1:{port}/status")).json()
    drops: dict[str, int] = status["counts"]["dropped"]
    return drops


async def test_pisa_every_good_frame_comes_out_once_with_its_plaintext(town: Network, shared: Path) -> None:
    folder = shared / "data/gwmp_pisa_known_keys"
    keys = json.loads((folder / "session_keys.json").read_text())
    with (folder / "expected_first600.csv").open() as file:
        expected = [
            (int(row["fcnt"]), int(row["fport"]), row["plaintext_hex"])
            for row in csv.DictReader(file)
            if row["stat"] == "1"
        ]
    assert len(expected) == 241
    await hexhaul(
        town, "device", "add", "--name", "waspmote", "--dev-addr", keys["devaddr"],
        "--nwk-s-key", keys["nwk_s_key"], "--app-s-key", keys["app_s_key"], "--application", "pisa",
    )  # fmt: skip
    before = await get_drops(town)
    host, port = town.mqtt
    got: list[tuple[int, int, str]] = []
    async with asyncio.timeout(120), aiomqtt.Client(host, port) as client:
        await client.subscribe("application/+/device/+/event/up", qos=1)
        summary = await hexhaul(town, "replay", str(folder))
        assert summary["push_data_sent"] == summary["push_data_acknowledged"] == 600
        async for message in client.messages:
            event = json.loads(bytes(message.payload))  # type: ignore[arg-type]
            if event["deviceInfo"]["deviceName"] == "waspmote":
                got.append((event["fCnt"], event["fPort"], base64.b64decode(event["data"]).hex()))
            if len(got) == 241:
                break
    assert got == expected
    dropped = {name: count - before.get(name, 0) for name, count in (await get_drops(town)).items()}
    assert dropped["crc_bad"] == 359

    # Once more: the concentrator's packets arrive, and none of them is news.
    async with town.router as router:
        mark = await get_last_frame_id(router)
        await hexhaul(town, "replay", str(folder))

        async def has_arrived() -> bool:
            return len(await get_frames(router, mark, dev_addr=keys["devaddr"])) >= 241 or (
                (await get_drops(town))["crc_bad"] - before.get("crc_bad", 0) == 2 * 359
            )

        await wait_until(has_arrived)
        devices = (await router.get("/devices")).json()
        dev_eui = next(device["dev_eui"] for device in devices if device["name"] == "waspmote")

        async def is_outbox_empty() -> bool:
            return (await router.get("/status")).json()["events_waiting"] == 0

        await wait_until(is_outbox_empty)
        events = (await router.get(f"/devices/{dev_eui}/events", params={"limit": 1000})).json()
        ups = [event for event in events["events"] if event["kind"] == "up"]
    assert len(ups) == 241


async def test_binghamton_frames_are_shown_merged_and_parsed_without_keys(
    town: Network, shared: Path
) -> None:
    path = shared / "data/ttn_live_binghamton/ttn_events.jsonl.gz"
    with gzip.open(path, "rt") as file:
        recorded = [json.loads(line) for line in file]
    ups = [event for event in recorded if event["name"] == "ns.up.data.process"]
    joins = [event for event in recorded if event["name"] == "ns.up.join.process"]
    assert len(ups) == 354
    async with town.router as router:
        mark = await get_last_frame_id(router)
        await hexhaul(town, "replay", str(path))

        async def get_strangers() -> list[dict[str, Any]]:
            frames = await get_frames(router, mark)
            return [
                frame for frame in frames if frame["region"] == "US915" or frame["frequency_hz"] > 900_000_000
            ]

        async def is_complete() -> bool:
            return len(await get_strangers()) >= len(ups) + len(
                {event["data"]["raw_payload"] for event in joins}
            )

        await wait_until(is_complete)
        frames = await get_strangers()
    data = [frame for frame in frames if frame["kind"].endswith("_up")]
    assert len(data) == 354
    for event, frame in zip(ups, data, strict=True):
        assert frame["phy_payload"] == event["data"]["raw_payload"]
        recorded_mac = event["data"]["payload"]["mac_payload"]
        header = recorded_mac["f_hdr"]
        control = header.get("f_ctrl", {})
        assert frame["dev_addr"] == header["dev_addr"].lower()
        assert frame["f_cnt"] == header.get("f_cnt", 0)
        assert frame["f_port"] == recorded_mac.get("f_port", 0 if "frm_payload" in recorded_mac else None)
        assert frame["confirmed"] == (event["data"]["payload"]["m_hdr"].get("m_type") == "CONFIRMED_UP")
        assert frame["adr"] == control.get("adr", False)
        assert frame["ack"] == control.get("ack", False)
        assert bytes.fromhex(frame["f_opts"]) == base64.b64decode(header.get("f_opts", ""))
        assert bytes.fromhex(frame["frm_payload"]) == base64.b64decode(recorded_mac.get("frm_payload", ""))
        assert bytes.fromhex(frame["mic"]) == base64.b64decode(event["data"]["payload"]["mic"])
        assert frame["frequency_hz"] == int(event["data"]["settings"]["frequency"])
        heard_by = {meta["gateway_ids"]["eui"].lower() for meta in event["data"]["rx_metadata"]}
        assert {reception["gateway_id"] for reception in frame["receptions"]} == heard_by
        assert len(frame["receptions"]) == len(event["data"]["rx_metadata"])
    assert sum(len(frame["receptions"]) == 2 for frame in data) > 70

    seen: set[str] = set()
    for frame in data:
        is_repeat = frame["phy_payload"] in seen
        assert (frame["class"] == "retransmission") == is_repeat, frame
        seen.add(frame["phy_payload"])
    found = [frame for frame in frames if frame["kind"] == "join_request"]
    recorded_joins = {event["data"]["raw_payload"] for event in joins}
    assert {frame["phy_payload"] for frame in found} == recorded_joins
    for frame in found:
        event = next(event for event in joins if event["data"]["raw_payload"] == frame["phy_payload"])
        fields = event["data"]["payload"]["join_request_payload"]
        assert frame["join_eui"] == fields["join_eui"].lower()
        assert frame["dev_eui"] == fields["dev_eui"].lower()


async def test_grenoble_becomes_a_layer_marked_as_imported_and_never_enters_the_ledger(
    town: Network, shared: Path
) -> None:
    async with town.chain as chain:
        before = (await chain.get("/hotspots")).json()
        summary = await hexhaul(town, "replay", str(shared / "data/helium_uplinks_grenoble"))
        assert summary["observations"] > 6000
        assert summary["observations_accepted"] > 0.99 * summary["observations"]
        repeats = summary["repeated_frames"]
        assert repeats["frames_repeated"] == 824
        classes = ("late_copy", "retransmission_other_frequency", "retransmission_same_frequency", "stale")
        assert sum(repeats[name] for name in classes) == repeats["repeats"]
        assert repeats["late_copy"] > 300 and repeats["retransmission_other_frequency"] > 600
        layer = (
            await chain.get("/observations/hexes", params={"bbox": "5,44.5,6.5,46", "resolution": 7})
        ).json()
        assert len(layer["features"]) >= 10
        assert layer["meta"]["imported"] is True
        assert (await chain.get("/hotspots")).json() == before
        # sent again, nothing is counted twice
        total = layer["features"][0]["properties"]["observations"]
        await hexhaul(town, "replay", str(shared / "data/helium_uplinks_grenoble"))
        again = (
            await chain.get("/observations/hexes", params={"bbox": "5,44.5,6.5,46", "resolution": 7})
        ).json()
        assert again["features"][0]["properties"]["observations"] == total
